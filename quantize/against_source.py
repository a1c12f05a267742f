"""The lowered graph against the ONNX file: both in onnxruntime, on real and on random frames and states, output by output.

Float32 differs by some 1e-6 of full scale between two orders of summing up. What is misread differs by far more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from ..models.errors import StapesError
from .calibrate import require_fitting, run_float, run_frames
from .float_graph import FloatGraph
from .float_onnx import to_onnx
from .onnx_reader import StreamingOnnx

TOLERANCE = 1e-4
# What a LayerNorm of int16 operators may differ by from a division by a root.
TOLERANCE_OF_NORMS = 1e-3
REAL_FRAMES, CHECKED_FRAMES, RANDOM_FRAMES = 250, 64, 64
SEED = 0
# What is fed is changed by so much, so often; the change that this makes, times the factor, may be float32's own.
LAST_BITS, NUDGES, NUDGE_FACTOR = 1e-6, 3, 10.0

Frame = dict[str, np.ndarray]


def require_running(model: onnx.ModelProto, source: StreamingOnnx) -> None:
    """Raise StapesError where onnxruntime cannot run one frame of the file: lowering takes operands for such as fit each other."""
    given = [*source.inputs, *(state.input for state in source.states)]
    frame = {name: np.zeros(source.shapes[name], np.float32) for name in given}
    run_frames(model, [frame], [*source.outputs, *(state.output for state in source.states)])


def hold_to_source(
    model: onnx.ModelProto,
    source: StreamingOnnx,
    lowered: FloatGraph,
    sequences: Sequence[Mapping[str, np.ndarray]],
    label: str,
) -> None:
    """Hold the graph as lowering made it to the ONNX file, frame by frame, over real frames and states and over random ones.

    Each output and each state must be within TOLERANCE of its own full scale, in frames where the last bits do not decide.
    Raises StapesError where one differs by more, with the node of the file where that begins, and for frames that do not fit.
    """
    require_fitting(lowered, sequences)
    few = _first_frames(sequences)
    after = [state.output for state in source.states]
    expected = run_float(model, source.states, [few], [*source.outputs, *after])[0]
    real, scales = _real_frames(source, few, expected), {}
    for name, values in {**few, **{state.input: expected[state.output] for state in source.states}}.items():
        finite = values[np.isfinite(values)].astype(np.float64)
        scales[name] = (float(np.sqrt(np.mean(finite**2))) if finite.size else 0.0) or 1.0, bool((finite >= 0).all())
    for kind, frames in (("real", real), ("random", _random_frames(source, scales))):
        _compare(model, source, lowered, frames, kind, label)


def _first_frames(sequences: Sequence[Mapping[str, np.ndarray]]) -> Frame:
    first = next(sequence for sequence in sequences if len(next(iter(sequence.values()))))
    return {name: np.asarray(frames[:REAL_FRAMES], np.float32) for name, frames in first.items()}


def _real_frames(
    source: StreamingOnnx, inputs: Mapping[str, np.ndarray], made: Mapping[str, np.ndarray]
) -> list[Frame]:
    """Frames spread over the recording, each with the state in which the network of the file was: name -> (size,)."""
    count = len(next(iter(inputs.values())))
    chosen = np.unique(np.linspace(0, count - 1, min(count, CHECKED_FRAMES)).astype(int))
    frames = []
    for t in chosen:
        frame = {name: values[t] for name, values in inputs.items()}
        for state in source.states:
            frame[state.input] = made[state.output][t - 1] if t else np.zeros_like(made[state.output][0])
        frames.append(frame)
    return frames


def _random_frames(source: StreamingOnnx, scales: Mapping[str, tuple[float, bool]]) -> list[Frame]:
    """Normal values of the size that the real ones have; where none of those is negative, none is here."""
    rng = np.random.default_rng(SEED)
    frames = []
    for _ in range(RANDOM_FRAMES):
        frame = {}
        for name, (scale, positive) in scales.items():
            values = rng.standard_normal(source.shapes[name]).ravel() * scale
            frame[name] = (np.abs(values) if positive else values).astype(np.float32)
        frames.append(frame)
    return frames


def _compare(
    model: onnx.ModelProto, source: StreamingOnnx, lowered: FloatGraph, frames: list[Frame], kind: str, label: str
) -> None:
    names = [*source.outputs, *(state.output for state in source.states)]
    expected = run_frames(model, frames, names)
    made = run_frames(to_onnx(lowered, exact=True), frames, names)
    errors = {name: _errors(expected[name], made[name]) for name in names}
    allowed = {name: np.full(len(frames), TOLERANCE) for name in names}
    if any((errors[name] > TOLERANCE).any() for name in names):
        allowed = _allowed(model, frames, expected)
    for name in names:
        if not (errors[name] <= allowed[name]).all():
            worst = int(np.argmax(errors[name] / allowed[name]))
            what = "state" if name not in source.outputs else "output"
            raise StapesError(
                f"{label}: {what} {name!r} of the lowered network differs from the ONNX file's by {errors[name][worst]:.3g} of full "
                f"scale, on {kind} frames{_where(source, lowered, frames[worst])}; this is a fault of the lowering: please report "
                "the model, and write that part of the network in another way meanwhile"
            )


def _allowed(model: onnx.ModelProto, frames: list[Frame], expected: Frame) -> dict[str, np.ndarray]:
    """How far each value may be off in each frame: TOLERANCE, or more where the network of the file itself makes much of the last bits
    of what it is fed, as some do of random states: name -> (T,).
    """
    rng = np.random.default_rng(SEED)
    allowed = {name: np.full(len(frames), TOLERANCE) for name in expected}
    for _ in range(NUDGES):
        nudged = [
            {
                name: (v * (1 + LAST_BITS * rng.choice([-1.0, 1.0], v.shape))).astype(np.float32)
                for name, v in frame.items()
            }
            for frame in frames
        ]
        for name, values in run_frames(model, nudged, list(expected)).items():
            allowed[name] = np.maximum(allowed[name], NUDGE_FACTOR * _errors(expected[name], values))
    return allowed


def _errors(expected: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Largest difference of each frame, relative to the largest value of all: (T, size) twice -> (T,). Where the file gives no finite
    value nothing is asked for.
    """
    sound = np.isfinite(expected)
    scale = float(np.abs(expected[sound]).max(initial=0.0)) or 1.0
    with np.errstate(invalid="ignore"):
        difference = np.abs(expected.astype(np.float64) - made)
    # NaN against a number is a difference.
    difference[~np.isfinite(difference)] = np.inf
    result: np.ndarray = np.where(sound, difference, 0.0).max(axis=1) / scale
    return result


def _where(source: StreamingOnnx, lowered: FloatGraph, frame: Frame) -> str:
    """The first node of the file whose value differs in a frame, in words; nothing where none does."""
    values = {name: tensor for name, tensor in lowered.values.items() if lowered.producer(tensor) is not None}
    file = run_frames(_as_folded(source, list(values)), [frame], list(values))
    ours = run_frames(to_onnx(lowered, exact=True), [frame], list(values.values()))
    for node in source.nodes:
        for name in node.output:
            if name in values and not _errors(file[name], ours[values[name]]).max() <= TOLERANCE:
                return f", first at {node.op_type} ({node.name or name})"
    return ""


def _as_folded(source: StreamingOnnx, outputs: Sequence[str]) -> onnx.ModelProto:
    """The checked model again as ONNX, with inner values as outputs."""
    given = [*source.inputs, *(state.input for state in source.states)]
    inputs = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, source.shapes[n]) for n in given]
    graph = onnx.helper.make_graph(
        source.nodes,
        source.name,
        inputs,
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in source.constants.items()],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", source.opset)], ir_version=10)


def output_error(
    model: onnx.ModelProto,
    source: StreamingOnnx,
    final: FloatGraph,
    sequences: Sequence[Mapping[str, np.ndarray]],
    label: str,
) -> float:
    """Largest difference of the outputs between the ONNX file and the finished float graph, relative to full scale, over the first
    frames, each with states of its own.

    Raises StapesError where it is no small one.
    """
    few, names = _first_frames(sequences), list(source.outputs)
    expected = run_float(model, source.states, [few], names)[0]
    got = run_float(to_onnx(final), final.states, [few], names)[0]
    scale = max(float(np.abs(expected[name]).max()) for name in names) or 1.0
    error = max(float(np.abs(expected[name] - got[name]).max()) for name in names) / scale
    approximated = any(region.kind == "layer_norm" for region in final.regions)
    if not error <= (TOLERANCE_OF_NORMS if approximated else TOLERANCE):
        raise StapesError(
            f"{label}: over {len(got[names[0]])} frames the lowered network runs away from the ONNX file, by {error:.3g} of full "
            "scale: it keeps small differences and makes them grow; train it to forget, or give it less gain in its states"
        )
    return error
