"""Calibration: the float graph over real frames in onnxruntime, every tensor watched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime

from models.errors import StapesError

from .float_graph import FloatGraph, to_onnx
from .graph import State
from .onnx_reader import first_line

MAX_FRAMES = 20_000


@dataclass(frozen=True)
class Observations:
    """What calibration saw: `values[name]` is float32 `(T, size)`, T frames of all sequences in order."""

    values: dict[str, np.ndarray]
    frames: int


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
    shapes = {value.name: value.shape for value in session.get_inputs()}
    made = [value.name for value in session.get_outputs()]
    results = []
    for sequence in sequences:
        state = {s.input: np.zeros(shapes[s.input], np.float32) for s in states}
        length = len(next(iter(sequence.values())))
        kept: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for t in range(length):
            feed = {name: np.asarray(frames[t], np.float32).reshape(shapes[name]) for name, frames in sequence.items()}
            feed.update(state)
            out = dict(zip(made, _run(session, made, feed), strict=True))
            for name in names:
                kept[name].append(np.ravel(out[name] if name in out else feed[name]))
            state = {s.input: out[s.output] for s in states}
            progress(1)
        results.append({name: np.asarray(rows, np.float32).reshape(length, -1) for name, rows in kept.items()})
    return results


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Fusions would change the rounding from one machine to the next.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _cannot_run(error) from None


def _run(session: onnxruntime.InferenceSession, names: list[str], feed: dict[str, np.ndarray]) -> list[np.ndarray]:
    try:
        return session.run(names, feed)
    except Exception as error:
        raise _cannot_run(error) from None


def _cannot_run(error: Exception) -> StapesError:
    return StapesError(f"onnxruntime cannot run the network ({first_line(error)}); check the ONNX file there")


def calibrate(
    graph: FloatGraph, sequences: Sequence[dict[str, np.ndarray]], progress: Callable[[int], None] = lambda frames: None
) -> Observations:
    """Watch every activation of the float graph; at most MAX_FRAMES frames are used, in order.

    Raises StapesError when there are no frames or an input does not fit.
    """
    taken, total = [], 0
    for sequence in sequences:
        length = min(len(next(iter(sequence.values()))), MAX_FRAMES - total)
        if length > 0:
            taken.append({name: frames[:length] for name, frames in sequence.items()})
            total += length
    if total == 0:
        raise StapesError("calibration: no frames; give audio of at least one second")
    for name in graph.inputs:
        size = int(np.prod(graph.tensors[name].shape))
        got = taken[0][name].reshape(len(taken[0][name]), -1).shape[1] if name in taken[0] else 0
        if got != size:
            raise StapesError(f"calibration: input {name!r} needs {size} values a frame, the data has {got}")
    names = [name for name, tensor in graph.tensors.items() if tensor.data is None]
    results = run_float(to_onnx(graph), graph.states, taken, names, progress)
    return Observations({name: np.concatenate([r[name] for r in results]) for name in names}, total)
