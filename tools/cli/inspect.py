"""`stapes inspect`: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..defaults import INSTRUCTIONS_PER_CYCLE
from .loading import loading


def inspect(
    bundle: Annotated[Path, typer.Argument(help="Bundle made by `stapes quantize`.")],
    proof: Annotated[bool, typer.Option(help="Print the overflow proof, operator by operator.")] = False,
    device: Annotated[
        bool, typer.Option(help="Count instructions, stack, flash and RAM on an emulated Cortex-M7 instead.")
    ] = False,
    compare: Annotated[
        Path | None, typer.Option(help="With --device: another bundle, shown beside this one.", metavar="BUNDLE")
    ] = None,
    portable: Annotated[
        bool, typer.Option(help="With --device: count the kernels in plain C99, not those for the Cortex-M7.")
    ] = False,
    instructions_per_cycle: Annotated[
        float, typer.Option(help="With --device: what the load at a clock assumes; 2 at most.")
    ] = INSTRUCTIONS_PER_CYCLE,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result on standard output.")] = False,
) -> None:
    """Show operators, scales, multiply-accumulates, flash, RAM, latency, saturation, and where the .tflite runs.

    Examples:

    `stapes inspect build/mask`

    `stapes inspect build/mask --json | jq .macs_per_frame`

    `stapes inspect build/mask --device --compare build/mask-int8`
    """
    with loading():
        from ..commands import inspect as command
    command.inspect(
        bundle,
        proof=proof,
        device=device,
        compare=compare,
        portable=portable,
        instructions_per_cycle=instructions_per_cycle,
        json=json,
    )
