"""`stapes schema`: options and help."""

from __future__ import annotations

from typing import Annotated

import typer

from .loading import loading


def schema(
    name: Annotated[
        str | None, typer.Argument(help="As it stands in an answer: stapes-evaluate-1. Default: list all.")
    ] = None,
) -> None:
    """Print the JSON Schema of what a command prints with --json.

    Examples:

    `stapes schema`

    `stapes schema stapes-evaluate-1 > evaluate.schema.json`
    """
    with loading():
        from ..commands import schema as command
    command.schema(name)
