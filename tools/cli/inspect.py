"""`stapes inspect`: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..defaults import INSTRUCTIONS_PER_CYCLE
from ..targets import Processor
from .loading import loading


def inspect(
    bundle: Annotated[Path, typer.Argument(help="Bundle made by `stapes quantize`.")],
    proof: Annotated[bool, typer.Option(help="Print the overflow proof, operator by operator.")] = False,
    device: Annotated[
        bool,
        typer.Option(
            help="Count instructions, stack, flash and RAM on an emulated Cortex-M7 instead: of a hop of sound, or for a network "
            "without an audio path of a frame of its golden vectors."
        ),
    ] = False,
    compare: Annotated[
        Path | None, typer.Option(help="With --device: another bundle, shown beside this one.", metavar="BUNDLE")
    ] = None,
    target: Annotated[
        Processor,
        typer.Option(
            help="Which target of `stapes export` to tell of. With --device its C is counted on the emulated Cortex-M7."
        ),
    ] = Processor.cortex_m7,
    instructions_per_cycle: Annotated[
        float | None,
        typer.Option(
            help="With --device: what the time and the load at a clock assume; 2 at most. "
            f"Default: {INSTRUCTIONS_PER_CYCLE:g}."
        ),
    ] = None,
    acoustics: Annotated[
        bool,
        typer.Option(
            help="Measure response, latency, noise of its own and distortion of the integer path instead, with its reduction off and as it runs."
        ),
    ] = False,
    plot: Annotated[Path | None, typer.Option(help="With --acoustics: a PNG file with the curves.")] = None,
    calibration_db: Annotated[
        float | None,
        typer.Option(
            help="With --acoustics: the level in dB SPL of a sine of full scale; noise and maximum output are told in dB SPL then. "
            "A fitting brings its own."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result on standard output.")] = False,
) -> None:
    """Show operators, scales, multiply-accumulates, flash, RAM, latency, saturation, and where the .tflite runs.

    Examples:

    `stapes inspect build/mask`

    `stapes inspect build/mask --json | jq .macs_per_frame`

    `stapes inspect build/mask --device --compare build/mask-int8`

    `stapes inspect build/mask --device --target portable`

    `stapes inspect build/mask --acoustics --plot acoustics.png --calibration-db 110`
    """
    with loading():
        from ..commands import inspect as command
    command.inspect(
        bundle,
        proof=proof,
        device=device,
        compare=compare,
        target=target,
        instructions_per_cycle=instructions_per_cycle,
        acoustics=acoustics,
        plot=plot,
        calibration_db=calibration_db,
        json=json,
    )
