"""Scores of a float checkpoint on fixed pairs of a split, beside those of its input and of the Wiener filter alone."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from pesq import pesq
from pystoi import stoi
from rich.console import Console
from rich.table import Table
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from models import checkpoint
from models.pipeline import FloatPipeline
from tools.corpus import make_set

RATE = 16000
COLUMNS = {"pesq": "PESQ", "stoi": "STOI", "estoi": "ESTOI", "si_sdr_db": "SI-SDR dB"}


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
    network, frontend, _ = checkpoint.load(model)
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
    table = Table("", *COLUMNS.values())
    for name, values in rows.items():
        table.add_row(name, *(f"{values[key]:.3f}" for key in COLUMNS))
    Console().print(table)


def _means(output: np.ndarray, clean: np.ndarray) -> dict[str, float]:
    """`output`, `clean` (N, S), aligned -> mean of each score."""
    output, clean = output.astype(np.float64), clean.astype(np.float64)
    scores: dict[str, list[float]] = {key: [] for key in COLUMNS}
    for y, s in zip(output, clean, strict=True):
        scores["pesq"].append(pesq(RATE, s, y, "wb"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # too few frames with speech: pystoi's floor is the score
            scores["stoi"].append(stoi(s, y, RATE))
            scores["estoi"].append(stoi(s, y, RATE, extended=True))
        y_tensor, s_tensor = torch.from_numpy(y.copy()), torch.from_numpy(s.copy())
        scores["si_sdr_db"].append(float(scale_invariant_signal_distortion_ratio(y_tensor, s_tensor)))
    return {key: float(np.mean(values)) for key, values in scores.items()}


if __name__ == "__main__":
    typer.run(score)
