"""`stapes simulate`: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .loading import loading


def simulate(
    bundle: Annotated[Path, typer.Argument(help="Bundle made by `stapes quantize`.")],
    audio: Annotated[
        Path,
        typer.Argument(
            help="A sound file (wav, flac, ogg, mp3 or aiff), or a folder of them; for a network without an audio path an .npz file "
            "of frames, or a folder of them."
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "-o",
            "--output",
            help="A wav or flac file, or a folder when the input is a folder; .npz for .npz.",
            metavar="<path>",
        ),
    ],
    engine: Annotated[
        str, typer.Option(help="numpy, native, tflm, litert, float, cortex-m7 or cortex-m7-qemu.")
    ] = "native",
    align: Annotated[
        bool, typer.Option(help="Shift the output back by the stream's delay, so that it lies over the input.")
    ] = False,
    controls: Annotated[
        Path | None,
        typer.Option(help="TOML with changes of the bundle's controls and their times in seconds."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="A PNG file with the spectrograms of input and output, of a single input.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result on standard output.")] = False,
) -> None:
    """Run the device's pipeline over audio and write what the device would play.

    Of a folder, files that cannot be read are left out and named at the end, with exit code 2.

    Examples:

    `stapes simulate build/mask noisy.wav -o enhanced.wav`

    `stapes simulate build/mask recordings/ -o enhanced/ --engine numpy`

    `stapes simulate build/ear noisy.wav -o enhanced.wav --controls controls.toml --plot enhanced.png`

    `stapes simulate build/network frames.npz -o out.npz`

    `stapes simulate build/mask noisy.wav -o enhanced.wav --json | jq -r .files[0].sha256`
    """
    with loading():
        from ..commands import simulate as command
    command.simulate(bundle, audio, output, engine=engine, align=align, controls=controls, plot=plot, json=json)
