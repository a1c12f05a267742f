"""Calibration: the float graph over real frames in onnxruntime, every tensor watched."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

from ..models.errors import StapesError
from ..models.text import first_line
from .float_graph import COPIES, FloatGraph
from .float_onnx import to_onnx
from .graph import State
from .onnx_reader.shapes import quiet_session

Frame = Mapping[str, np.ndarray]

MAX_FRAMES = 20_000
# What may be kept of all frames, in numbers; beyond that every second frame is, or every third, and so on.
MAX_KEPT = 64_000_000
FRAMES_A_LOOK = 100


@dataclass(frozen=True)
class Observations:
    """What calibration saw: `values[name]` is float32 `(T, size)`, every `stride`-th of `frames` frames in order.

    The first frame of a sequence is run but not counted.

    `extremes[name]` are the least and the largest value of all frames. Tensors that only move the values of others are
    left out.
    """

    values: dict[str, np.ndarray]
    extremes: dict[str, tuple[float, float]]
    frames: int
    stride: int = 1


def run_float(
    model: onnx.ModelProto,
    states: Sequence[State],
    sequences: Sequence[dict[str, np.ndarray]],
    names: Sequence[str],
    progress: Callable[[int], None] = lambda frames: None,
) -> list[dict[str, np.ndarray]]:
    """Run a streaming float model frame by frame over sequences; states start at zero.

    `sequences`: per sequence, input name -> float32 `(T, size)`. Returns per sequence, name -> float32 `(T, size)` of
    `names`, which may be inputs, states or outputs.
    """
    session = _session(model)
    results = []
    for sequence in sequences:
        kept: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for values in _frames(session, states, sequence, names):
            for name in names:
                kept[name].append(values[name])
            progress(1)
        results.append({name: np.asarray(rows, np.float32).reshape(len(rows), -1) for name, rows in kept.items()})
    return results


def run_frames(model: onnx.ModelProto, frames: Iterable[Frame], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Run a streaming float model over frames that have nothing to do with each other: inputs and states by name -> `names`, which
    may be any of its outputs, float32 `(T, size)`.
    """
    rows = [values for _, values in stream(model, (), frames, names)]
    return {name: np.asarray([row[name] for row in rows], np.float32) for name in names}


def stream(
    model: onnx.ModelProto, states: Sequence[State], frames: Iterable[Frame], names: Sequence[str]
) -> Iterator[tuple[Frame, Frame]]:
    """Run a streaming float model over frames of its inputs, states from zero: what each frame was fed, states included, and the values
    of `names`, which may be inputs, states or outputs, float32 `(size,)` each.
    """
    return _stream(_session(model), states, frames, names)


def _stream(
    session: onnxruntime.InferenceSession, states: Sequence[State], frames: Iterable[Frame], names: Sequence[str]
) -> Iterator[tuple[Frame, Frame]]:
    shapes = {value.name: value.shape for value in session.get_inputs()}
    state = {s.input: np.zeros(shapes[s.input], np.float32) for s in states}
    known = {value.name for value in session.get_outputs()}
    wanted = list(dict.fromkeys([*(name for name in names if name in known), *(s.output for s in states)]))
    for frame in frames:
        feed = {name: np.asarray(values, np.float32).reshape(shapes[name]) for name, values in frame.items()}
        feed.update(state)
        # Asked for nothing, onnxruntime gives everything.
        out = dict(zip(wanted, _run(session, wanted, feed), strict=True)) if wanted else {}
        yield feed, {name: (out[name] if name in out else feed[name]).reshape(-1) for name in names}
        state = {s.input: out[s.output] for s in states}


def _frames(
    session: onnxruntime.InferenceSession,
    states: Sequence[State],
    sequence: Mapping[str, np.ndarray],
    names: Sequence[str],
) -> Iterator[Frame]:
    """One sequence frame by frame: the values of `names`, float32 `(size,)` each."""
    count = len(next(iter(sequence.values())))
    frames = ({name: values[t] for name, values in sequence.items()} for t in range(count))
    return (values for _, values in _stream(session, states, frames, names))


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    # As it stands: fusions would change the rounding from one machine to the next.
    try:
        return quiet_session(model)
    except Exception as error:
        raise _cannot_run(error) from None


def _run(session: onnxruntime.InferenceSession, names: list[str], feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    try:
        result: list[np.ndarray] = session.run(names, feed)
        return result
    except Exception as error:
        raise _cannot_run(error) from None


def _cannot_run(error: Exception) -> StapesError:
    # "[ONNXRuntimeError] : 1 : FAIL : FILE:LINE FUNCTION(ARGUMENTS) what happened"
    reason = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (/onnxruntime_src/\S+ .*\) )?", "", first_line(error))
    return StapesError(f"onnxruntime cannot run the network ({reason}); run the ONNX file there by itself to see where")


def require_fitting(graph: FloatGraph, sequences: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Raise StapesError when there are no frames or an input does not fit."""
    if not any(len(next(iter(sequence.values()))) for sequence in sequences):
        raise StapesError("calibration: no frames; give audio of at least one second")
    for name in graph.inputs:
        size = int(np.prod(graph.tensors[name].shape))
        for sequence in sequences:
            got = sequence[name][:1].size if name in sequence else 0
            if got != size and (name not in sequence or len(sequence[name])):
                raise StapesError(f"calibration: input {name!r} needs {size} values a frame, the data has {got}")


def calibrate(
    graph: FloatGraph, sequences: Sequence[dict[str, np.ndarray]], progress: Callable[[int], None] = lambda frames: None
) -> Observations:
    """Watch every activation of the float graph; at most MAX_FRAMES frames are used, in order.

    Raises StapesError when there are no frames or an input does not fit.
    """
    require_fitting(graph, sequences)
    taken, total = [], 0
    for sequence in sequences:
        length = min(len(next(iter(sequence.values()))), MAX_FRAMES - total)
        if length > 0:
            taken.append({name: frames[:length] for name, frames in sequence.items()})
            total += length
    session = _session(to_onnx(graph))
    names = watched(graph)
    stride = -(-total * sum(int(np.prod(graph.tensors[name].shape)) for name in names) // MAX_KEPT)
    sizes = {name: int(np.prod(graph.tensors[name].shape)) for name in names}
    kept = {name: np.empty((_kept_of(taken, stride), size), np.float32) for name, size in sizes.items()}
    block = {name: np.empty((FRAMES_A_LOOK, size), np.float32) for name, size in sizes.items()}
    low: dict[str, list[float]] = {name: [] for name in names}
    high: dict[str, list[float]] = {name: [] for name in names}
    waiting: list[bool] = []  # of each frame in the block, whether it is kept
    done = 0

    def look() -> None:
        """At many frames in one call: a call costs more than the values of a frame."""
        nonlocal done
        chosen = np.array(waiting, bool)
        count = int(chosen.sum())
        for name in names if waiting else ():
            values = block[name][: len(waiting)]
            low[name].append(values.min())
            high[name].append(values.max())
            kept[name][done : done + count] = values[chosen]
        waiting.clear()
        done += count

    for sequence in taken:
        for t, values in enumerate(_frames(session, graph.states, sequence, names)):
            progress(1)
            # Right after a reset a network sees a past of zeros, which no stream has again: its peaks stand far out.
            if t == 0 and _length(sequence) > 1:
                continue
            for name, value in values.items():
                block[name][len(waiting)] = value
            waiting.append((t - 1) % stride == 0)
            if len(waiting) == FRAMES_A_LOOK:
                look()
    look()
    # NaN stays NaN here, for the formats to refuse.
    extremes = {name: (float(np.min(low[name])), float(np.max(high[name]))) for name in names}
    return Observations(kept, extremes, total, stride)


def _length(sequence: Mapping[str, np.ndarray]) -> int:
    """Frames of a sequence."""
    return len(next(iter(sequence.values())))


def _kept_of(sequences: Sequence[Mapping[str, np.ndarray]], stride: int) -> int:
    """How many frames are kept: of each sequence every `stride`-th behind the first one, which alone counts where it is alone."""
    lengths = list(map(_length, sequences))
    return sum(len(range(1, length, stride)) if length > 1 else int(stride == 1) for length in lengths)


def watched(graph: FloatGraph) -> list[str]:
    """The activations that hold values of their own, not those that another tensor or the frame before had."""
    moved = {out for op in graph.operators if op.kind in COPIES for out in op.outputs}
    moved.update(state.input for state in graph.states)
    return [name for name, tensor in graph.tensors.items() if tensor.data is None and name not in moved]
