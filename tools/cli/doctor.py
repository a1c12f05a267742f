"""`stapes doctor`: options and help."""

from __future__ import annotations

from typing import Annotated

import typer

from .loading import loading


def doctor(
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="tcp://HOST:PORT",
            help="Ask this scheduler of Dask too: is it there, and do its workers run this very stapes?",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result on standard output.")] = False,
) -> None:
    """Tell what is installed, what is missing and what that costs; exit with 1 where something does not work, is missing though needed, or has another version than the pinned one.

    Examples:

    `stapes doctor`

    `stapes doctor --json | jq '.findings[] | select(.fault)'`

    `stapes doctor --scheduler tcp://lab:8786`
    """
    with loading():
        from ..commands import doctor as command
    command.doctor(scheduler=scheduler, json=json)
