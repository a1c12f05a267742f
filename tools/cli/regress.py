"""`stapes regress`: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..defaults import DEVICE_ENGINE, DEVICE_SECONDS
from .crew import Scheduler, Workers
from .loading import loading


def regress(
    bundle: Annotated[Path, typer.Argument(help="Bundle made by `stapes quantize`.")],
    audio: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Sound files (wav, flac, ogg, mp3 or aiff), or folders. Default: the demo recordings. For a network without an audio "
            "path .npz files of frames; default: its golden vectors."
        ),
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            help="Engines to hold against numpy, over all of the audio; may be repeated. Default: all that run here, "
            f"{DEVICE_ENGINE} over the first {DEVICE_SECONDS:g} s."
        ),
    ] = None,
    update: Annotated[bool, typer.Option(help="Lock the output of this audio in the bundle.")] = False,
    lock: Annotated[
        bool,
        typer.Option(
            "--lock/--no-lock", help="Hold the output to what is locked in the bundle, where a lock is there."
        ),
    ] = True,
    workers: Workers = 0,
    scheduler: Scheduler = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result on standard output.")] = False,
) -> None:
    """Run all integer engines over audio and exit with 1 at a disagreement, a changed output, audio that a lock does not hold, or a missed threshold.

    Examples:

    `stapes regress build/mask`

    `stapes regress build/mask recordings/ --engine native --json`

    `stapes regress build/mask noisy.wav --engine cortex-m7 --engine cortex-m7-qemu`

    `stapes regress build/network frames.npz`

    `stapes regress build/mask recordings/ --workers 4`
    """
    with loading():
        from ..commands import regress as command
    command.regress(
        bundle,
        audio=audio,
        engine=engine,
        update=update,
        lock=lock,
        workers=workers,
        scheduler=scheduler,
        json=json,
    )
