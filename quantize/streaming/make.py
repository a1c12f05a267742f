"""A network of whole recordings, made a stream and proved to be the same network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import onnx

from ...models.errors import StapesError
from ...models.text import first_line
from ..onnx_reader.folding import fold
from ..onnx_reader.model import plain, read_constants
from ..onnx_reader.shapes import free_inputs
from ..onnx_reader.types import require_float32
from ..onnx_reader.versions import converted, require_known_versions
from .frames import plan
from .lengths import measure, time_axes
from .proof import hold_to_recording
from .rewrite import StreamState, as_stream

# Of progress: the network read, its lengths measured, its stream written, and held to the recording.
STEPS = 4


@dataclass(frozen=True, eq=False)
class Streamed:
    """A streaming model, whose metadata name its states and its delay; `error` is its largest difference from the recording's, of
    full scale; `delay_frames` is how many frames its outputs are late."""

    model: onnx.ModelProto
    states: tuple[StreamState, ...]
    error: float
    delay_frames: int


def make_streaming(
    model: onnx.ModelProto,
    label: str,
    time: Mapping[str, int] | None = None,
    progress: Callable[[int], None] = lambda steps: None,
) -> Streamed:
    """One frame a call of a network that was exported for whole recordings; the model itself is left as it is.

    `time`: input -> its time axis, where the file leaves none open. The states start from zeros. `label` names the model in errors.
    `progress` hears of each of STEPS steps.
    Raises StapesError: no time axis, a node that needs frames to come or all of them, a stream that is not the same network; weights that are
    NaN or infinite.
    """
    require_known_versions(model, label)
    require_float32(free_inputs(model.graph), "input", label)
    require_float32(model.graph.output, "output", label)
    whole = plain(model, label)
    axes = time_axes(whole, time or {}, label)
    whole.graph.ClearField("value_info")
    whole = converted(whole, label)
    read_constants(whole.graph, label)
    whole = _folded(whole, label)
    progress(1)
    lengths = measure(whole, axes, label)
    progress(1)
    found = plan(whole, lengths, axes, label)
    stream, states = as_stream(whole, found, lengths, axes)
    stream = _folded(stream, label)
    progress(1)
    outputs = {value.name: lengths.grown[value.name] for value in whole.graph.output if value.name in found.frames}
    error = hold_to_recording(whole, stream, axes, outputs, states, found.delay, label)
    progress(1)
    return Streamed(stream, states, error, found.delay)


def _folded(model: onnx.ModelProto, label: str) -> onnx.ModelProto:
    try:
        return fold(model)
    except Exception as error:
        raise StapesError(f"{label}: its shapes do not fit together ({first_line(error)}); export it again") from None
