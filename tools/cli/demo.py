"""`stapes demo`: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .loading import loading


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for everything that is made.")] = Path(
        "build/demo"
    ),
    recipe: Annotated[str, typer.Option(help="A built-in recipe or a TOML file.")] = "w8a16",
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result on standard output.")] = False,
) -> None:
    """Quantise the shipped network, export C, run real noisy speech on every engine, and tell what came out.

    Examples:

    `stapes demo`

    `stapes demo --recipe w8a8 -o build/demo_w8a8 --json`
    """
    with loading():
        from ..commands import demo as command
    command.demo(output=output, recipe=recipe, json=json)
