"""The regression of a bundle without an audio path: every integer engine of its network over frames, tensor by tensor."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ..firmware_sim.compare import Difference, first_tensor_difference
from ..firmware_sim.engines.network import NetworkEngine, run_network
from ..models.errors import Remark, StapesError
from .bundle import Bundle
from .defaults import DEVICE_ENGINE
from .engines import DEVICE, EXACT, make_network_engine, unavailable
from .frames import Frames, as_frames, read_frames, sha256_of_codes
from .progress import progress
from .regression import REFERENCE, EngineOutput, Output, Report, chosen, settle_lock

GOLDEN = "golden vectors"

Codes = Mapping[str, np.ndarray]


def run_network_regression(
    bundle: Bundle, files: Sequence[Path], engines: Sequence[str] = (), update: bool = False, lock: bool = True
) -> Report:
    """Compare engines and lock over .npz files, or over the bundle's golden vectors, whose outputs numpy is held to."""
    report = Report(files=len(files))
    names = chosen(engines, (*EXACT, DEVICE_ENGINE), (*EXACT, *DEVICE), unavailable(), report)
    vectors = {} if files else bundle.vectors()
    stretches = [read_frames(path, bundle.graph) for path in files] or [as_frames(GOLDEN, vectors, bundle.graph)]
    if lock:
        bundle.lock(update)  # what is no lock of this bundle is told before the work
    outputs: dict[str, list[Codes]] = {}
    for name in names:
        engine = make_network_engine(name, bundle)
        outputs[name] = _timed(name, engine, stretches, report)
        if name != REFERENCE:
            report.engines[name].bits = "equal"
        expected, got = outputs[REFERENCE], outputs[name]
        if name == REFERENCE and not files:
            expected = [{output: vectors[output][None] for output in bundle.graph.outputs}]
        found = _first(name, expected, got)
        if found is not None:
            report.engines[name].bits = "differ"
            if name != REFERENCE:
                found = locate(make_network_engine(REFERENCE, bundle), engine, stretches, found)
            report.first_difference = report.first_difference or found
    if lock:
        key = sha256_of_codes([stretch.codes for stretch in stretches], bundle.graph)
        whole = Output("the frames", key, report.engines[REFERENCE].sha256)
        settle_lock(bundle, whole, _hashed(bundle, stretches, outputs[REFERENCE]), report, update)
    if bundle.recipe.thresholds:
        words = "the recipe's thresholds are of sound, this bundle has no audio path; not checked"
        warnings.warn(words, Remark, stacklevel=2)
    return report


def _timed(name: str, engine: NetworkEngine, stretches: Sequence[Frames], report: Report) -> list[Codes]:
    """Outputs of each stretch from reset: name -> codes (1, T, values)."""
    frames = sum(stretch.count for stretch in stretches)
    start = time.perf_counter()
    with progress(f"{name} engine, frames", frames) as done:
        made = [run_network(engine, _alone(stretch.codes), progress=done) for stretch in stretches]
    seconds = time.perf_counter() - start
    rows = [{output: values[output][0] for output in engine.graph.outputs} for values in made]
    report.engines[name] = EngineOutput(
        sha256_of_codes(rows, engine.graph), frames=frames, microseconds_a_frame=round(1e6 * seconds / frames, 1)
    )
    return [{output: values[output] for output in engine.graph.outputs} for values in made]


def _hashed(bundle: Bundle, stretches: Sequence[Frames], made: Sequence[Codes]) -> list[Output]:
    """What a lock holds of each stretch."""
    graph = bundle.graph
    rows = ({name: codes[name][0] for name in graph.outputs} for codes in made)
    return [
        Output(stretch.label, sha256_of_codes([stretch.codes], graph), sha256_of_codes([row], graph))
        for stretch, row in zip(stretches, rows, strict=True)
    ]


def _alone(codes: Codes, frames: int | None = None) -> dict[str, np.ndarray]:
    """Codes (T, *shape) as a batch of one utterance, of its first `frames`."""
    return {name: values[None, :frames] for name, values in codes.items()}


def _first(name: str, expected: Sequence[Codes], got: Sequence[Codes]) -> Difference | None:
    """The first output that differs; `utterance` is the stretch."""
    for index, (a, b) in enumerate(zip(expected, got, strict=True)):
        found = first_tensor_difference(name, a, b)
        if found is not None:
            return _of_stretch(found, index)
    return None


def locate(reference: NetworkEngine, other: NetworkEngine, stretches: Sequence[Frames], seen: Difference) -> Difference:
    """Run both engines again, traced, up to the frame of the output that differs: the first tensor that does."""
    frames = _alone(stretches[seen.utterance].codes, seen.frame + 1)
    traces = [run_network(engine, frames, trace=True) for engine in (reference, other)]
    found = first_tensor_difference(other.name, *traces)
    return seen if found is None else _of_stretch(found, seen.utterance)


def _of_stretch(found: Difference, stretch: int) -> Difference:
    return Difference(found.engine, found.tensor, stretch, found.frame, found.index, found.expected, found.got)


def refuse_sound(files: Sequence[Path]) -> None:
    """Raises StapesError for an argument that is no .npz file."""
    for path in files:
        if path.suffix.lower() != ".npz":
            raise StapesError(
                f"{path}: this bundle is a network without an audio path and takes .npz files of frames; "
                "for sound quantise it with --front-end"
            )
