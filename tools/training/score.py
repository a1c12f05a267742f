"""Scores of a float checkpoint on fixed pairs of a split, beside those of its input, of the Wiener filter and of another checkpoint."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.table import Table

from ...models import checkpoint
from ...models.errors import StapesError
from ...models.pipeline import FloatPipeline
from ..console import console
from ..corpus import Mix, make_set
from ..evaluation.statistics import Mean, Paired, Scores, means, paired
from ..metrics import LABELS, METRICS, measure


def score(
    model: Annotated[Path, typer.Argument(help="The checkpoint, of the GRU mask or GTCRN.")],
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")],
    against: Annotated[Path | None, typer.Option(help="Another checkpoint, to be compared pair by pair.")] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    pairs: Annotated[int, typer.Option(help="Number of pairs.")] = 48,
    seconds: Annotated[float, typer.Option(help="Length of each.")] = 6.0,
    snr: Annotated[list[float] | None, typer.Option(help="An SNR in dB; may be repeated.")] = None,
    level: Annotated[float, typer.Option(help="dB by which all pairs are made louder or, below 0, softer.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the pairs.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable, on standard output.")] = False,
) -> None:
    """Mean PESQ, STOI, ESTOI and SI-SDR, with standard errors, of the input, the Wiener filter and the network.

    \b
    Example:
      python -m stapes.tools.training.score models/zoo/gru_mask.pt --corpus corpus
      python -m stapes.tools.training.score training/best.pt --against model_trained_on_dns3.tar --corpus corpus --pairs 24
    """
    torch.set_num_threads(1)
    mixes = make_set(corpus, split, pairs, seconds, snr or [0.0, 5.0, 10.0], seed)
    outputs = {"noisy": np.stack([mix.noisy for mix in mixes]), **_outputs(model, mixes, level)}
    if against is not None:
        outputs["against"] = _outputs(against, mixes, level)["network"]
    rows: list[Scores] = [
        {name: measure(mix.clean[: audio.shape[1]], audio[index]) for name, audio in outputs.items()}
        for index, mix in enumerate(mixes)
    ]
    whole = means(rows, list(outputs), list(METRICS))
    names = [mix.name for mix in mixes]
    gains = [paired(rows, names, "network", "against", key) for key in METRICS] if against is not None else []
    if as_json:
        print(json.dumps({"means": _plain(whole), "paired": [gain.to_json() for gain in gains]}))
    else:
        _print(whole, gains)


def _outputs(path: Path, mixes: list[Mix], level_db: float) -> dict[str, np.ndarray]:
    """What the network makes of the pairs, and the Wiener filter before it if there is one: (N, S) in time with the clean speech."""
    network, sound_path, _ = checkpoint.load(path)
    noisy = 10.0 ** (level_db / 20.0) * np.stack([mix.noisy for mix in mixes]).astype(np.float64)
    systems = {"network": FloatPipeline(sound_path, network)}
    if sound_path.makes("gain_q15"):
        systems = {"Wiener": FloatPipeline(sound_path), **systems}
    return {name: pipeline.run(noisy)[:, sound_path.delay :] for name, pipeline in systems.items()}


def _plain(whole: dict[str, dict[str, Mean]]) -> dict[str, dict[str, dict[str, float | int | None]]]:
    return {name: {key: asdict(value) for key, value in row.items()} for name, row in whole.items()}


def _print(whole: dict[str, dict[str, Mean]], gains: list[Paired]) -> None:
    table = Table("", *(LABELS[name] for name in METRICS))
    for name, row in whole.items():
        table.add_row(name, *(_figure(row[key], "") for key in METRICS))
    if gains:
        table.add_row("network less against", *(_figure(gain, "+") for gain in gains))
        table.add_row("p of the paired t-test", *(f"{gain.p:.2g}" if gain.p is not None else "" for gain in gains))
    console.print(table)


def _figure(value: Mean | Paired, sign: str) -> str:
    """Mean and standard error, as far as there are any."""
    mean = "" if value.mean is None else f"{value.mean:{sign}.3f}"
    return mean if value.standard_error is None else f"{mean} ± {value.standard_error:.3f}"


if __name__ == "__main__":
    try:
        typer.run(score)
    except StapesError as error:
        sys.exit(f"score: error: {error}")
