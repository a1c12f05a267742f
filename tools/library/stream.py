"""A network that was exported for whole recordings becomes one of one frame a call."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from ...models.errors import StapesError
from ...models.files import check_file, write_whole
from ...quantize.onnx_reader import onnx_of, parse_onnx
from ...quantize.streaming import STEPS, StreamState, make_streaming
from ..given import given_path
from ..progress import progress

TimeAxis = int | Mapping[str, int] | None


@dataclass(frozen=True, eq=False)
class Stream:
    """A streaming network that was made.

    model         one frame a call; its metadata name the states and the delay
    states        what it keeps from frame to frame; all begin with zeros
    delay_frames  so many frames its outputs come later than those of the whole recording
    error         the largest difference between both, of full scale, in onnxruntime over random frames
    file          where it was written, if it was
    """

    model: onnx.ModelProto
    states: tuple[StreamState, ...]
    delay_frames: int
    error: float
    file: Path | None

    def to_json(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        states = [
            {"input": s.input, "output": s.output, "node": s.node, "shape": list(s.shape), "frames": s.frames}
            for s in self.states
        ]
        return {
            "file": None if self.file is None else str(self.file),
            "states": states,
            "delay_frames": self.delay_frames,
            "error": self.error,
        }


def stream(
    network: str | os.PathLike[str] | onnx.ModelProto,
    output: str | os.PathLike[str] | None = None,
    *,
    time_axis: TimeAxis = None,
) -> Stream:
    """Make a streaming network of one that reads whole recordings, and prove that it is the same network.

    network    an .onnx file, or an `onnx.ModelProto`, whose inputs hold any number of frames
    output     the .onnx file to write; None writes none
    time_axis  which axis of the inputs is time, where the file leaves none open: a number for all inputs that have so many axes, or
               a number by the name of an input

    What has to come from the past becomes a state that begins with zeros. Raises StapesError that names every node which a stream cannot
    have: one that needs all frames, for instance. Nothing is written then.

    >>> made = stream(whole, folder / "streaming.onnx")
    >>> [(state.input, state.shape, state.frames) for state in made.states], made.error < 1e-5
    ([('x_history', (2, 3), 2)], True)
    """
    target = None if output is None else given_path(output, "a streaming .onnx file")
    if isinstance(network, onnx.ModelProto):
        label, inputs = "the ONNX model", []
    else:
        path = given_path(network, "an .onnx file")
        if not path.is_file():
            raise StapesError(f"{path}: no such file; give an ONNX model of whole recordings")
        label, inputs = str(path), [path]
    if target is not None:
        if target.suffix.lower() != ".onnx":
            raise StapesError(f"{target}: a streaming network is an ONNX file; give a name that ends in .onnx")
        check_file(target, inputs)
    model = (
        onnx_of(network, label) if isinstance(network, onnx.ModelProto) else parse_onnx(path.read_bytes(), path)
    ).model
    with progress("making a stream of it", STEPS) as done:
        made = make_streaming(model, label, time_axes_of(model, time_axis), done)
    if target is not None:
        write_whole(target, made.model.SerializeToString(deterministic=True))
    return Stream(made.model, made.states, made.delay_frames, made.error, target)


def time_axes_of(model: onnx.ModelProto, time_axis: TimeAxis) -> dict[str, int]:
    """Input -> its time axis, as it was given; a number alone is that of all inputs with so many axes.

    Raises StapesError for what is neither, and where no input has such an axis.
    """
    if time_axis is None:
        return {}
    if isinstance(time_axis, Mapping):
        if not all(isinstance(name, str) and _is_axis(axis) for name, axis in time_axis.items()):
            raise StapesError("a time axis by name is a number by the name of an input, such as {'x': 2}")
        return dict(time_axis)
    if not _is_axis(time_axis):
        raise StapesError(
            f"a {type(time_axis).__name__} is no time axis; give a number, or a number by the name of an input"
        )
    constants = {tensor.name for tensor in model.graph.initializer}
    ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in model.graph.input if v.name not in constants}
    found = {name: time_axis for name, rank in ranks.items() if -rank <= time_axis < rank}
    if not found:
        raise StapesError(f"time axis {time_axis}: no input has so many axes ({', '.join(ranks)})")
    return found


def _is_axis(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def parse_time_axes(words: list[str]) -> TimeAxis:
    """Axes as the command line takes them: `2`, or `x=2` once for each input; None for no word.

    >>> parse_time_axes(["2"]), parse_time_axes(["x=2", "y=-1"])
    (2, {'x': 2, 'y': -1})
    """
    named: dict[str, int] = {}
    for word in words:
        name, equals, number = word.rpartition("=")
        try:
            axis = int(number)
        except ValueError:
            raise StapesError(
                f"--time-axis {word!r}: write a number, such as 2, or INPUT=NUMBER, such as x=2"
            ) from None
        if not equals and len(words) > 1:
            raise StapesError("--time-axis: one number for all inputs, or INPUT=NUMBER once for each input")
        if not equals:
            return axis
        named[name] = axis
    return named or None
