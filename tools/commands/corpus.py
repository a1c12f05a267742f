"""`stapes corpus`: fetch real speech and noise, tell what is there, write pairs."""

from __future__ import annotations

import os
from pathlib import Path

import soundfile
from rich.table import Table

from ...models.errors import StapesError
from ...models.files import check_folder, made_folders, record, staging
from ..console import console
from ..corpus.build import fetch as fetch_corpus
from ..corpus.decode import RATE
from ..corpus.degrade import Degradation
from ..corpus.manifest import load_manifest
from ..corpus.mix import Plan, planned
from ..corpus.sources import SPLITS
from ..evaluation.recordings import LIST
from ..progress import progress
from ..work import Crew, Lost

SIDES = ("noisy", "clean")
# Pairs a piece, and how many seconds of them are worth the start of a process.
PIECE, PROCESS_SECONDS = 32, 600.0


def fetch(
    folder: Path, *, lean: bool, own: Path | None, only_own: bool, without: list[str], seed: int, quiet: bool
) -> None:
    """The command, whose options stand in `tools.cli.corpus`."""
    if only_own and own is None:
        raise StapesError("--only-own needs --own FOLDER; name the folder with your speech/ and noise/")
    fetch_corpus(folder, lean, own, tuple(without), only_own, seed, quiet)
    status(folder)


def status(folder: Path) -> None:
    """A table of the minutes of speech and noise in each split."""
    manifest = load_manifest(folder)
    table = Table("split", "speech min", "speakers", "noise min", "noises")
    for split in SPLITS:
        speech, noise = manifest.items("speech", split), manifest.items("noise", split)
        table.add_row(
            split,
            f"{manifest.minutes('speech', split):.1f}",
            str(len({item.speaker for item in speech})),
            f"{manifest.minutes('noise', split):.1f}",
            ", ".join(sorted({item.label for item in noise})),
        )
    console.print(table)


def mix(
    folder: Path,
    out: Path,
    *,
    split: str,
    count: int,
    seconds: float,
    snr: list[float],
    noise: list[str] | None,
    seed: int,
    room: float,
    band: float,
    clip: float,
    workers: int,
    scheduler: str | None,
) -> None:
    """The command, whose options stand in `tools.cli.corpus`."""
    if out.exists():
        raise StapesError(f"{out}: exists; name a new folder")
    check_folder(out)
    plan = planned(folder.absolute(), split, count, seconds, snr, seed, noise, Degradation(room, band, clip))
    with (
        made_folders([out.absolute().parent]),
        Crew(workers, scheduler) as crew,
        staging(out.absolute().parent) as work,
    ):
        crew.connect([folder, work])
        made = work / "pairs"  # with the usual rights, which a temporary folder has not
        made.mkdir()
        crew.worth(int(count * seconds / PROCESS_SECONDS))
        try:
            _write_all(crew, plan, made, count)
        except OSError as error:
            raise StapesError(
                f"{out}: cannot be written ({error.strerror or error}); check the folder, its rights and the free space"
            ) from None
        os.rename(made, out)


def _write_all(crew: Crew, plan: Plan, work: Path, count: int) -> None:
    """All pairs, and the list of them, in the order of their numbers. No process holds more than one pair."""
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
