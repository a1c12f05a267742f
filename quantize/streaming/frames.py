"""Which frame stands where: each value of a network of whole recordings is followed node by node.

An example. A Pad puts two frames in front of `x`, so its result begins two frames before the recording (`before` = 2). A convolution
of three frames behind it begins at the recording's first frame again (`before` = 0), and needs the two frames before the present one.
A convolution that has
only one of its two zeros in front gives a frame when the next one is there: `before` = -1, its result is one frame late. What would
have to know all frames is refused.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from ...models.errors import StapesError
from ..lowering.context import layer_name
from ..onnx_reader.wiring import RECURRENT, attribute, moved, sources
from .found import Frames, Plan
from .lengths import Lengths

# f(0) = 0, value by value, so that frames of zeros stay such.
_KEEP_ZEROS = ("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Tanh", "Abs", "Neg", "Dropout")
_POOLS = ("MaxPool", "AveragePool", "LpPool")


class _Refused(Exception):
    """Why a node cannot be part of a stream."""


def plan(model: onnx.ModelProto, lengths: Lengths, inputs: dict[str, int], label: str) -> Plan:
    """Follow the frames through a folded model; raises StapesError that names every node which no stream can have."""
    found = Plan({name: Frames(axis) for name, axis in inputs.items()})
    walk = _Walk(model, lengths, found)
    refused: list[str] = []
    for index, node in enumerate(model.graph.node):
        try:
            walk.visit(index, node)
        except _Refused as reason:
            refused.append(f"{layer_name(node)} {reason}")
            walk.go_on_behind(node)
    if refused:
        raise StapesError(f"{label}: {'; '.join(refused)}")
    made = {value.name: found.frames[value.name] for value in model.graph.output if value.name in found.frames}
    for name, frames in made.items():
        if frames.before > 0 or lengths.grown[name].extra:
            raise StapesError(
                f"{label}: output {name!r} has {lengths.grown[name].extra:+d} frames beside those of the recording, "
                f"{max(frames.before, 0)} of them in front; a stream has one result a frame"
            )
    found.delay = max((-frames.before for frames in made.values()), default=0)
    found.late.update({name: found.delay + f.before for name, f in made.items() if found.delay + f.before})
    return found


class _Walk:
    """One pass over the nodes in their order."""

    def __init__(self, model: onnx.ModelProto, lengths: Lengths, found: Plan) -> None:
        self.nodes = model.graph.node
        self.given = {value.name for value in model.graph.input}
        self.lengths = lengths
        self.found = found

    def go_on_behind(self, node: onnx.NodeProto) -> None:
        """As if a node that was refused were none: others may have to be named as well."""
        for name in node.output:
            if name in self.lengths.grown:
                self.found.frames[name] = Frames(self.lengths.grown[name].axis)

    def visit(self, index: int, node: onnx.NodeProto) -> None:
        if any(name in self.lengths.refused for name in node.output):
            if reason := next((r for name in node.output if (r := self.lengths.refused.get(name))), None):
                raise _Refused(reason)
            return
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

    def axes(self, node: onnx.NodeProto, count: int) -> list[int]:
        """The axes that a Pad or a Slice works along."""
        if len(node.input) > 3 and node.input[3]:
            self.constant(node.input[3], "axes")
        return self.lengths.axes_named(node, count, len(self.lengths.shapes[node.input[0]]))

    def spread(self, index: int, node: onnx.NodeProto) -> Frames:
        """The frames of a node's operands: those that are there earlier wait for the last."""
        timed = {name: self.found.frames[name] for name in node.input if name in self.found.frames}
        found = list(timed.values())
        if any(name in self.found.finals for name in node.input) and not (not found and moved(node)):
            raise _Refused("uses the state at the end of the whole recording; a stream does not know its end")
        before = min((frames.before for frames in found), default=0)
        for name in node.input:
            if name in self.lengths.grown and name not in self.found.frames and found:
                self.count(name, before)
        for name, frames in timed.items():
            if frames.before > max(before, 0) and not frames.zeros:
                raise _Refused(
                    f"joins frames that lie {frames.before - before} apart, and those before the first one are not zeros"
                )
            if frames.before > before:
                self.found.delays[index, name] = frames.before - before
        return Frames(found[0].axis, before, all(frames.zeros for frames in found)) if found else Frames(-1)

    def count(self, name: str, before: int) -> None:
        """A value that no recording decides is the same in every frame, or grows evenly, as the number of frames so far does."""
        axis = self.lengths.grown[name].axis
        rows = [np.moveaxis(values, axis, 0) for values in self.lengths.fixed[name]]
        first, step = rows[0][:1], rows[0][1:2] - rows[0][:1]
        places = np.arange(len(rows[1])).reshape(-1, *[1] * (rows[1].ndim - 1))
        if rows[0].dtype == np.float32 and all(
            np.array_equal(row, (first + step * places)[: len(row)]) for row in rows
        ):
            known = self.found.counted.setdefault(
                name, (np.moveaxis(first, 0, axis), np.moveaxis(step, 0, axis), before)
            )
            if known[2] == before or not step.any():
                return
        if (rows[0] == rows[0][:1]).all():
            return
        raise _Refused(f"reads {name!r}, whose values differ from frame to frame, whatever the recording is")

    def remember(self, index: int, frames: Frames) -> None:
        """A node keeps frames that began late: what came before them must not be among those."""
        if frames.before < 0:
            self.found.gates[index] = -frames.before

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
        frames = self.spread(index, node)
        if frames.axis < 0:
            self.found.finals.update(node.output)
            return
        keeps = node.op_type in _KEEP_ZEROS or bool(moved(node)) or node.op_type in ("Unsqueeze", "Reshape")
        self.put(node, frames.before, keeps and frames.zeros)

    def pad(self, index: int, node: onnx.NodeProto) -> None:
        frames = self.spread(index, node)
        front, _ = self.time_amounts(node, frames.axis)
        if front > 0 and (attribute(node, "mode", "constant") != "constant" or self.fill(node) != 0):
            raise _Refused("makes frames before the first one that are not zeros; pad the past with zeros")
        if front > 0 and frames.before > 0 and not frames.zeros:
            raise _Refused("puts zeros in front of frames that are none")
        if front > 0:
            self.remember(index, frames)
        self.found.cut.add(index)
        self.put(node, frames.before + front, frames.before <= 0 or frames.zeros)

    def time_amounts(self, node: onnx.NodeProto, axis: int) -> tuple[int, int]:
        """The frames that a Pad adds in front and behind."""
        amounts = np.ravel(self.constant(node.input[1], "amounts")).astype(int)
        half = len(amounts) // 2
        axes = self.axes(node, half)
        if axis not in axes:
            return 0, 0
        return int(amounts[axes.index(axis)]), int(amounts[axes.index(axis) + half])

    def fill(self, node: onnx.NodeProto) -> float:
        given = len(node.input) > 2 and node.input[2]
        return float(np.ravel(self.constant(node.input[2], "values"))[0]) if given else 0.0

    def slice(self, index: int, node: onnx.NodeProto) -> None:
        frames = self.spread(index, node)
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
        self.found.cut.add(index)
        self.put(node, frames.before - first, frames.zeros)

    def time_bounds(self, node: onnx.NodeProto, axis: int) -> tuple[int, int] | None:
        """First position and step of a Slice along time, or None where it leaves time alone."""
        starts = np.ravel(self.lengths.fixed[node.input[1]][0])
        axes = self.axes(node, len(starts))
        if axis not in axes:
            return None
        place = axes.index(axis)
        has_steps = len(node.input) > 4 and node.input[4]
        step = int(np.ravel(self.constant(node.input[4], "steps"))[place]) if has_steps else 1
        extent = self.lengths.shapes[node.input[0]][axis]
        first = int(starts[place])
        return min(max(first + extent if first < 0 else first, 0), extent), step

    def concat(self, index: int, node: onnx.NodeProto) -> None:
        frames = self.spread(index, node)
        rank = len(self.lengths.shapes[node.input[0]])
        if frames.axis < 0 or attribute(node, "axis", 0) % rank != frames.axis:
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
        if front:
            self.remember(index, frames)
        self.found.cut.add(index)
        self.put(node, frames.before + front, frames.before <= 0 or frames.zeros)

    def conv(self, index: int, node: onnx.NodeProto) -> None:
        frames = self.spread(index, node)
        if frames.axis == 0:
            self.put(node, frames.before, False)
            return
        if frames.axis == 1:
            raise _Refused("takes the frames for channels; a stream has one frame a call")
        place = frames.axis - 2
        kernel = self.lengths.shapes[node.input[1]][2:]
        spatial = len(kernel)
        pads = attribute(node, "pads", [0] * (2 * spatial))
        stride = attribute(node, "strides", [1] * spatial)[place]
        dilation = attribute(node, "dilations", [1] * spatial)[place]
        if node.op_type == "ConvTranspose" and (kernel[place] > 1 or stride > 1):
            raise _Refused("is a transposed convolution over time; write it as a convolution over past frames")
        if stride != 1:
            raise _Refused(f"takes {stride} frames a step; a stream has one result a frame")
        if attribute(node, "auto_pad", "NOTSET") not in ("NOTSET", "VALID") and kernel[place] > 1:
            raise _Refused("has auto_pad over time; write the pads out")
        past = (kernel[place] - 1) * dilation
        before = frames.before + pads[place] - past
        if past and frames.before > 0 and not frames.zeros:
            raise _Refused(
                "looks at frames before the first one that are not zeros; pad with zeros right in front of it"
            )
        if past or pads[place]:
            self.remember(index, frames)
        if past:
            self.found.windows[index] = past
        if pads[place] or pads[place + spatial]:
            self.found.cut.add(index)
        self.put(node, before, past == 0 and len(node.input) < 3 and frames.zeros)

    def recurrence(self, index: int, node: onnx.NodeProto) -> None:
        frames = self.found.frames.get(node.input[0])
        if frames is None or attribute(node, "layout", 0):
            raise _Refused("has its frames elsewhere than along the first axis; export it without layout = 1")
        if frames.axis == 1:
            self.put(node, frames.before, False)
            return
        if frames.axis != 0:
            raise _Refused("takes the frames for inputs; a stream has one frame a call")
        if attribute(node, "direction", "forward") != "forward":
            raise _Refused(
                "runs over the recording from its end; a stream has only the past: train the network with direction=forward"
            )
        if len(node.input) > 4 and node.input[4]:
            raise _Refused("has sequence_lens; leave it out")
        self.remember(index, frames)
        if frames.before > 0:
            raise _Refused("hears frames of zeros before the first one, so that it does not start from zeros")
        count = 2 if node.op_type == "LSTM" else 1
        starts = [name for name in (*node.input[5:], "", "")[:count]]
        self.found.recurrent[index] = tuple(self.start(name) for name in starts)
        self.found.finals.update(name for name in node.output[1:] if name)
        if node.output[0]:
            self.found.frames[node.output[0]] = Frames(0, frames.before)

    def running_sum(self, index: int, node: onnx.NodeProto) -> None:
        frames = self.spread(index, node)
        rank = len(self.lengths.shapes[node.input[0]])
        if frames.axis != int(np.ravel(self.constant(node.input[1], "axes"))[0]) % rank:
            self.frame_by_frame(index, node)
            return
        if attribute(node, "reverse", 0):
            raise _Refused("adds up the recording from its end; a stream has only the past")
        if self.lengths.grown[node.input[0]].factor > 1:
            raise _Refused("adds up positions of one frame as well; a stream adds up frames")
        if frames.before > 0 and not frames.zeros:
            raise _Refused(
                "adds up frames before the first one that are not zeros; pad with zeros right in front of it"
            )
        self.remember(index, frames)
        self.found.sums.add(index)
        self.put(node, frames.before, frames.zeros)

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
        frames = self.spread(index, node)
        place = frames.axis - 2
        kernel = attribute(node, "kernel_shape", [])
        if 0 <= place < len(kernel) and (
            kernel[place] != 1 or attribute(node, "strides", [1] * len(kernel))[place] != 1
        ):
            raise _Refused("pools over time; a stream has one result a frame, from the past alone")
        self.put(node, frames.before, False)

    def over_axes(self, index: int, node: onnx.NodeProto) -> None:
        """Operators that look along some axes: time must be none of them."""
        frames = self.spread(index, node)
        rank = len(self.lengths.shapes[node.input[0]])
        kind = node.op_type
        if kind in ("Softmax", "LogSoftmax", "Hardmax"):
            seen = frames.axis == attribute(node, "axis", -1) % rank
        elif kind == "LayerNormalization":
            seen = frames.axis >= attribute(node, "axis", -1) % rank
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


_RULES: dict[str, Callable[[_Walk, int, onnx.NodeProto], None]] = {
    "Pad": _Walk.pad,
    "Slice": _Walk.slice,
    "Concat": _Walk.concat,
    "Conv": _Walk.conv,
    "ConvTranspose": _Walk.conv,
    "MatMul": _Walk.product,
    "CumSum": _Walk.running_sum,
    **dict.fromkeys(RECURRENT, _Walk.recurrence),
    **dict.fromkeys(_POOLS, _Walk.pool),
    **dict.fromkeys(
        (
            "Softmax",
            "LogSoftmax",
            "Hardmax",
            "LayerNormalization",
            "InstanceNormalization",
            "GroupNormalization",
        ),
        _Walk.over_axes,
    ),
}
