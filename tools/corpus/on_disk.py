"""Pairs as wav files, mixed piece by piece: no process holds more than one pair."""

from __future__ import annotations

import os
from pathlib import Path

import soundfile

from ...models.errors import StapesError
from ...models.files import made_folders, record, staging
from ..evaluation.recordings import LIST
from ..progress import progress
from ..work import Crew, Lost
from .decode import RATE
from .mix import Plan

SIDES = ("noisy", "clean")
# Pairs a piece, and how many seconds of them are worth the start of a process.
PIECE, PROCESS_SECONDS = 32, 600.0


def write_set(out: Path, plan: Plan, count: int, crew: Crew) -> None:
    """Write `count` pairs of a plan and the list of them into a new folder: all of it, or nothing.

    Raises StapesError where they cannot be mixed or written.
    """
    with made_folders([out.absolute().parent]), staging(out.absolute().parent) as work:
        crew.connect([Path(plan.folder), work])
        made = work / "pairs"  # with the usual rights, which a temporary folder has not
        made.mkdir()
        crew.worth(int(count * plan.seconds / PROCESS_SECONDS))
        try:
            _write(crew, plan, made, count)
        except OSError as error:
            raise StapesError(
                f"{out}: cannot be written ({error.strerror or error}); check the folder, its rights and the free space"
            ) from None
        os.rename(made, out)


def _write(crew: Crew, plan: Plan, work: Path, count: int) -> None:
    """All pairs, and the list of them, in the order of their numbers."""
    for side in SIDES:
        (work / side).mkdir()
    pieces = [(str(work), range(start, min(start + PIECE, count))) for start in range(0, count, PIECE)]
    lines: dict[int, list[str]] = {}
    with progress("mixing, pairs", count) as done:
        for place, made in crew.each(write_pairs, plan, pieces):
            if isinstance(made, Lost):
                raise StapesError(f"{plan.folder}: pairs could not be mixed: {made.reason}; try again with --workers 1")
            lines[place] = made
            done(len(made))
    text = "\n".join(["name\tsnr_db\tspeaker\tnoise", *(line for place in sorted(lines) for line in lines[place])])
    (work / LIST).write_text(text + "\n", encoding="utf-8")
    record(work, sorted(path.relative_to(work).as_posix() for path in work.rglob("*.*") if path.is_file()), "mix")


def write_pairs(plan: Plan, piece: tuple[str, range]) -> list[str]:
    """Write some pairs below a folder; their lines of the list."""
    folder, indices = piece
    material, lines = plan.material(), []
    for index in indices:
        pair = plan.pair(material, index)
        for side, audio in zip(SIDES, (pair.noisy, pair.clean), strict=True):
            soundfile.write(Path(folder) / side / f"{pair.name}.wav", audio, RATE, subtype="PCM_16")
        lines.append(f"{pair.name}\t{pair.snr_db:g}\t{pair.speaker}\t{pair.noise}")
    return lines
