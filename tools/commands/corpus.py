"""`stapes corpus`: fetch real speech and noise, tell what is there, write pairs."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from ...models.errors import StapesError
from ...models.files import check_folder
from ..console import console
from ..corpus.build import fetch as fetch_corpus
from ..corpus.degrade import Degradation
from ..corpus.manifest import load_manifest
from ..corpus.mix import planned
from ..corpus.on_disk import write_set
from ..corpus.sources import SPLITS
from ..work import Crew


def fetch(
    folder: Path,
    *,
    lean: bool,
    own: Path | None,
    only_own: bool,
    without: list[str],
    seed: int,
    workers: int,
    scheduler: str | None,
    quiet: bool,
) -> None:
    """The command, whose options stand in `tools.cli.corpus`."""
    if only_own and own is None:
        raise StapesError("--only-own needs --own FOLDER; name the folder with your speech/ and noise/")
    with Crew(workers, scheduler) as crew:
        fetch_corpus(folder, lean, own, tuple(without), only_own, seed, quiet, crew)
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
    with Crew(workers, scheduler) as crew:
        write_set(out, plan, count, crew)
