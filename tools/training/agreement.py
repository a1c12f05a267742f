"""On how many frames do the forward passes of training for integers agree with the integer engine, all bins in every bit?"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.table import Table

from ...models import checkpoint
from ...models.errors import StapesError
from ...models.gru_mask import GruMask
from ...models.onnx_export import export_onnx
from ...models.pipeline import FloatPipeline
from ...models.sound_files import read_audio
from ...quantize.graph import Graph
from ...quantize.onnx_reader import read_onnx
from ...quantize.pipeline import quantise
from ...quantize.recipe import load_recipe
from ..audio_files import DEMO
from ..console import console
from . import networks
from .fake_quant import FakeQuantisedMask, Ranges
from .integer import IntegerForward, run_integer


def masks_of(graph: Graph, features: np.ndarray) -> np.ndarray:
    """`features` (B, T, F) float32 -> mask (B, T, K) float32 of the integer engine."""
    (mask,) = graph.outputs
    return run_integer(graph, torch.from_numpy(features))[mask].value.transpose(0, 1).numpy()


def ranges_of(graph: Graph, layers: int) -> Ranges:
    """The formats of an integer graph as ranges of the imitation, where r and z share the wider of theirs."""

    def span(*names: str) -> list[float]:
        tensors = [graph.tensors[name] for name in names]
        spans = [[(limit - t.zero_point) * float(t.scale[0]) for limit in t.limits] for t in tensors]  # type: ignore[index]
        return [min(s[0] for s in spans), max(s[1] for s in spans)]

    ranges = Ranges()
    ranges.values = {"features": span("features"), "narrow": span("linear"), "fc2": span("linear_1")}
    for gru in (f"gru{index}" for index in range(layers)):
        for role in ("xr", "xz", "xn", "hn", "an"):
            ranges.values[f"{gru}/{role}"] = span(f"{gru}/{role}")
        ranges.values[f"{gru}/h_gates"] = span(f"{gru}/hr", f"{gru}/hz")
        ranges.values[f"{gru}/a_gates"] = span(f"{gru}/ar", f"{gru}/az")
    return ranges


def agreement(ours: np.ndarray, engine: np.ndarray) -> dict[str, float | int]:
    """Two masks (B, T, K), codes of 1/256 -> frames, those equal in every bin, the share of equal values, the largest difference in codes."""
    codes = np.abs(np.round((ours - engine) * 256.0))
    return {
        "frames": int(codes.shape[0] * codes.shape[1]),
        "equal_frames": int((codes == 0).all(axis=2).sum()),
        "equal_values": float((codes == 0).mean()),
        "largest_difference": int(codes.max()),
    }


def quantised(model: GruMask, features: np.ndarray) -> Graph:
    """The integer graph that `stapes quantize` makes of the network as training stores it, calibrated on `features` (B, T, F)."""
    stored = networks.snapped(model)
    with tempfile.TemporaryDirectory(prefix="stapes-agreement-") as work:
        path = Path(work) / "network.onnx"
        export_onnx(stored, stored.config.sound_path(), path)
        _, source = read_onnx(path)
    return quantise(source, load_recipe("w8a8"), [{"features": crop} for crop in features]).graph


@torch.no_grad()
def compare(model: GruMask, features: np.ndarray) -> dict[str, dict[str, float | int]]:
    """`features` (B, T, F) float32 -> `agreement` of each forward pass and of float with the network as `quantize` makes it.

    Recipe w8a8, calibrated on the same frames by all.
    """
    given = torch.from_numpy(features)
    forward = IntegerForward(model, "w8a8")
    forward.calibrate(given)
    graph = quantised(model, features)
    engine = masks_of(graph, features)
    imitation = FakeQuantisedMask(model, ranges_of(graph, model.config.num_layers))
    every = torch.ones(len(features), dtype=torch.bool)
    passes = {
        "engine": forward(given),
        "activations": imitation(given, int8=True, features_int8=every),
        "float": model(given)[0],
    }
    return {name: agreement(mask.numpy(), engine) for name, mask in passes.items()}


def main(
    model: Annotated[Path, typer.Argument(help="A checkpoint of the GRU mask.")],
    audio: Annotated[Path, typer.Option(help="Folder of noisy recordings, NAME_noisy.")] = DEMO,
    seconds: Annotated[float, typer.Option(help="Of each recording.")] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable, on standard output.")] = False,
) -> None:
    """Count the frames on which the forward pass of quantisation-aware training and the integer engine agree.

    \b
    Example:
      python -m stapes.tools.training.agreement models/zoo/gru_mask.pt
    """
    torch.set_num_threads(1)
    network, sound_path, _ = checkpoint.load(model, "gru-mask")
    files = sorted(path for path in audio.iterdir() if "noisy" in path.stem)
    if not files:
        raise StapesError(f"{audio}: holds no NAME_noisy recording; give another folder")
    samples = round(seconds * sound_path.sample_rate)
    features = [FloatPipeline(sound_path).analyse(read_audio(path)[:samples])["features"][0] for path in files]
    least = min(len(part) for part in features)
    rows = compare(network, np.stack([part[:least] for part in features]).astype(np.float32))
    if as_json:
        print(json.dumps(rows))
        return
    table = Table("imitate", "frames", "equal in every bit", "equal values", "largest difference, codes")
    for name, row in rows.items():
        values = f"{row['frames']}", f"{row['equal_frames']}", f"{row['equal_values']:.3f}"
        table.add_row(name, *values, f"{row['largest_difference']}")
    console.print(table)


if __name__ == "__main__":
    try:
        typer.run(main)
    except StapesError as error:
        sys.exit(f"agreement: error: {error}")
