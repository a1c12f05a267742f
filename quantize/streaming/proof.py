"""The stream against the whole recording: the same random frames through both, in onnxruntime, output by output.

T frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx

from ...models.errors import StapesError
from ...models.text import first_line
from ..graph import State
from ..onnx_reader.shapes import free_inputs, quiet_session
from .lengths import Grown, with_length

# Of full scale. Float32 in another order of summing differs by some 1e-6.
TOLERANCE = 1e-5
FRAMES = 48
SEED = 0

Arrays = dict[str, np.ndarray]


def hold_to_recording(
    whole: onnx.ModelProto,
    stream: onnx.ModelProto,
    axes: Mapping[str, int],
    outputs: Mapping[str, Grown],
    states: Sequence[State],
    delay: int,
    label: str,
) -> float:
    """The largest difference, relative to full scale, of the outputs that have frames, all states starting from zeros; those
    of the stream come `delay` frames later.

    Raises StapesError that names the first output which differs by more than TOLERANCE, and its frame.
    """
    rng = np.random.default_rng(SEED)
    length = FRAMES + delay
    recording = with_length(whole, axes, length)
    kept = {state.input for state in states}
    feed: Arrays = {}
    for value in free_inputs(recording.graph):
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        feed[value.name] = (rng.standard_normal(shape) * (value.name not in kept)).astype(np.float32)
    names = [value.name for value in whole.graph.output if value.name in outputs]
    try:
        expected = dict(zip(names, quiet_session(recording).run(names, feed), strict=True))
        made = _streamed(stream, feed, axes, names, states, length)
    except Exception as failure:
        raise StapesError(
            f"{label}: its stream cannot be run ({first_line(failure)}); please report the model"
        ) from None
    worst = 0.0
    for name in names:
        axis = outputs[name].axis
        # A frame may be several positions long where time was joined to another axis.
        whole_frames = np.stack(np.split(expected[name], length, axis)).reshape(length, -1)[:FRAMES]
        frames = np.stack(made[name]).reshape(length, -1)[delay:]
        scale = float(np.abs(whole_frames).max(initial=0.0)) or 1.0
        error = np.abs(whole_frames - frames).max(axis=1) / scale
        if not (error <= TOLERANCE).all():
            frame = int(np.argmax(~(error <= TOLERANCE)))
            raise StapesError(
                f"{label}: as a stream, output {name!r} differs from frame {frame} on, by {error[frame]:.3g} of full scale; "
                "please report the model"
            )
        worst = max(worst, float(error.max()))
    return worst


def _streamed(
    stream: onnx.ModelProto,
    feed: Arrays,
    axes: Mapping[str, int],
    names: list[str],
    states: Sequence[State],
    length: int,
) -> dict[str, list[np.ndarray]]:
    session = quiet_session(stream)
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim) for value in stream.graph.input
    }
    kept = {state.input: np.zeros(shapes[state.input], np.float32) for state in states}
    made: dict[str, list[np.ndarray]] = {name: [] for name in names}
    after = [state.output for state in states]
    for frame in range(length):
        present = {
            name: np.take(values, [frame], axes[name]) if name in axes else values
            for name, values in feed.items()
            if name not in kept
        }
        results = session.run([*names, *after], {**present, **kept})
        for name, value in zip(names, results, strict=False):
            made[name].append(value)
        kept = dict(zip(kept, results[len(names) :], strict=True))
    return made
