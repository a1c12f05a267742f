"""Parts of a network whose results nobody reads: the first values of an output, and all that works for them alone.

An example. DeepFilterNet3 gives 32 gains; those of bands 0 to 20 are of bins in which the deep filter takes their place. The network is asked
for the last 11. Its last convolution then works at positions 21 to 31, what it reads at 20 to 31, and so on back to where
somebody else reads the rest too. Nothing is guessed here: what is left is computed as before.

Every tensor is a row of values; `start` is the first that is needed. Positions are the first axis of a shape that is longer than one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .float_graph import FloatGraph
from .graph import Operator

_ELEMENTWISE = ("RELU", "LEAKY_RELU", "LOGISTIC", "TANH", "ADD", "SUB", "MUL", "ABS")
_SLICE_MASKS = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)


def with_last(model: onnx.ModelProto, counts: Mapping[str, int]) -> onnx.ModelProto:
    """The model whose outputs of these names give their last values along the last axis alone, so many."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for name, count in counts.items():
        output = next(value for value in made.graph.output if value.name == name)
        dims = output.type.tensor_type.shape.dim
        whole, size = f"{name}/all", dims[-1].dim_value
        for node in made.graph.node:
            node.input[:] = [whole if value == name else value for value in node.input]
            node.output[:] = [whole if value == name else value for value in node.output]
        ends = {"first": size - count, "end": size, "axis": len(dims) - 1}
        for label, value in ends.items():
            made.graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), f"{name}/{label}"))
        inputs = [whole, *(f"{name}/{label}" for label in ends)]
        made.graph.node.append(helper.make_node("Slice", inputs, [name], f"{name}/last"))
        dims[-1].dim_value = count
    return made


def without_unread(graph: FloatGraph) -> FloatGraph:
    """The graph with slices moved towards its inputs as far as nobody else reads what they leave out; unchanged where none is."""
    starts = _starts(graph)
    if not any(starts.values()):
        return graph
    made = replace(graph, tensors=dict(graph.tensors), operators=[], states=list(graph.states))
    # Values of the network of which only a part is left are no longer to be compared.
    made.values = {name: tensor for name, tensor in graph.values.items() if not starts.get(tensor)}
    _Shorter(graph, made, starts).run()
    made.remove_unused([*made.outputs, *(state.output for state in made.states)])
    return made


def _starts(graph: FloatGraph) -> dict[str, int]:
    """First value of every tensor that somebody needs."""
    needed: dict[str, int] = dict.fromkeys([*graph.outputs, *(state.output for state in graph.states)], 0)
    needed |= dict.fromkeys([*graph.inputs, *(state.input for state in graph.states)], 0)
    made: dict[str, int] = {}
    for op in reversed(graph.operators):
        rule = _rule(graph, op)
        start = min(needed.get(name, _size(graph, name)) for name in op.outputs)
        start = start // rule.step * rule.step if rule is not None else 0
        made |= dict.fromkeys(op.outputs, start)
        for name in op.inputs:
            if graph.tensors[name].data is None:
                wanted = rule.needs(start, name) if rule is not None else 0
                needed[name] = min(needed.get(name, _size(graph, name)), wanted)
    return made


def _size(graph: FloatGraph, name: str) -> int:
    return int(np.prod(graph.tensors[name].shape))


def _axis(shape: Sequence[int]) -> int:
    """The axis of the positions."""
    return next((axis for axis, size in enumerate(shape) if size > 1), len(shape) - 1)


def _inner(shape: Sequence[int]) -> int:
    """Values of one position."""
    return math.prod(shape[_axis(shape) + 1 :])


def _shortened(shape: Sequence[int], start: int) -> tuple[int, ...]:
    axis = _axis(shape)
    return (*shape[:axis], shape[axis] - start // _inner(shape), *shape[axis + 1 :])


class _Rule:
    """How an operator makes a part of its result: from a multiple of `step` on, out of its inputs from `needs` on."""

    def __init__(self, step: int, ratios: Mapping[str, tuple[int, int]], before: int = 0) -> None:
        self.step, self.ratios, self.before = step, ratios, before

    def needs(self, start: int, name: str) -> int:
        """First value of an input for a result from `start` on: positions times their size, less those that a kernel reads before."""
        of_result, of_input = self.ratios[name]
        return max(start // of_result - self.before, 0) * of_input


def _rule(graph: FloatGraph, op: Operator) -> _Rule | None:
    """None for an operator that makes all of its result or nothing."""
    if op.region is not None or len(op.outputs) != 1 or not set(_free(graph, op)):
        return None
    made = _RULES.get(op.kind)
    return None if made is None else made(graph, op)


def _free(graph: FloatGraph, op: Operator) -> list[str]:
    return [name for name in op.inputs if graph.tensors[name].data is None]


def _elementwise(graph: FloatGraph, op: Operator) -> _Rule | None:
    shape = graph.tensors[op.outputs[0]].shape
    if any(graph.tensors[name].shape != shape for name in op.inputs):
        return None
    inner = _inner(shape)
    return _Rule(inner, dict.fromkeys(op.inputs, (inner, inner)))


def _reshape(graph: FloatGraph, op: Operator) -> _Rule | None:
    step = math.lcm(*(_inner(graph.tensors[name].shape) for name in (op.inputs[0], op.outputs[0])))
    return _Rule(step, {op.inputs[0]: (step, step)})


def _slice(graph: FloatGraph, op: Operator) -> _Rule | None:
    """One that leaves out first positions, and nothing else."""
    x, y = (graph.tensors[name].shape for name in (op.inputs[0], op.outputs[0]))
    begin, _, strides = (graph.tensors[name].data for name in op.inputs[1:])
    assert begin is not None
    assert strides is not None
    axis = _axis(x)
    cut = int(begin[axis]) * _inner(x)
    if len(x) != len(y) or any(strides != 1) or cut + math.prod(y) != math.prod(x) or begin.sum() != begin[axis]:
        return None
    return _Rule(_inner(x), {op.inputs[0]: (_inner(x), _inner(x))}, -int(begin[axis]))


def _fully_connected(graph: FloatGraph, op: Operator) -> _Rule | None:
    x, y = (graph.tensors[name].shape for name in (op.inputs[0], op.outputs[0]))
    if _free(graph, op) != [op.inputs[0]] or len(x) != 2 or x[0] < 2:
        return None
    return _Rule(y[1], {op.inputs[0]: (y[1], x[1])})


def _convolution(graph: FloatGraph, op: Operator) -> _Rule | None:
    """Along one row of positions, or of one position in groups, as grouped linear layers are."""
    x, y, weights = (graph.tensors[name].shape for name in (op.inputs[0], op.outputs[0], op.inputs[1]))
    plain = all(
        op.options.get(key, 1) == 1 for key in ("stride_h", "stride_w", "dilation_h_factor", "dilation_w_factor")
    )
    if _free(graph, op) != [op.inputs[0]] or not plain or len(x) != 4 or x[:2] != (1, 1):
        return None
    if y[2] == 1 and op.kind == "CONV_2D" and weights[1:3] == (1, 1):
        inputs = weights[3]
        return _Rule(y[3] * inputs // x[3], {op.inputs[0]: (y[3] * inputs // x[3], inputs)})
    if y[2] == 1 or x[2] != y[2] or weights[1] != 1:
        return None
    return _Rule(y[3], {op.inputs[0]: (y[3], x[3])}, (weights[2] - 1) // 2)


def _concatenation(graph: FloatGraph, op: Operator) -> _Rule | None:
    """Of the values of each position."""
    shapes = [graph.tensors[name].shape for name in op.inputs]
    y = graph.tensors[op.outputs[0]].shape
    if (
        op.options["axis"] not in (-1, len(y) - 1)
        or _axis(y) != len(y) - 2
        or any(_axis(s) != _axis(y) for s in shapes)
    ):
        return None
    return _Rule(_inner(y), {name: (_inner(y), _inner(s)) for name, s in zip(op.inputs, shapes, strict=True)})


_RULES = {
    **dict.fromkeys(_ELEMENTWISE, _elementwise),
    "RESHAPE": _reshape,
    "STRIDED_SLICE": _slice,
    "FULLY_CONNECTED": _fully_connected,
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "CONCATENATION": _concatenation,
}


class _Shorter:
    """Writes the operators anew, each for the values from its start on."""

    def __init__(self, old: FloatGraph, made: FloatGraph, starts: Mapping[str, int]) -> None:
        self.old, self.made, self.starts = old, made, starts
        self.parts: dict[tuple[str, int], str] = {}

    def run(self) -> None:
        for op in self.old.operators:
            rule = _rule(self.old, op)
            start = self.starts[op.outputs[0]]
            self.made.layer = self.old.tensors[op.outputs[0]].layer
            if rule is None or (op.kind == "STRIDED_SLICE" and not self.starts.get(op.inputs[0], 0)):
                self.made.operators.append(op)
                continue
            changed = replace(op, inputs=tuple(self._input(rule, start, name) for name in op.inputs))
            if start or op.kind == "STRIDED_SLICE":
                self._write(rule, changed, start)
            else:
                self.made.operators.append(op)

    def _input(self, rule: _Rule, start: int, name: str) -> str:
        """The input from where the operator reads it on."""
        if self.old.tensors[name].data is not None:
            return name
        return self._part(name, rule.needs(start, name), self.starts.get(name, 0))

    def _part(self, name: str, start: int, known: int) -> str:
        """The values of a tensor from `start` on, of which the graph has those from `known` on."""
        if start == known:
            return name
        if (name, start) not in self.parts:
            shape = self.made.tensors[name].shape
            output = self.made.add_tensor(f"{name}/from{start}", _shortened(shape, start - known))
            self._add_slice(name, output, (start - known) // _inner(shape))
            self.parts[name, start] = output
        return self.parts[name, start]

    def _add_slice(self, name: str, output: str, first: int) -> None:
        shape = self.made.tensors[name].shape
        begin = [0] * len(shape)
        begin[_axis(shape)] = first
        arrays = {"begin": begin, "end": list(shape), "strides": [1] * len(shape)}
        constants = [
            self.made.add_constant(f"{output}/{label}", np.asarray(array, np.int32)) for label, array in arrays.items()
        ]
        self.made.operators.append(Operator("STRIDED_SLICE", output, (name, *constants), (output,), dict(_SLICE_MASKS)))

    def _write(self, rule: _Rule, op: Operator, start: int) -> None:
        out = op.outputs[0]
        whole = self.old.tensors[out]
        shape = _shortened(whole.shape, start)
        if op.kind == "STRIDED_SLICE":
            # What it left out is left out before it.
            op = replace(op, kind="RESHAPE", inputs=op.inputs[:1])
        if op.kind == "RESHAPE":
            target = self.made.add_constant(f"{out}/shape", np.asarray(shape, np.int32))
            op = replace(op, inputs=(op.inputs[0], target), options={"new_shape": list(shape)})
        if op.kind == "CONV_2D" and whole.shape[2] == 1:
            op = replace(op, inputs=(op.inputs[0], *(self._rows(name, start) for name in op.inputs[1:])))
        self.made.tensors[out] = replace(whole, shape=shape)
        before = self._positions_before(rule, op, start)
        if not before:
            self.made.operators.append(op)
            return
        # A kernel that reads positions before its own pads them with zeros: it begins there, and what it makes of the padding goes.
        size = _inner(whole.shape)
        longer = self.made.add_tensor(f"{out}/padded", _shortened(whole.shape, start - before * size))
        self.made.operators.append(replace(op, name=longer, outputs=(longer,)))
        self._add_slice(longer, out, before)

    def _positions_before(self, rule: _Rule, op: Operator, start: int) -> int:
        """Positions that a convolution makes before the first that is needed."""
        if op.kind not in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            return 0
        return min(rule.before, start // rule.step)

    def _rows(self, name: str, start: int) -> str:
        """Weights, or biases, of the output channels from `start` on."""
        data = self.old.tensors[name].data
        assert data is not None
        return self.made.add_constant(f"{name}/from{start}", data[start:])
