"""Which frame stands where: each value of a network of whole recordings is followed node by node.

An example. A Pad puts two frames in front of `x`, so its result begins two frames before the recording (`before` = 2). A convolution
of three frames behind it begins at the recording's first frame again (`before` = 0), and needs the two frames before the present one.
What would need a frame that is still to come is refused, and so is what would have to know all frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from ...models.errors import StapesError
from ..lowering.context import layer_name
from ..onnx_reader.wiring import RECURRENT, moved, sources
from .lengths import Lengths

# f(0) = 0, value by value, so that frames of zeros stay such.
_KEEP_ZEROS = ("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Tanh", "Abs", "Neg", "Dropout")
_POOLS = ("MaxPool", "AveragePool", "LpPool")


@dataclass(frozen=True)
class Frames:
    """Where the frames of a value lie: along `axis`, from `before` frames before the recording on; `zeros` where those are zeros."""

    axis: int
    before: int = 0
    zeros: bool = False


@dataclass
class Plan:
    """What has to become of the nodes: windows over past frames, recurrences, and nodes that no longer touch time.

    `windows`: index of a convolution -> past frames that it needs; `recurrent`: indices of recurrences over time, with the graph
    inputs that their states begin with, if any; `cut`: indices of Pad, Slice and Concat nodes that add or drop frames; `finals`:
    values that only the end of a recording has.
    """

    frames: dict[str, Frames] = field(default_factory=dict)
    windows: dict[int, int] = field(default_factory=dict)
    recurrent: dict[int, tuple[str | None, ...]] = field(default_factory=dict)
    cut: set[int] = field(default_factory=set)
    finals: set[str] = field(default_factory=set)


class _Refused(Exception):
    """Why a node cannot be part of a stream."""


def plan(model: onnx.ModelProto, lengths: Lengths, inputs: dict[str, int], label: str) -> Plan:
    """Follow the frames through a folded model; raises StapesError that names the first node which no stream can have."""
    found = Plan({name: Frames(axis) for name, axis in inputs.items()})
    walk = _Walk(model, lengths, found)
    for index, node in enumerate(model.graph.node):
        try:
            walk.visit(index, node)
        except _Refused as refused:
            raise StapesError(f"{label}: {layer_name(node)} {refused}") from None
    for value in model.graph.output:
        frames = found.frames.get(value.name)
        grown = lengths.grown.get(value.name)
        if frames is not None and grown is not None and (frames.before or grown.extra):
            raise StapesError(
                f"{label}: output {value.name!r} has {grown.extra:+d} frames beside those of the recording, "
                f"{frames.before} of them in front; a stream has one result a frame"
            )
    return found


class _Walk:
    """One pass over the nodes in their order."""

    def __init__(self, model: onnx.ModelProto, lengths: Lengths, found: Plan) -> None:
        self.nodes = model.graph.node
        self.given = {value.name for value in model.graph.input}
        self.lengths = lengths
        self.found = found

    def visit(self, index: int, node: onnx.NodeProto) -> None:
        if not any(name in self.found.frames or name in self.found.finals for name in node.input):
            return
        if not any(name in self.lengths.sampled for name in node.output):
            return  # a shape
        rule = _RULES.get(node.op_type, _Walk.frame_by_frame)
        rule(self, index, node)

    # ---- what the rules share

    def constant(self, name: str, what: str) -> np.ndarray:
        value = self.lengths.constant(name)
        if value is None:
            raise _Refused(f"has {what} that depend on the recording; a device computes the same in every frame")
        return value

    def spread(self, node: onnx.NodeProto) -> Frames:
        """The frames of a node's operands, which must lie side by side."""
        found = [self.found.frames[name] for name in node.input if name in self.found.frames]
        if any(name in self.found.finals for name in node.input) and not (not found and moved(node)):
            raise _Refused("uses the state at the end of the whole recording; a stream does not know its end")
        for name in node.input:
            if name in self.lengths.grown and name not in self.found.frames:
                self.require_same_frames(name)
        befores = sorted({frames.before for frames in found})
        if len(befores) > 1:
            raise _Refused(
                f"joins frames that lie {befores[-1] - befores[0]} apart; a stream has them at one time only"
            )
        return found[0] if found else Frames(-1)

    def require_same_frames(self, name: str) -> None:
        values, axis = self.lengths.fixed[name][0], self.lengths.grown[name].axis
        if not (values == np.take(values, [0], axis)).all():
            raise _Refused(f"reads {name!r}, whose values differ from frame to frame, whatever the recording is")

    def put(self, node: onnx.NodeProto, before: int, zeros: bool) -> None:
        """Note where the frames of all results lie. Raises where a result has no frames any more."""
        for name in node.output:
            if not name:
                continue
            grown = self.lengths.grown.get(name)
            if grown is None:
                raise _Refused(
                    "makes one value of all frames of a recording; a stream does not know those to come: train the network with "
                    "running means, or without it"
                )
            self.found.frames[name] = Frames(grown.axis, before, zeros and before > 0)

    # ---- rules

    def frame_by_frame(self, index: int, node: onnx.NodeProto) -> None:
        frames = self.spread(node)
        if frames.axis < 0:
            self.found.finals.update(node.output)
            return
        keeps = node.op_type in _KEEP_ZEROS or bool(moved(node)) or node.op_type in ("Unsqueeze", "Reshape")
        self.put(node, frames.before, keeps and frames.zeros)

    def pad(self, index: int, node: onnx.NodeProto) -> None:
        frames = self.spread(node)
        front, _ = self.time_amounts(node, frames.axis)
        if front < 0:
            raise _Refused(f"drops the first {-front} frames: it looks ahead, which a stream cannot")
        if front and (_attribute(node, "mode", b"constant") != b"constant" or self.fill(node) != 0):
            raise _Refused("makes frames before the first one that are not zeros; pad the past with zeros")
        if front and frames.before and not frames.zeros:
            raise _Refused("puts zeros in front of frames that are none")
        self.found.cut.add(index)
        self.put(node, frames.before + front, frames.before == 0 or frames.zeros)

    def time_amounts(self, node: onnx.NodeProto, axis: int) -> tuple[int, int]:
        """The frames that a Pad adds in front and behind."""
        amounts = np.ravel(self.constant(node.input[1], "amounts")).astype(int)
        half = len(amounts) // 2
        axes = list(range(half))
        if len(node.input) > 3 and node.input[3]:
            rank = len(self.lengths.shapes[node.input[0]])
            axes = [int(value) % rank for value in np.ravel(self.constant(node.input[3], "axes"))]
        if axis not in axes:
            return 0, 0
        return int(amounts[axes.index(axis)]), int(amounts[axes.index(axis) + half])

    def fill(self, node: onnx.NodeProto) -> float:
        given = len(node.input) > 2 and node.input[2]
        return float(np.ravel(self.constant(node.input[2], "values"))[0]) if given else 0.0

    def slice(self, index: int, node: onnx.NodeProto) -> None:
        frames = self.spread(node)
        if frames.axis < 0:
            self.frame_by_frame(index, node)
            return
        bounds = self.time_bounds(node, frames.axis)
        if bounds is None:
            self.put(node, frames.before, frames.zeros)
            return
        first, step = bounds
        if step != 1:
            raise _Refused("takes frames in another order, or not all of them; a stream has every frame once")
        if node.output[0] in self.lengths.grown and first > frames.before:
            raise _Refused(f"drops the first {first - frames.before} frames: it looks ahead, which a stream cannot")
        self.found.cut.add(index)
        self.put(node, frames.before - first, frames.zeros)

    def time_bounds(self, node: onnx.NodeProto, axis: int) -> tuple[int, int] | None:
        """First position and step of a Slice along time, or None where it leaves time alone."""
        rank = len(self.lengths.shapes[node.input[0]])
        starts = np.ravel(self.lengths.fixed[node.input[1]][0])
        axes = list(range(len(starts)))
        if len(node.input) > 3 and node.input[3]:
            axes = [int(value) % rank for value in np.ravel(self.constant(node.input[3], "axes"))]
        if axis not in axes:
            return None
        place = axes.index(axis)
        has_steps = len(node.input) > 4 and node.input[4]
        step = int(np.ravel(self.constant(node.input[4], "steps"))[place]) if has_steps else 1
        extent = self.lengths.shapes[node.input[0]][axis]
        first = int(starts[place])
        return min(max(first + extent if first < 0 else first, 0), extent), step

    def concat(self, index: int, node: onnx.NodeProto) -> None:
        frames = self.spread(node)
        rank = len(self.lengths.shapes[node.input[0]])
        if frames.axis < 0 or _attribute(node, "axis", 0) % rank != frames.axis:
            self.frame_by_frame(index, node)
            return
        front = 0
        parts = [name for name in node.input if name in self.found.frames]
        if len(parts) != 1:
            raise _Refused("joins several recordings one behind the other; a stream has one frame a call")
        for name in node.input[: list(node.input).index(parts[0])]:
            value = self.lengths.constant(name)
            if value is None:
                raise _Refused(
                    f"puts {name!r} in front of the frames: that is a state already; make all others states too"
                )
            if value.any():
                raise _Refused("makes frames before the first one that are not zeros; pad the past with zeros")
            front += value.shape[frames.axis]
        self.found.cut.add(index)
        self.put(node, frames.before + front, frames.before == 0 or frames.zeros)

    def conv(self, index: int, node: onnx.NodeProto) -> None:
        frames = self.spread(node)
        if frames.axis == 0:
            self.put(node, frames.before, False)
            return
        if frames.axis == 1:
            raise _Refused("takes the frames for channels; a stream has one frame a call")
        place = frames.axis - 2
        kernel = self.lengths.shapes[node.input[1]][2:]
        spatial = len(kernel)
        pads = _attribute(node, "pads", [0] * (2 * spatial))
        stride = _attribute(node, "strides", [1] * spatial)[place]
        dilation = _attribute(node, "dilations", [1] * spatial)[place]
        if node.op_type == "ConvTranspose" and (kernel[place] > 1 or stride > 1):
            raise _Refused("is a transposed convolution over time; write it as a convolution over past frames")
        if stride != 1:
            raise _Refused(f"takes {stride} frames a step; a stream has one result a frame")
        if _attribute(node, "auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID") and kernel[place] > 1:
            raise _Refused("has auto_pad over time; write the pads out")
        past = (kernel[place] - 1) * dilation
        before = frames.before + pads[place] - past
        if before < 0:
            raise _Refused(
                f"looks {-before} frames ahead: it needs {past} frames before the present one, and only {past + before} are there; "
                "pad the past alone"
            )
        if past and frames.before and not frames.zeros:
            raise _Refused(
                "looks at frames before the first one that are not zeros; pad with zeros right in front of it"
            )
        if past:
            self.found.windows[index] = past
        if pads[place] or pads[place + spatial]:
            self.found.cut.add(index)
        self.put(node, before, past == 0 and len(node.input) < 3 and frames.zeros)

    def recurrence(self, index: int, node: onnx.NodeProto) -> None:
        frames = self.found.frames.get(node.input[0])
        if frames is None or _attribute(node, "layout", 0):
            raise _Refused("has its frames elsewhere than along the first axis; export it without layout = 1")
        if frames.axis == 1:
            self.put(node, frames.before, False)
            return
        if frames.axis != 0:
            raise _Refused("takes the frames for inputs; a stream has one frame a call")
        if _attribute(node, "direction", b"forward") != b"forward":
            raise _Refused(
                "runs over the recording from its end; a stream has only the past: train the network with direction=forward"
            )
        if len(node.input) > 4 and node.input[4]:
            raise _Refused("has sequence_lens; leave it out")
        if frames.before:
            raise _Refused("hears frames of zeros before the first one, so that it does not start from zeros")
        count = 2 if node.op_type == "LSTM" else 1
        starts = [name for name in (*node.input[5:], "", "")[:count]]
        self.found.recurrent[index] = tuple(self.start(name) for name in starts)
        self.found.finals.update(name for name in node.output[1:] if name)
        if node.output[0]:
            self.found.frames[node.output[0]] = Frames(0)

    def start(self, name: str) -> str | None:
        """The graph input that a recurrence starts from, or None where it starts from zeros."""
        if not name:
            return None
        value = self.lengths.fixed.get(name)
        if value is not None:
            if value[0].any():
                raise _Refused("starts from a state that is not zero; a device starts from zeros")
            return None
        found = sources(self.nodes, name)
        if (
            len(found) == 1
            and found <= self.given
            and self.lengths.shapes[name] == self.lengths.shapes[next(iter(found))]
        ):
            return found.pop()
        raise _Refused("starts from a state that is computed; make it start from zeros, or from an input of the model")

    def pool(self, index: int, node: onnx.NodeProto) -> None:
        frames = self.spread(node)
        place = frames.axis - 2
        kernel = _attribute(node, "kernel_shape", [])
        if 0 <= place < len(kernel) and (
            kernel[place] != 1 or _attribute(node, "strides", [1] * len(kernel))[place] != 1
        ):
            raise _Refused("pools over time; a stream has one result a frame, from the past alone")
        self.put(node, frames.before, False)

    def over_axes(self, index: int, node: onnx.NodeProto) -> None:
        """Operators that look along some axes: time must be none of them."""
        frames = self.spread(node)
        rank = len(self.lengths.shapes[node.input[0]])
        kind = node.op_type
        if kind in ("Softmax", "LogSoftmax", "Hardmax"):
            seen = frames.axis == _attribute(node, "axis", -1) % rank
        elif kind == "LayerNormalization":
            seen = frames.axis >= _attribute(node, "axis", -1) % rank
        elif kind == "CumSum":
            seen = frames.axis == int(np.ravel(self.constant(node.input[1], "axes"))[0]) % rank
        else:
            seen = frames.axis >= 2
        if seen:
            raise _Refused(
                "looks at all frames of a recording at once; a stream has only the past: normalise each frame by itself"
            )
        self.frame_by_frame(index, node)

    def product(self, index: int, node: onnx.NodeProto) -> None:
        timed = [self.found.frames[name] for name in node.input[:2] if name in self.found.frames]
        ranks = [len(self.lengths.shapes[name]) for name in node.input[:2]]
        inner = [frames for frames, rank in zip(timed, ranks, strict=False) if frames.axis >= rank - 2]
        if len(timed) == 2 and inner:
            raise _Refused(
                "multiplies frames with frames; a device has only the past: train the network without attention over time"
            )
        self.frame_by_frame(index, node)


def _attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    found = next((attribute for attribute in node.attribute if attribute.name == name), None)
    return default if found is None else onnx.helper.get_attribute_value(found)


_RULES: dict[str, Callable[[_Walk, int, onnx.NodeProto], None]] = {
    "Pad": _Walk.pad,
    "Slice": _Walk.slice,
    "Concat": _Walk.concat,
    "Conv": _Walk.conv,
    "ConvTranspose": _Walk.conv,
    "MatMul": _Walk.product,
    **dict.fromkeys(RECURRENT, _Walk.recurrence),
    **dict.fromkeys(_POOLS, _Walk.pool),
    **dict.fromkeys(
        (
            "Softmax",
            "LogSoftmax",
            "Hardmax",
            "LayerNormalization",
            "CumSum",
            "InstanceNormalization",
            "GroupNormalization",
        ),
        _Walk.over_axes,
    ),
}
