"""Options of the commands that give their work to several processes or machines."""

from __future__ import annotations

from typing import Annotated

import typer

Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        "--jobs",
        min=0,
        help="Processes on this machine; 0 takes one for each core. A little work is done without any.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="tcp://HOST:PORT",
        help="Use the workers of this scheduler of Dask instead, on other machines too; they must see the same files.",
    ),
]
