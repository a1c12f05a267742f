"""`stapes export`: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..targets import Package, Processor, Target
from .loading import loading


def export(
    bundle: Annotated[Path, typer.Argument(help="Bundle made by `stapes quantize`.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write to.")],
    to: Annotated[Target, typer.Option(help="What to write.")] = Target.c,
    package: Annotated[
        Package | None,
        typer.Option(
            help="Wrap the C for a build system: sources, an example that streams audio (of a network alone, golden frames), the self-test."
        ),
    ] = None,
    target: Annotated[
        Processor,
        typer.Option(
            help="For which processor the C is: cortex-m7 brings assembly, which a Cortex-M4, M33 and M55 take too; portable is "
            "plain C99 and nothing else; host is C99 for the vector instructions of laptops, phones and servers; cortex-m55 is refused until its kernels exist. The bits are the same."
        ),
    ] = Processor.cortex_m7,
) -> None:
    """Write C sources and headers for the firmware, a package of them, or one of the bundle's files.

    Examples:

    `stapes export build/mask -o firmware/mask`

    `stapes export build/mask -o firmware/mask --target portable`

    `stapes export build/mask -o firmware --to tflite`

    `stapes export build/mask -o packages/mask --package cmake`

    `stapes export build/mask -o sketchbook/libraries/mask --package arduino`

    `stapes export build/mask -o modules/mask --package zephyr`

    `stapes export build/mask -o packs/mask --package cmsis-pack`
    """
    with loading():
        from ..commands import export as command
    command.export(bundle, output, to=to, package=package, target=target)
