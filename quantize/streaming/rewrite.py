"""The graph of a stream: one frame long, with states where the network of whole recordings had zeros.

Past frames are kept with time first and channels last, (frames, positions, channels): so kernels of integers read them without
moving them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..graph import State
from ..lowering.context import layer_name
from ..onnx_reader import DELAY_KEY, STATES_KEY
from ..onnx_reader.wiring import attribute
from .found import Plan
from .lengths import Lengths, with_length

_UNTIL_THE_END = 2**31 - 1


@dataclass(frozen=True)
class StreamState(State):
    """A state of a stream, of a shape: `node` is the one that needs it, `frames` how many past frames it holds, 0 for other memory."""

    node: str
    shape: tuple[int, ...]
    frames: int = 0


def as_stream(
    model: onnx.ModelProto, plan: Plan, lengths: Lengths, axes: Mapping[str, int]
) -> tuple[onnx.ModelProto, tuple[StreamState, ...]]:
    """The model with one frame a call, and its states, which its metadata name too."""
    stream = _Stream(with_length(model, axes, 1), plan, lengths)
    return stream.made(), tuple(stream.states)


class _Stream:
    """Builds the nodes anew, in their order."""

    def __init__(self, model: onnx.ModelProto, plan: Plan, lengths: Lengths) -> None:
        self.model = model
        self.plan = plan
        self.lengths = lengths
        graph = model.graph
        self.taken = {tensor.name for tensor in graph.initializer} | {value.name for value in graph.input}
        self.taken |= {name for node in graph.node for name in node.output}
        self.nodes: list[onnx.NodeProto] = []
        self.states: list[StreamState] = []
        self.histories: dict[tuple[str, int], str] = {}
        self.delayed: dict[tuple[str, int], str] = {}
        self.gates: dict[int, str] = {}
        self.counter: str | None = None
        self.shapes, self.grown = dict(lengths.shapes), dict(lengths.grown)
        self.axis_of = {name: frames.axis for name, frames in plan.frames.items()}

    def made(self) -> onnx.ModelProto:
        graph = self.model.graph
        for index, node in enumerate(graph.node):
            counted = next((name for name in node.output if name in self.plan.counted), None)
            if counted is not None:
                self.count(counted, *self.plan.counted[counted])
                continue
            node = self.waiting(index, node)
            if index in self.plan.windows:
                self.window(node, self.plan.windows[index], index in self.plan.cut)
            elif index in self.plan.recurrent:
                self.recurrence(node, self.plan.recurrent[index], self.plan.gates.get(index, 0))
            elif index in self.plan.sums:
                self.sum(node)
            elif index in self.plan.cut:
                self.cut(node)
            else:
                self.nodes.append(node)
        for name, frames in self.plan.late.items():
            self.hold_back(name, frames)
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in self.nodes]
        graph.ClearField("node")
        graph.node.extend(nodes)
        kept = [entry for entry in self.model.metadata_props if entry.key not in (STATES_KEY, DELAY_KEY)]
        self.model.ClearField("metadata_props")
        self.model.metadata_props.extend(kept)
        self.model.metadata_props.add(key=DELAY_KEY, value=str(self.plan.delay))
        self.model.metadata_props.add(
            key=STATES_KEY, value=json.dumps([[state.input, state.output] for state in self.states])
        )
        return self.model

    # ---- names and constants

    def free(self, name: str) -> str:
        unique, count = name, 1
        while unique in self.taken:
            count += 1
            unique = f"{name}_{count}"
        self.taken.add(unique)
        return unique

    def constant(self, name: str, values: np.ndarray) -> str:
        name = self.free(name)
        self.model.graph.initializer.append(numpy_helper.from_array(values, name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def state(self, name: str, shape: tuple[int, ...], node: str, frames: int = 0) -> tuple[str, str]:
        """Add an input and an output of a shape, for the sake of a node; returns their names."""
        graph = self.model.graph
        given, made = self.free(name), self.free(f"{name}_out")
        graph.input.append(helper.make_tensor_value_info(given, TensorProto.FLOAT, shape))
        graph.output.append(helper.make_tensor_value_info(made, TensorProto.FLOAT, shape))
        self.states.append(StreamState(given, made, node, shape, frames))
        return given, made

    # ---- what waits, what has begun, what counts

    def waiting(self, index: int, node: onnx.NodeProto) -> onnx.NodeProto:
        """A node with the operands that the plan wants: some frames late, or zero until they have begun."""
        changed = onnx.NodeProto()
        changed.CopyFrom(node)
        for place, name in enumerate(node.input):
            if (index, name) in self.plan.delays:
                changed.input[place] = self.late(name, self.plan.delays[index, name], layer_name(node))
        frames = self.plan.gates.get(index, 0)
        if frames and index not in self.plan.recurrent:
            place = next(place for place, name in enumerate(node.input) if name in self.axis_of)
            value = changed.input[place]
            gated = self.free(f"{_plain(value)}/begun")
            changed.input[place] = self.node("Mul", [value, self.begun(frames, layer_name(node))], gated)
            self.alike(gated, value)
        return changed

    def alike(self, value: str, known: str) -> None:
        """Note that a value has the shape and the time axis of another one."""
        self.shapes[value], self.grown[value] = self.shapes[known], self.grown[known]
        self.axis_of[value] = self.axis_of[known]

    def late(self, value: str, frames: int, node: str) -> str:
        """A value as it was so many frames ago."""
        if (value, frames) in self.delayed:
            return self.delayed[value, frames]
        grown, shape = self.grown[value], self.shapes[value]
        others = [axis for axis in range(len(shape)) if axis != grown.axis]
        order = [grown.axis, *others]
        count = frames * grown.factor
        name = _plain(value)
        given, made = self.state(f"{name}_late", (count, *(shape[axis] for axis in others)), node, frames)
        frame = self.node("Transpose", [value], self.free(f"{name}/present"), perm=order)
        all_frames = self.node("Concat", [given, frame], self.free(f"{name}/waiting"), axis=0)
        self.part(all_frames, grown.factor, _UNTIL_THE_END, made)
        oldest = self.part(all_frames, 0, grown.factor, self.free(f"{name}/oldest"))
        back = [order.index(axis) for axis in range(len(order))]
        self.delayed[value, frames] = self.node("Transpose", [oldest], self.free(f"{name}/late"), perm=back)
        self.alike(self.delayed[value, frames], value)
        return self.delayed[value, frames]

    def part(self, value: str, first: int, end: int, output: str) -> str:
        """Some positions along the first axis."""
        numbers = (("starts", first), ("ends", end), ("axes", 0))
        bounds = [self.constant(f"{output}/{label}", np.array([number], np.int64)) for label, number in numbers]
        return self.node("Slice", [value, *bounds], output)

    def begun(self, frames: int, node: str) -> str:
        """(1,): 0 in the first so many frames, then 1."""
        if frames not in self.gates:
            given, made = self.state(f"begun_{frames}", (frames,), node)
            one = self.constant("one", np.ones(1, np.float32))
            ones = self.node("Concat", [given, one], self.free(f"begun_{frames}/ones"), axis=0)
            self.part(ones, 1, _UNTIL_THE_END, made)
            self.gates[frames] = self.part(ones, 0, 1, self.free(f"begun_{frames}/gate"))
        return self.gates[frames]

    def count(self, name: str, first: np.ndarray, step: np.ndarray, before: int) -> None:
        """A value that grows evenly: first + step * place, where place is the number of the frame + before, at least 0."""
        if not step.any():
            self.node("Identity", [self.constant(f"{name}/first", first)], name)
            return
        if self.counter is None:
            self.counter, made = self.state("frames_so_far", (1,), name)
            self.node("Add", [self.counter, self.constant("one", np.ones(1, np.float32))], made)
        place = self.counter
        if before:
            offset = self.constant(f"{name}/before", np.array([before], np.float32))
            place = self.node("Add", [place, offset], self.free(f"{name}/moved"))
            place = self.node("Relu", [place], self.free(f"{name}/place"))
        grown = self.node("Mul", [place, self.constant(f"{name}/step", step)], self.free(f"{name}/grown"))
        self.node("Add", [grown, self.constant(f"{name}/first", first)], name)

    def hold_back(self, name: str, frames: int) -> None:
        """An output waits for the others."""
        early = self.free(f"{name}/early")
        for node in self.nodes:
            for names in (node.input, node.output):
                for place, value in enumerate(names):
                    if value == name:
                        names[place] = early
        self.alike(early, name)
        self.node("Identity", [self.late(early, frames, f"output {name!r}")], name)

    # ---- nodes

    def sum(self, node: onnx.NodeProto) -> None:
        """The sum of all frames so far is a state."""
        axis = self.axis_of[node.input[0]]
        shape = tuple(1 if place == axis else size for place, size in enumerate(self.shapes[node.input[0]]))
        given, made = self.state(f"{_plain(node.output[0])}_sum", shape, layer_name(node))
        exclusive = attribute(node, "exclusive", 0)
        total = self.node("Add", [given, node.input[0]], self.free(f"{node.output[0]}/total"))
        self.node("Identity", [given if exclusive else total], node.output[0])
        self.node("Identity", [total], made)

    def cut(self, node: onnx.NodeProto) -> None:
        """A node that adds or drops frames no longer does."""
        axis = next(self.axis_of[name] for name in node.input if name in self.axis_of)
        if node.op_type == "Concat":
            part = next(name for name in node.input if name in self.axis_of)
            self.node("Identity", [part], node.output[0])
        elif node.op_type == "Pad":
            self.pad(node, axis)
        elif node.op_type == "Slice":
            self.slice(node, axis)
        else:
            self.nodes.append(_without_pads(node, axis - 2))

    def pad(self, node: onnx.NodeProto, axis: int) -> None:
        amounts = np.ravel(self.lengths.fixed[node.input[1]][0]).astype(np.int64).copy()
        half = len(amounts) // 2
        axes = self.lengths.axes_named(node, half, len(self.shapes[node.input[0]]))
        if axis in axes:
            amounts[[axes.index(axis), axes.index(axis) + half]] = 0
        if not amounts.any():
            self.node("Identity", [node.input[0]], node.output[0])
            return
        kept = onnx.NodeProto()
        kept.CopyFrom(node)
        kept.input[1] = self.constant(f"{node.output[0]}/amounts", amounts)
        self.nodes.append(kept)

    def slice(self, node: onnx.NodeProto, axis: int) -> None:
        given = {place: name for place, name in enumerate(node.input) if name}
        rows = {place: np.ravel(self.lengths.fixed[name][0]).astype(np.int64) for place, name in given.items() if place}
        starts, ends, count = rows[1], rows[2], len(rows[1])
        axes = np.array(self.lengths.axes_named(node, count, len(self.shapes[node.input[0]])), np.int64)
        steps = rows.get(4, np.ones(count, np.int64))
        others = [place for place, value in enumerate(axes) if value != axis]
        if not others:
            self.node("Identity", [node.input[0]], node.output[0])
            return
        named = {"starts": starts, "ends": np.minimum(ends, _UNTIL_THE_END), "axes": axes, "steps": steps}
        bounds = [self.constant(f"{node.output[0]}/{name}", value[others]) for name, value in named.items()]
        self.node("Slice", [node.input[0], *bounds], node.output[0])

    def window(self, node: onnx.NodeProto, past: int, padded: bool) -> None:
        """A convolution reads past frames and the present one."""
        axis = self.axis_of[node.input[0]]
        kept = _without_pads(node, axis - 2) if padded else onnx.NodeProto()
        if not padded:
            kept.CopyFrom(node)
        kept.input[0] = self.history(node.input[0], axis, past, layer_name(node))
        self.nodes.append(kept)

    def history(self, value: str, axis: int, past: int, node: str) -> str:
        """The last `past` frames of a value and the present one, in the value's own order of axes."""
        if (value, past) in self.histories:
            return self.histories[value, past]
        shape = self.shapes[value]
        # Time, the batch where there is one, positions, channels.
        order = [axis, 0, *(other for other in range(2, len(shape)) if other != axis), 1]
        name = _plain(value)
        kept = (past, *(shape[other] for other in order[1:] if other or shape[0] > 1))
        given, made = self.state(f"{name}_history", kept, node, past)
        frame = self.node("Transpose", [value], self.free(f"{name}/frame"), perm=order)
        if shape[0] == 1:
            batch = self.constant(f"{name}/batch", np.array([1], np.int64))
            frame = self.node("Squeeze", [frame, batch], self.free(f"{name}/alone"))
        frames = self.node("Concat", [given, frame], self.free(f"{name}/frames"), axis=0)
        self.part(frames, 1, _UNTIL_THE_END, made)
        if shape[0] == 1:
            frames = self.node("Unsqueeze", [frames, batch], self.free(f"{name}/batched"))
        back = [order.index(other) for other in range(len(order))]
        self.histories[value, past] = self.node("Transpose", [frames], self.free(f"{name}/past"), perm=back)
        return self.histories[value, past]

    def recurrence(self, node: onnx.NodeProto, starts: tuple[str | None, ...], late: int) -> None:
        """A recurrence starts from inputs and gives its last states as outputs, zeros in the first `late` frames."""
        kept = onnx.NodeProto()
        kept.CopyFrom(node)
        rows = self.shapes[node.input[0]][1]
        hidden = self.shapes[node.input[2]][-1]
        kept.input.extend([""] * (5 + len(starts) - len(kept.input)))
        kept.output.extend([""] * (1 + len(starts) - len(kept.output)))
        after: list[tuple[str, str]] = []
        for which, (letter, start) in enumerate(zip("hc", starts, strict=False)):
            last = kept.output[1 + which] or self.free(f"{node.output[0]}/{letter}")
            kept.output[1 + which] = last
            name = f"{_plain(node.name or node.output[0])}_{letter}"
            if start is None:
                kept.input[5 + which], made = self.state(name, (1, rows, hidden), layer_name(node))
            else:
                made = self.free(f"{start}_out")
                self.model.graph.output.append(
                    helper.make_tensor_value_info(made, TensorProto.FLOAT, (1, rows, hidden))
                )
                self.states.append(StreamState(start, made, layer_name(node), (1, rows, hidden)))
            after.append((last, made))
        self.nodes.append(kept)
        for last, made in after:
            if late:
                self.node("Mul", [last, self.begun(late, layer_name(node))], made)
            else:
                self.node("Identity", [last], made)


def _without_pads(node: onnx.NodeProto, place: int) -> onnx.NodeProto:
    """A convolution without its pads along one axis of space."""
    kept = onnx.NodeProto()
    kept.CopyFrom(node)
    for found in kept.attribute:
        if found.name == "pads":
            half = len(found.ints) // 2
            found.ints[place] = found.ints[place + half] = 0
    return kept


def _plain(name: str) -> str:
    """A name of a value or a node as a part of a state's name.

    >>> _plain("/emb_gru/gru/GRU"), _plain("feat_erb")
    ('emb_gru_gru_GRU', 'feat_erb')
    """
    return re.sub(r"\W+", "_", name).strip("_") or "state"
