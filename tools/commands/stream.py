"""`stapes stream`: the states that a streaming network got, in a table or as JSON."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from ..console import console, print_json
from ..library.stream import Stream, parse_time_axes
from ..library.stream import stream as make_stream


def stream(network: Path, output: Path, *, time_axis: list[str] | None, json: bool) -> None:
    """The command, whose options stand in `tools.cli.stream`."""
    made = make_stream(network, output, time_axis=parse_time_axes(time_axis or []))
    if json:
        print_json("stapes-stream-1", made.to_json())
        return
    console.print(_states_table(made))
    console.print(_summary_table(made))


def _states_table(made: Stream) -> Table:
    table = Table(title="states, which begin with zeros", title_justify="left")
    for heading in ("state", "shape", "past frames", "needed by"):
        table.add_column(heading)
    for state in made.states:
        shape = " x ".join(str(size) for size in state.shape)
        table.add_row(state.input, shape, str(state.frames) if state.frames else "-", state.node)
    return table


def _summary_table(made: Stream) -> Table:
    table = Table(title=str(made.file), title_justify="left", show_header=False)
    table.add_row("states", str(len(made.states)))
    table.add_row("delay", f"{made.delay_frames} frames, what the network hears ahead" if made.delay_frames else "none")
    table.add_row("against the recording", f"{made.error:.1e} of full scale at most, in onnxruntime")
    return table
