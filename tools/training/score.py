"""Scores of a float checkpoint on fixed pairs of a split, beside those of its input and of the Wiener filter alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from models import checkpoint
from models.errors import StapesError
from models.pipeline import FloatPipeline
from tools.corpus import make_set
from tools.metrics import LABELS, METRICS, measure


def score(
    model: Annotated[Path, typer.Argument(help="The checkpoint.")],
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    pairs: Annotated[int, typer.Option(help="Number of pairs.")] = 48,
    seconds: Annotated[float, typer.Option(help="Length of each.")] = 6.0,
    snr: Annotated[list[float] | None, typer.Option(help="An SNR in dB; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Of the pairs.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable, on standard output.")] = False,
) -> None:
    """Mean PESQ, STOI, ESTOI and SI-SDR of the input, the Wiener filter and the network.

    \b
    Example:
      python -m tools.training.score models/zoo/gru_mask.pt --corpus corpus
    """
    torch.set_num_threads(1)
    network, frontend, _ = checkpoint.load(model, "gru-mask")
    mixes = make_set(corpus, split, pairs, seconds, snr or [0.0, 5.0, 10.0], seed)
    noisy, clean = np.stack([m.noisy for m in mixes]), np.stack([m.clean for m in mixes])
    delay = frontend.delay
    rows = {
        "noisy": _means(noisy, clean),
        "Wiener": _means(FloatPipeline(frontend).run(noisy)[:, delay:], clean[:, :-delay]),
        "Wiener and network": _means(FloatPipeline(frontend, network).run(noisy)[:, delay:], clean[:, :-delay]),
    }
    if as_json:
        print(json.dumps(rows))
        return
    table = Table("", *(LABELS[name] for name in METRICS))
    for name, values in rows.items():
        table.add_row(name, *(f"{values[key]:.3f}" for key in METRICS))
    Console().print(table)


def _means(output: np.ndarray, clean: np.ndarray) -> dict[str, float]:
    """`output`, `clean` (N, S), aligned -> mean of each metric over the pairs for which it is defined."""
    values = [measure(s, y) for s, y in zip(clean, output, strict=True)]
    return {name: float(np.mean([v[name] for v in values if v[name] is not None])) for name in METRICS}


if __name__ == "__main__":
    try:
        typer.run(score)
    except StapesError as error:
        sys.exit(f"score: error: {error}")
