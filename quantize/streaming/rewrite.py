"""The graph of a stream: one frame long, with states where the network of whole recordings had zeros.

Past frames are kept with time first and channels last, (frames, positions, channels): so kernels of integers read them without
moving them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..graph import State
from ..onnx_reader import STATES_KEY
from .frames import Plan
from .lengths import Lengths, with_length

_UNTIL_THE_END = 2**31 - 1


def as_stream(
    model: onnx.ModelProto, plan: Plan, lengths: Lengths, axes: Mapping[str, int]
) -> tuple[onnx.ModelProto, tuple[State, ...]]:
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
        self.states: list[State] = []
        self.histories: dict[tuple[str, int], str] = {}

    def made(self) -> onnx.ModelProto:
        graph = self.model.graph
        for index, node in enumerate(graph.node):
            if index in self.plan.windows:
                self.window(node, self.plan.windows[index], index in self.plan.cut)
            elif index in self.plan.recurrent:
                self.recurrence(node, self.plan.recurrent[index])
            elif index in self.plan.cut:
                self.cut(node)
            else:
                self.nodes.append(node)
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in self.nodes]
        graph.ClearField("node")
        graph.node.extend(nodes)
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

    def state(self, name: str, shape: tuple[int, ...]) -> tuple[str, str]:
        """Add an input and an output of a shape; returns their names."""
        graph = self.model.graph
        given, made = self.free(name), self.free(f"{name}_out")
        graph.input.append(helper.make_tensor_value_info(given, TensorProto.FLOAT, shape))
        graph.output.append(helper.make_tensor_value_info(made, TensorProto.FLOAT, shape))
        self.states.append(State(given, made))
        return given, made

    # ---- nodes

    def cut(self, node: onnx.NodeProto) -> None:
        """A node that adds or drops frames no longer does."""
        axis = next(self.plan.frames[name].axis for name in node.input if name in self.plan.frames)
        if node.op_type == "Concat":
            part = next(name for name in node.input if name in self.plan.frames)
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
        axes = list(range(half))
        if len(node.input) > 3 and node.input[3]:
            rank = len(self.lengths.shapes[node.input[0]])
            axes = [int(value) % rank for value in np.ravel(self.lengths.fixed[node.input[3]][0])]
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
        rank = len(self.lengths.shapes[node.input[0]])
        rows = [np.ravel(self.lengths.fixed[name][0]).astype(np.int64) for name in node.input[1:] if name]
        starts, ends = rows[:2]
        axes = rows[2] % rank if len(rows) > 2 else np.arange(len(starts))
        steps = rows[3] if len(rows) > 3 else np.ones(len(starts), np.int64)
        others = [place for place, value in enumerate(axes) if value != axis]
        if not others:
            self.node("Identity", [node.input[0]], node.output[0])
            return
        named = {"starts": starts, "ends": np.minimum(ends, _UNTIL_THE_END), "axes": axes, "steps": steps}
        bounds = [self.constant(f"{node.output[0]}/{name}", value[others]) for name, value in named.items()]
        self.node("Slice", [node.input[0], *bounds], node.output[0])

    def window(self, node: onnx.NodeProto, past: int, padded: bool) -> None:
        """A convolution reads past frames and the present one."""
        axis = self.plan.frames[node.input[0]].axis
        kept = _without_pads(node, axis - 2) if padded else onnx.NodeProto()
        if not padded:
            kept.CopyFrom(node)
        kept.input[0] = self.history(node.input[0], axis, past)
        self.nodes.append(kept)

    def history(self, value: str, axis: int, past: int) -> str:
        """The last `past` frames of a value and the present one, in the value's own order of axes."""
        if (value, past) in self.histories:
            return self.histories[value, past]
        shape = self.lengths.shapes[value]
        # Time, the batch where there is one, positions, channels.
        order = [axis, 0, *(other for other in range(2, len(shape)) if other != axis), 1]
        name = _plain(value)
        kept = (past, *(shape[other] for other in order[1:] if other or shape[0] > 1))
        given, made = self.state(f"{name}_history", kept)
        frame = self.node("Transpose", [value], self.free(f"{name}/frame"), perm=order)
        if shape[0] == 1:
            batch = self.constant(f"{name}/batch", np.array([1], np.int64))
            frame = self.node("Squeeze", [frame, batch], self.free(f"{name}/alone"))
        frames = self.node("Concat", [given, frame], self.free(f"{name}/frames"), axis=0)
        ends = (("starts", 1), ("ends", _UNTIL_THE_END), ("axes", 0))
        bounds = [self.constant(f"{name}/{label}", np.array([number], np.int64)) for label, number in ends]
        self.node("Slice", [frames, *bounds], made)
        if shape[0] == 1:
            frames = self.node("Unsqueeze", [frames, batch], self.free(f"{name}/batched"))
        back = [order.index(other) for other in range(len(order))]
        self.histories[value, past] = self.node("Transpose", [frames], self.free(f"{name}/past"), perm=back)
        return self.histories[value, past]

    def recurrence(self, node: onnx.NodeProto, starts: tuple[str | None, ...]) -> None:
        """A recurrence starts from inputs and gives its last states as outputs."""
        kept = onnx.NodeProto()
        kept.CopyFrom(node)
        rows = self.lengths.shapes[node.input[0]][1]
        hidden = self.lengths.shapes[node.input[2]][-1]
        kept.input.extend([""] * (5 + len(starts) - len(kept.input)))
        kept.output.extend([""] * (1 + len(starts) - len(kept.output)))
        after: list[tuple[str, str]] = []
        for which, (letter, start) in enumerate(zip("hc", starts, strict=False)):
            last = kept.output[1 + which] or self.free(f"{node.output[0]}/{letter}")
            kept.output[1 + which] = last
            name = f"{_plain(node.name or node.output[0])}_{letter}"
            if start is None:
                kept.input[5 + which], made = self.state(name, (1, rows, hidden))
            else:
                made = self.free(f"{start}_out")
                self.model.graph.output.append(
                    helper.make_tensor_value_info(made, TensorProto.FLOAT, (1, rows, hidden))
                )
                self.states.append(State(start, made))
            after.append((last, made))
        self.nodes.append(kept)
        for last, made in after:
            self.node("Identity", [last], made)


def _without_pads(node: onnx.NodeProto, place: int) -> onnx.NodeProto:
    """A convolution without its pads along one axis of space."""
    kept = onnx.NodeProto()
    kept.CopyFrom(node)
    for attribute in kept.attribute:
        if attribute.name == "pads":
            half = len(attribute.ints) // 2
            attribute.ints[place] = attribute.ints[place + half] = 0
    return kept


def _plain(name: str) -> str:
    """A name of a value or a node as a part of a state's name.

    >>> _plain("/emb_gru/gru/GRU"), _plain("feat_erb")
    ('emb_gru_gru_GRU', 'feat_erb')
    """
    return re.sub(r"\W+", "_", name).strip("_") or "state"
