"""`stapes steer`: what was written, in a line; the file is for machines."""

from __future__ import annotations

from pathlib import Path

from ..console import console
from ..library.steer import steer as make_steering


def steer(decoder: Path, latents: Path, bundle: Path, output: Path, *, every: float, engine: str) -> None:
    """The command, whose options stand in `tools.cli.steer`."""
    made = make_steering(decoder, latents, bundle, output, every=every, engine=engine)
    console.print(f"{len(made.seconds)} changes, one every {every:g} s, engine {engine}: {output}")
