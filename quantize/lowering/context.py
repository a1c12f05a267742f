"""What every lowering works with: the ONNX model on one side, the float graph that grows on the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from ...models.errors import StapesError
from ..float_graph import FloatGraph
from ..graph import State
from ..onnx_reader import StreamingOnnx
from ..onnx_reader.wiring import attribute
from .axes import MOST_AXES, canonical, together, wide_axes

# TFLite Micro concatenates at most ten tensors at once.
MOST_PARTS = 10


@dataclass
class Context:
    """State of one lowering run: `bound` maps ONNX values to tensors of the float graph.

    `factors`: values bound to a tensor that still has to be multiplied by a number; linear consumers take it into their
    weights.
    """

    source: StreamingOnnx
    graph: FloatGraph
    bound: dict[str, str] = field(default_factory=dict)
    factors: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def attribute(self, node: onnx.NodeProto, name: str, default: Any = None) -> Any:
        return attribute(node, name, default)

    def constant(self, name: str) -> np.ndarray | None:
        """The value of a constant, or None for an activation or an absent input."""
        return self.source.constants.get(name)

    def array(self, name: str) -> np.ndarray:
        """The value of a value that a check has found to be constant."""
        data = self.constant(name)
        assert data is not None, name
        return data

    def shape(self, name: str) -> tuple[int, ...]:
        return self.source.shapes[name]

    def tensor(self, name: str) -> str:
        """The float graph's tensor for an ONNX value; constants are added on first use."""
        if name not in self.bound:
            data = self.array(name)
            self.bound[name] = self.graph.add_constant(
                name, np.asarray(data, np.float64).reshape(canonical(data.shape))
            )
        if name in self.factors:
            factor = self.graph.add_constant(f"{name}/factor", np.full((1, 1), self.factors.pop(name)))
            shape = self.graph.tensors[self.bound[name]].shape
            self.bound[name] = self.graph.add("MUL", (self.bound[name], factor), name, shape)
        return self.bound[name]

    def linear_operand(self, name: str) -> tuple[str, float]:
        """As `tensor`, for a consumer that can take a factor into its weights."""
        factor = self.factors.get(name, 1.0)
        return (self.bound[name], factor) if name in self.factors else (self.tensor(name), 1.0)

    def bind(self, value: str, tensor: str, factor: float = 1.0) -> None:
        """Let a tensor stand for an ONNX value; it gets the value's `canonical` shape, by which its readers know its axes."""
        shape = canonical(self.shape(value))
        right = self.graph.tensors[tensor].shape == shape
        self.bound[value] = tensor if right else self.reshaped(tensor, shape, value)
        if factor != 1.0:
            self.factors[value] = factor

    def users(self, value: str) -> list[onnx.NodeProto]:
        """The nodes that read an ONNX value."""
        return [node for node in self.source.nodes if value in node.input]

    def read_outside(self, value: str) -> bool:
        """Whether an ONNX value is an output or a state."""
        return value in (*self.source.outputs, *(s.output for s in self.source.states))

    def used_once(self, value: str) -> bool:
        """Whether exactly one node, and nothing outside, reads an ONNX value."""
        return not self.read_outside(value) and sum(list(node.input).count(value) for node in self.source.nodes) == 1

    def reshaped(self, tensor: str, shape: tuple[int, ...], label: str) -> str:
        """The tensor itself where it has the shape already, else a RESHAPE of it; a RESHAPE of a RESHAPE is one."""
        made = self.graph.producer(tensor)
        while made is not None and made.kind == "RESHAPE" and made.region is None:
            tensor = made.inputs[0]
            made = self.graph.producer(tensor)
        if self.graph.tensors[tensor].shape == tuple(shape):
            return tensor
        target = self.graph.add_constant(f"{label}/shape", np.asarray(shape, np.int32))
        return self.graph.add("RESHAPE", (tensor, target), label, tuple(shape), options={"new_shape": list(shape)})

    def transposed(self, tensor: str, shape: tuple[int, ...], order: Sequence[int], label: str) -> str:
        """A TRANSPOSE of a tensor whose ONNX shape is `shape`; next to its inverse both vanish, unit axes cost nothing.

        More than four axes must come down to four once those that stay together are one: see `together`.
        """
        kept = [axis for axis in order if shape[axis] != 1]
        perm = [sorted(kept).index(axis) for axis in kept]
        if len(perm) > MOST_AXES:
            extents, perm = together(wide_axes(shape), perm)
            tensor = self.reshaped(tensor, extents, f"{label}/together")
        made = self.graph.producer(tensor)
        if made is not None and made.kind == "TRANSPOSE" and made.region is None and len(perm) > 1:
            first = self.graph.tensors[made.inputs[1]].data
            assert first is not None
            perm, tensor = [int(first[axis]) for axis in perm], made.inputs[0]
        if perm == sorted(perm):
            return tensor
        constant = self.graph.add_constant(f"{label}/perm", np.asarray(perm, np.int32))
        source = self.graph.tensors[tensor].shape
        return self.graph.add("TRANSPOSE", (tensor, constant), label, tuple(source[axis] for axis in perm))

    def numbered(self, stem: str) -> str:
        """`gru0`, `gru1`, ...: names for regions, in order."""
        index = self.counts.get(stem, 0)
        self.counts[stem] = index + 1
        return f"{stem}{index}"


def in_tree(parts: tuple[str, ...], join: Callable[[str, tuple[str, ...]], str]) -> str:
    """Any number of tensors made one by a `join` that takes at most ten: (suffix of the name, parts) -> tensor.

    >>> in_tree(tuple("abcdefghijkl"), lambda suffix, parts: "(" + "".join(parts) + ")" + suffix)
    '((abcdefghij)/0/0(kl)/0/1)'
    """
    level = 0
    while len(parts) > MOST_PARTS:
        chunks = [parts[i : i + MOST_PARTS] for i in range(0, len(parts), MOST_PARTS)]
        parts = tuple(join(f"/{level}/{i}", chunk) for i, chunk in enumerate(chunks))
        level += 1
    return join("", parts)


Check = Callable[[Context, onnx.NodeProto], str | None]
Lower = Callable[[Context, onnx.NodeProto], None]


@dataclass(frozen=True)
class Lowering:
    """How one ONNX operator is lowered; `check` says in a few words why a node cannot be, or None.

    `any_axes`: more than four axes that are not one are no hindrance, or `check` judges them itself.
    """

    lower: Lower
    check: Check = lambda context, node: None
    any_axes: bool = False


def lower(source: StreamingOnnx, registry: dict[str, Lowering]) -> FloatGraph:
    """Lower a streaming model operator by operator.

    Raises StapesError that lists every node which cannot be lowered.
    """
    graph = FloatGraph(source.name, metadata=dict(source.metadata))
    context = Context(source, graph)
    refuse_unsupported(context, registry)
    _require_outputs(source)
    for name in (*source.inputs, *(s.input for s in source.states)):
        context.bind(name, graph.add_tensor(name, canonical(source.shapes[name])))
    graph.inputs = list(source.inputs)
    names = frozenset((*source.shapes, *source.constants))
    for node in source.nodes:
        if not all(name in context.bound for name in node.output if name):
            graph.layer, graph.reserved = layer_name(node), names - {*node.input, *node.output}
            registry[node.op_type].lower(context, node)
    graph.layer, graph.reserved = "", frozenset()
    outside = (*source.outputs, *(s.output for s in source.states))
    graph.remove_unused([context.tensor(name) for name in outside])
    _name_outputs(context)
    graph.values = _values(context)
    return graph


def _values(context: Context) -> dict[str, str]:
    """Value of the user's network -> its tensor; of several in one tensor (a product, its bias, its rectifier) the last."""
    last = {
        context.bound[name]: name
        for node in context.source.nodes
        for name in node.output
        if name in context.bound and name not in context.factors
    }
    return {name: tensor for tensor, name in last.items() if tensor in context.graph.tensors}


def _require_outputs(source: StreamingOnnx) -> None:
    for name in (*source.outputs, *(state.output for state in source.states)):
        if name in source.constants:
            raise StapesError(f"output {name!r} is a constant, whatever the inputs are: leave it out of the ONNX file")


def layer_name(node: onnx.NodeProto) -> str:
    """A node as errors name it."""
    return f"{node.op_type} ({node.name or next((name for name in node.output if name), 'without outputs')})"


def refuse_unsupported(context: Context, registry: dict[str, Lowering]) -> None:
    """Raise StapesError that lists every node which cannot be lowered."""
    faults = []
    for node in context.source.nodes:
        label = layer_name(node)
        if node.op_type not in registry:
            faults.append(label)
            continue
        lowering = registry[node.op_type]
        if reason := _shape_fault(context, node, lowering) or lowering.check(context, node):
            faults.append(f"{label}: {reason}")
    if faults:
        # A step is what comparisons become, no operator of ONNX.
        known = ", ".join(sorted(set(registry) - {"Step"}))
        raise StapesError(
            f"operators that cannot be lowered: {'; '.join(faults)}. Rewrite them with the supported ones: {known}"
        )


def _shape_fault(context: Context, node: onnx.NodeProto, lowering: Lowering) -> str | None:
    """Why the shapes around a node cannot be lowered by any operator, or None."""
    for name in (*node.input, *node.output):
        if not name or context.constant(name) is not None:
            continue
        shape = context.source.shapes.get(name)
        if shape is None:
            return f"the shape of {name!r} is not known"
        if 0 in shape:
            return f"{name!r} has shape {shape}, which holds no values"
        if not lowering.any_axes and len(wide_axes(shape)) > MOST_AXES:
            return f"{name!r} has shape {shape}; at most {MOST_AXES} axes may be longer than one, so join some by a Reshape"
    return None


def _name_outputs(context: Context) -> None:
    """Give outputs and state outputs the names by which the ONNX file knows them, each its own tensor."""
    graph, source = context.graph, context.source
    for name in (*source.outputs, *(s.output for s in source.states)):
        tensor = context.tensor(name)
        if tensor != name and name in graph.tensors:
            # A tensor on the way there, which has the name by chance.
            _rename(context, name, graph.free_name(name))
        shared = (
            tensor in graph.inputs
            or tensor in graph.outputs
            or any(tensor in (s.input, s.output) for s in graph.states)
        )
        if shared or graph.producer(tensor) is None:
            shape = graph.tensors[tensor].shape
            target = graph.add_constant(f"{name}/shape", np.asarray(shape, np.int32))
            tensor = graph.add("RESHAPE", (tensor, target), name, shape, options={"new_shape": list(shape)})
        elif tensor != name:
            _rename(context, tensor, name)
            tensor = name
        if name in source.outputs:
            graph.outputs.append(tensor)
        else:
            graph.states.append(State(next(s.input for s in source.states if s.output == name), tensor))


def _rename(context: Context, old: str, new: str) -> None:
    context.graph.rename(old, new)
    context.bound = {value: new if tensor == old else tensor for value, tensor in context.bound.items()}
