"""What every lowering works with: the ONNX model on one side, the float graph that grows on the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from models.errors import StapesError

from ..float_graph import FloatGraph
from ..graph import State
from ..onnx_reader import StreamingOnnx


def canonical(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its unit axes, but at least two axes long: what an activation looks like in the integer graph.

    >>> canonical((1, 1, 128)), canonical((2, 1, 128)), canonical((1,))
    ((1, 128), (2, 128), (1, 1))
    """
    kept = tuple(n for n in shape if n != 1)
    return (1,) * (2 - len(kept)) + kept


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
        for attribute in node.attribute:
            if attribute.name == name:
                value = onnx.helper.get_attribute_value(attribute)
                return value.decode() if isinstance(value, bytes) else value
        return default

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
        self.bound[value] = tensor
        if factor != 1.0:
            self.factors[value] = factor

    def users(self, value: str) -> list[onnx.NodeProto]:
        """The nodes that read an ONNX value."""
        return [node for node in self.source.nodes if value in node.input]

    def used_once(self, value: str) -> bool:
        """Whether exactly one node, and nothing outside, reads an ONNX value."""
        outside = (*self.source.outputs, *(s.output for s in self.source.states))
        return value not in outside and sum(list(node.input).count(value) for node in self.source.nodes) == 1

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
        """A TRANSPOSE of a tensor whose ONNX shape is `shape`; next to its inverse both vanish, unit axes cost nothing."""
        kept = [axis for axis in order if shape[axis] != 1]
        perm = [sorted(kept).index(axis) for axis in kept]
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


Check = Callable[[Context, onnx.NodeProto], str | None]
Lower = Callable[[Context, onnx.NodeProto], None]


@dataclass(frozen=True)
class Lowering:
    """How one ONNX operator is lowered; `check` says in a few words why a node cannot be, or None."""

    lower: Lower
    check: Check = lambda context, node: None


def lower(source: StreamingOnnx, registry: dict[str, Lowering]) -> FloatGraph:
    """Lower a streaming model operator by operator.

    Raises StapesError that lists every node which cannot be lowered.
    """
    graph = FloatGraph(source.name, metadata=dict(source.metadata))
    context = Context(source, graph)
    refuse_unsupported(context, registry)
    for name in (*source.inputs, *(s.input for s in source.states)):
        context.bind(name, graph.add_tensor(name, canonical(source.shapes[name])))
    graph.inputs = list(source.inputs)
    for node in source.nodes:
        if not all(name in context.bound for name in node.output if name):
            registry[node.op_type].lower(context, node)
    outside = (*source.outputs, *(s.output for s in source.states))
    graph.remove_unused([context.tensor(name) for name in outside])
    _name_outputs(context)
    return graph


def refuse_unsupported(context: Context, registry: dict[str, Lowering]) -> None:
    """Raise StapesError that lists every node which cannot be lowered."""
    faults = []
    for index, node in enumerate(context.source.nodes):
        label = f"{node.op_type} ({node.name or node.output[0] or index})"
        if node.op_type not in registry:
            faults.append(label)
        elif reason := registry[node.op_type].check(context, node):
            faults.append(f"{label}: {reason}")
    if faults:
        known = ", ".join(sorted(registry))
        raise StapesError(
            f"operators that cannot be lowered: {'; '.join(faults)}. Rewrite them with the supported ones: {known}"
        )


def _name_outputs(context: Context) -> None:
    """Give outputs and state outputs the names by which the ONNX file knows them, each its own tensor."""
    graph, source = context.graph, context.source
    for name in (*source.outputs, *(s.output for s in source.states)):
        tensor = context.tensor(name)
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
            if name in graph.tensors:
                raise StapesError(f"output {name!r} has the name of another tensor; rename it in the ONNX file")
            graph.rename(tensor, name)
            context.bound = {value: name if bound == tensor else bound for value, bound in context.bound.items()}
            tensor = name
        if name in source.outputs:
            graph.outputs.append(tensor)
        else:
            graph.states.append(State(next(s.input for s in source.states if s.output == name), tensor))
