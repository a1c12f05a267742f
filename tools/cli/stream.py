"""`stapes stream`: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .loading import loading


def stream(
    network: Annotated[Path, typer.Argument(help="An .onnx file whose inputs hold a whole recording.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The streaming .onnx file to write.")],
    time_axis: Annotated[
        list[str] | None,
        typer.Option(
            metavar="N | INPUT=N",
            help="Which axis of the inputs is time, counted from 0, where the file leaves none open. For one input: INPUT=N.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result on standard output.")] = False,
) -> None:
    """Make a streaming network, one frame a call, of one that was exported for whole recordings.

    Padding of the past and recurrences become states. The result is run against the original before it is written.

    Examples:

    `stapes stream offline.onnx -o streaming.onnx`

    `stapes stream offline.onnx -o streaming.onnx --time-axis 2`

    `stapes stream offline.onnx -o streaming.onnx --time-axis feat_erb=2 --time-axis feat_spec=2 --json`
    """
    with loading():
        from ..commands import stream as command
    command.stream(network, output, time_axis=time_axis, json=json)
