"""Recordings of a package or of the user, decoded here or by workers, in the order in which they stand."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ...models.errors import Remark
from ..work import Crew, Lost
from .decode import Audio, Unfit, read_noise, read_speech

# Recordings a piece, and how many are worth the start of a process.
PIECE, PROCESS_FILES = 8, 100


class Decoded(NamedTuple):
    """A recording: its place among all, samples (S,) float32 at 16 kHz, and the native format of speech, "" of noise."""

    place: int
    audio: Audio
    form: str


def decoded(crew: Crew, paths: Sequence[Path], speech: Sequence[bool]) -> Iterator[Decoded]:
    """What can be used of the recordings, in their order; a remark names those that ended the process which read them."""
    items = [(os.path.abspath(path), kind) for path, kind in zip(paths, speech, strict=True)]
    pieces = [range(start, min(start + PIECE, len(items))) for start in range(0, len(items), PIECE)]
    found: dict[int, tuple[Audio, str] | None] = {}
    lost: list[int] = []
    for number, made in crew.each(decode_piece, None, [[items[place] for place in piece] for piece in pieces]):
        if isinstance(made, Lost):
            lost += pieces[number]
        else:
            found |= dict(zip(pieces[number], made, strict=True))
    for number, made in crew.each(decode_piece, None, [[items[place]] for place in lost]):
        if isinstance(made, Lost):
            warnings.warn(f"{items[lost[number]][0]}: left out: {made.reason}", Remark, stacklevel=2)
        else:
            (found[lost[number]],) = made
    for place in sorted(found):
        if (made_of := found[place]) is not None:
            yield Decoded(place, *made_of)


def decode_piece(_shared: None, items: Sequence[tuple[str, bool]]) -> list[tuple[Audio, str] | None]:
    """Some recordings, each with whether it is speech; None for one that is of no use."""
    return [_decode(Path(path), speech) for path, speech in items]


def _decode(path: Path, speech: bool) -> tuple[Audio, str] | None:
    try:
        return read_speech(path) if speech else (read_noise(path), "")
    except Unfit:
        return None
