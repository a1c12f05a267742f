"""States that outlive the calibration: the float graph runs on over the same frames, and ranges that it leaves are told.

A state with a time constant of a thousand frames is far from its end after two hundred. Its range, and that of what it feeds,
is then too small for a device, which is never reset.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .calibrate import Frame, stream, watched
from .float_graph import COPIES, FloatGraph
from .float_onnx import to_onnx
from .graph import Tensor
from .pipeline import Quantised

TIMES = 10
# About three seconds of one processor core, at some 3 us an operator and frame.
MOST_STEPS = 600_000
# Of a long calibration this part may be spent once more.
PART = 5
SNAPSHOTS = 64
# Beyond this more of the values than in calibration a range is left, or where one value is outside half of the time.
MORE, OFTEN = 1e-3, 0.5
# Of a range: to clip less is an error of -60 dB, and what tanh or a mean of such bounds may be beyond 1 by rounding in float.
HARMLESS = 1e-3


@dataclass(frozen=True)
class Left:
    """A tensor that leaves its range (low, high) in a long run: `reached` is the farthest value, `frame` the first one outside."""

    tensor: str
    low: float
    high: float
    reached: float
    frame: int
    is_state: bool

    def told(self, calibrated: int) -> str:
        """One line for the user; `calibrated`: frames of the longest recording of the calibration."""
        what = "state" if self.is_state else "tensor"
        return (
            f"{what} {self.tensor!r} leaves its range ({self.low:.4g} to {self.high:.4g}) when the network runs on: after "
            f"{self.frame} frames it is at {self.reached:.4g}; the longest recording of the calibration has {calibrated} frames, "
            "give longer ones"
        )


def frames_to_run(graph: FloatGraph, sequences: Sequence[Mapping[str, np.ndarray]]) -> int:
    """How many frames `leaves` runs: ten times the longest sequence where that can be afforded; 0 without states."""
    if not graph.states:
        return 0
    lengths = [len(next(iter(sequence.values()))) for sequence in sequences]
    return min(TIMES * max(lengths), max(MOST_STEPS // max(len(graph.operators), 1), sum(lengths) // PART))


def leaves(
    result: Quantised,
    sequences: Sequence[Mapping[str, np.ndarray]],
    progress: Callable[[int], None] = lambda frames: None,
) -> list[Left]:
    """Run the finished float graph over all sequences in turn, without a reset, and list what leaves its range: states first.

    States are watched in every frame of the second half, all tensors in some of them. What saturated in calibration already, or may
    saturate, is not listed.
    """
    graph = result.lowered
    total = frames_to_run(graph, sequences)
    if total == 0:
        return []
    states = list(dict.fromkeys(_origin(graph, state.output) for state in graph.states))
    ranges = {name: room(result.graph.tensors.get(name)) for name in watched(graph)}
    known = {name: ends for name, ends in ranges.items() if ends is not None and name not in result.planned_saturation}
    watch = [name for name in states if name in known]
    half = total // 2
    every = max(1, (total - half) // SNAPSHOTS)
    outside: dict[str, list[np.ndarray]] = {name: [] for name in known}
    found: dict[str, tuple[float, int]] = {}

    def look(name: str, values: np.ndarray, frame: int) -> None:
        low, high = known[name]
        beyond = ~((values >= low) & (values <= high))
        if frame >= half:
            outside[name].append(beyond)
        if beyond.any():
            worst = float(values[beyond][np.argmax(np.abs(values[beyond]))])
            reached, first = found.get(name, (worst, frame))
            found[name] = (worst if not abs(worst) <= abs(reached) else reached, first)

    model = to_onnx(graph)
    snapshots: list[tuple[int, Frame]] = []
    for frame, (fed, made) in enumerate(stream(model, graph.states, _looped(sequences, total), watch)):
        progress(1)
        for name in watch:
            look(name, made[name], frame)
        if frame >= half and (frame - half) % every == 0:
            snapshots.append((frame, fed))
    others = [name for name in known if name not in watch and name not in graph.inputs]
    for (frame, _), (_, made) in zip(snapshots, stream(model, (), [fed for _, fed in snapshots], others), strict=True):
        for name in others:
            look(name, made[name], frame)
    left = []
    for name in [*watch, *others]:
        if name in found and _is_left(np.asarray(outside[name]), result.saturation.get(name, 0.0)):
            low, high = known[name]
            left.append(Left(_known_as(graph, name), low, high, *found[name], is_state=name in watch))
    return left


def _looped(sequences: Sequence[Mapping[str, np.ndarray]], total: int) -> Iterator[Frame]:
    """One frame after the other, from the first sequence again behind the last."""
    used = [sequence for sequence in sequences if len(next(iter(sequence.values())))]
    endless = (
        {name: frames[t] for name, frames in sequence.items()}
        for sequence in itertools.cycle(used)
        for t in range(len(next(iter(sequence.values()))))
    )
    return itertools.islice(endless, total)


def _origin(graph: FloatGraph, name: str) -> str:
    """The tensor whose values another only moves."""
    made = graph.producer(name)
    while made is not None and made.kind in COPIES:
        name = made.inputs[COPIES[made.kind]]
        made = graph.producer(name)
    return name


def _known_as(graph: FloatGraph, name: str) -> str:
    """A state goes by the name of its output, which the user gave it."""
    return next((state.output for state in graph.states if _origin(graph, state.output) == name), name)


def room(tensor: Tensor | None) -> tuple[float, float] | None:
    """What a format holds, and beyond it on either side what is not told: a step, as for saturation in calibration, or a harmless part
    of the range. None for a tensor without a scale."""
    if tensor is None or tensor.scale is None:
        return None
    scale = float(tensor.scale[0])
    low, high = ((limit - tensor.zero_point) * scale for limit in tensor.limits)
    margin = max(1.001 * scale, HARMLESS * max(abs(low), abs(high)))
    return low - margin, high + margin


def _is_left(outside: np.ndarray, before: float) -> bool:
    """`outside` (T, size): which values were outside, late in the run; `before`: the fraction in calibration."""
    if outside.size == 0:
        return False
    always = bool((outside.mean(axis=0) >= OFTEN).any()) and before < OFTEN / 2 / outside.shape[1]
    return always or float(outside.mean()) > 2 * before + MORE
