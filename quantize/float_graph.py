"""The float graph after lowering: real numbers, but already in the vocabulary of the integer operators.

Every tensor that the integer graph will have is a tensor here, so calibration sees all of them, the inside of a GRU
included. It goes back to ONNX for that (`to_onnx`), one or two nodes an operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .graph import Operator, Region, State


@dataclass(frozen=True)
class Hint:
    """What lowering knows about a tensor's integer format before anything is measured.

    `fixed`: dtype -> (scale, zero point) that the operator demands or that makes a region exact.
    `limit`: the tensor may saturate at +-limit, because its consumer is flat beyond; `limit_int8`: the same in int8 alone,
    whose steps are worth more than the tails.
    `span`: a range proved by construction, used instead of a measured one.
    `power_of_two`: round the scale up to a power of two in int16.
    `dtype`: the only dtype allowed, whatever the recipe says.
    `like`: takes the format of another tensor.
    """

    fixed: Mapping[str, tuple[float, int]] | None = None
    limit: float | None = None
    limit_int8: float | None = None
    span: tuple[float, float] | None = None
    power_of_two: bool = False
    dtype: str | None = None
    like: str | None = None


@dataclass(frozen=True, eq=False)
class FloatTensor:
    """A tensor of one frame: `data` is float64 for weights, int32 for shape-like constants, None for activations."""

    name: str
    shape: tuple[int, ...]
    data: np.ndarray | None = None
    hint: Hint = field(default_factory=Hint)


@dataclass
class FloatGraph:
    """Tensors by name and operators in execution order; grows while lowering adds to it."""

    name: str
    tensors: dict[str, FloatTensor] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)

    def add_tensor(
        self, name: str, shape: tuple[int, ...], data: np.ndarray | None = None, hint: Hint | None = None
    ) -> str:
        """Add a tensor; a taken name gets a number."""
        unique, count = name, 1
        while unique in self.tensors:
            count += 1
            unique = f"{name}_{count}"
        self.tensors[unique] = FloatTensor(unique, tuple(int(n) for n in shape), data, hint or Hint())
        return unique

    def add_constant(self, name: str, data: np.ndarray) -> str:
        data = np.asarray(data)
        return self.add_tensor(name, data.shape, data if data.dtype == np.int32 else data.astype(np.float64))

    def add(
        self,
        kind: str,
        inputs: tuple[str, ...],
        output: str,
        shape: tuple[int, ...],
        *,
        options: Mapping[str, object] | None = None,
        region: str | None = None,
        hint: Hint | None = None,
    ) -> str:
        """Append an operator with one output; returns the output's name, which is the operator's name too."""
        name = self.add_tensor(output, shape, hint=hint)
        self.operators.append(Operator(kind, name, inputs, (name,), dict(options or {}), region))
        return name

    def producer(self, tensor: str) -> Operator | None:
        return next((op for op in self.operators if tensor in op.outputs), None)

    def consumers(self, tensor: str) -> list[Operator]:
        return [op for op in self.operators if tensor in op.inputs]

    def limit_int8(self, tensor: str, limit: float) -> None:
        """Let a tensor saturate in int8, unless something else reads it too or its format is fixed."""
        known = self.tensors[tensor]
        if (
            known.data is None
            and not known.hint.fixed
            and self.producer(tensor) is not None
            and not self.consumers(tensor)
        ):
            self.tensors[tensor] = replace(known, hint=replace(known.hint, limit_int8=limit))

    def replace_operator(self, old: Operator, **changes: object) -> None:
        self.operators[self.operators.index(old)] = replace(old, **changes)  # type: ignore[arg-type]

    def rename(self, old: str, new: str) -> None:
        """Give a tensor the name by which the outside knows it."""
        swap = {old: new}
        tensor = self.tensors[old]
        self.tensors = {swap.get(name, name): t for name, t in self.tensors.items()}
        self.tensors[new] = replace(tensor, name=new)
        for name, t in self.tensors.items():
            if t.hint.like == old:
                self.tensors[name] = replace(t, hint=replace(t.hint, like=new))
        self.operators = [
            replace(
                op,
                inputs=tuple(swap.get(n, n) for n in op.inputs),
                outputs=tuple(swap.get(n, n) for n in op.outputs),
                name=swap.get(op.name, op.name) if op.region is None else op.name,
            )
            for op in self.operators
        ]
        self.regions = [replace(r, roles={k: swap.get(v, v) for k, v in r.roles.items()}) for r in self.regions]


_SAME_IN_ONNX = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul", "LOGISTIC": "Sigmoid", "TANH": "Tanh", "RELU": "Relu"}


def _nodes(graph: FloatGraph, op: Operator) -> list[onnx.NodeProto]:
    """One operator as ONNX nodes (opset 18)."""
    (out,) = op.outputs[:1]
    ins = list(op.inputs)
    relu = op.options.get("fused_activation_function") == "RELU"
    target = f"{out}::linear" if relu else out
    tail = [helper.make_node("Relu", [target], [out])] if relu else []
    if op.kind == "FULLY_CONNECTED":
        return [helper.make_node("Gemm", [name for name in ins if name], [target], transB=1), *tail]
    if op.kind == "BATCH_MATMUL":
        rank = len(graph.tensors[ins[1]].shape)
        swapped = [*range(rank - 2), rank - 1, rank - 2]
        turned = helper.make_node("Transpose", [ins[1]], [f"{out}::turned"], perm=swapped)
        return [turned, helper.make_node("MatMul", [ins[0], f"{out}::turned"], [out])]
    if op.kind in _SAME_IN_ONNX:
        return [helper.make_node(_SAME_IN_ONNX[op.kind], ins, [target]), *tail]
    if op.kind == "LEAKY_RELU":
        return [helper.make_node("LeakyRelu", ins, [out], alpha=float(op.options["alpha"]))]
    if op.kind == "CONCATENATION":
        return [helper.make_node("Concat", ins, [out], axis=op.options["axis"])]
    if op.kind == "TRANSPOSE":
        return [helper.make_node("Transpose", ins[:1], [out], perm=graph.tensors[ins[1]].data.tolist())]  # type: ignore[union-attr]
    if op.kind == "RESHAPE":
        return [helper.make_node("Reshape", [ins[0], f"{ins[1]}::int64"], [out])]
    if op.kind == "STRIDED_SLICE":
        rank = len(graph.tensors[ins[0]].shape)
        axes = helper.make_node("Constant", [], [f"{out}::axes"], value_ints=list(range(rank)))
        return [
            axes,
            helper.make_node(
                "Slice", [ins[0], *(f"{n}::int64" for n in ins[1:3]), f"{out}::axes", f"{ins[3]}::int64"], [out]
            ),
        ]
    raise AssertionError(f"lowering made an operator without an ONNX form: {op.kind}")


def to_onnx(graph: FloatGraph) -> onnx.ModelProto:
    """The graph as ONNX with every activation as an output, for onnxruntime (float32)."""
    nodes = [node for op in graph.operators for node in _nodes(graph, op)]
    constants = []
    for tensor in graph.tensors.values():
        if tensor.data is None:
            continue
        if tensor.data.dtype == np.int32:
            constants.append(numpy_helper.from_array(tensor.data.astype(np.int64), f"{tensor.name}::int64"))
        else:
            constants.append(numpy_helper.from_array(tensor.data.astype(np.float32), tensor.name))
    given = [*graph.inputs, *(state.input for state in graph.states)]
    made = [out for op in graph.operators for out in op.outputs]
    info = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, graph.tensors[name].shape) for name in given + made
    }
    body = helper.make_graph(nodes, graph.name, [info[n] for n in given], [info[n] for n in made], constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return model
