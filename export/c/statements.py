"""Operators and fused regions as calls of the C runtime: one function for each kind."""

from __future__ import annotations

from collections.abc import Callable

from ...models.errors import StapesError
from ...quantize.graph import Graph, Operator
from ...quantize.operators import OPERATORS, Entry
from ...quantize.prepare import (
    BatchMatMulParams,
    GatherParams,
    LutParams,
    MaxPoolParams,
    MeanParams,
    PadParams,
    SliceParams,
    TransposeParams,
    prepare,
)
from ..template import Code
from .fields import (
    Fields,
    concatenation_fields,
    lut_fields,
    pad_fields,
    scalar_fields,
    slice_fields,
    split_fields,
    transpose_fields,
)
from .fusion import FUSIONS
from .kernels import PORTABLE, Kernel
from .moves import copy_call
from .products import depthwise_calls, product_calls, product_scratch
from .schedule import Step
from .shapes import broadcast, reduction
from .text import SUFFIXES, integer
from .writer import Writer


def scratch(graph: Graph, step: Step) -> tuple[str, int] | None:
    """dtype and number of values of scratch that a step needs."""
    if step.region is not None:
        return FUSIONS[step.region.kind].scratch(graph, step.region)
    op = step.operators[-1]
    return product_scratch(graph, op) if _entry(op).form == "product" else None


def _entry(op: Operator) -> Entry:
    """The row of an operator; raises `StapesError` for one without a kernel in C."""
    if op.kind not in OPERATORS:
        known = ", ".join(sorted(OPERATORS))
        raise StapesError(f"operator '{op.name}': {op.kind} has no kernel in C; use one of {known}")
    return OPERATORS[op.kind]


def _two_operands(w: Writer, op: Operator, patch: str) -> list[Code]:
    a, y = w.tensors(op)
    b = w.graph.tensors[op.inputs[1]]
    kind = OPERATORS[op.kind].stem
    reference = w.struct(f"{kind}_params", op.name, scalar_fields(op.name, prepare(w.graph, op)))
    over = w.over(broadcast(op.name, a.shape, b.shape, y.shape))
    function = f"stapes_{kind}_{SUFFIXES[y.dtype]}"
    return [w.call(function, reference, over, w.at(a.name), w.at(b.name), w.at(y.name))]


def _one_operand(w: Writer, op: Operator, patch: str) -> list[Code]:
    x, y = w.tensors(op)
    kind = OPERATORS[op.kind].stem
    reference = w.struct(f"{kind}_params", op.name, scalar_fields(op.name, prepare(w.graph, op)))
    return [w.call(f"stapes_{kind}_{SUFFIXES[y.dtype]}", reference, str(y.size), w.at(x.name), w.at(y.name))]


def _quantize(w: Writer, op: Operator, patch: str) -> list[Code]:
    x, y = w.tensors(op)
    reference = w.struct("quantize_params", op.name, scalar_fields(op.name, prepare(w.graph, op)))
    function = f"stapes_quantize_{SUFFIXES[x.dtype]}_{SUFFIXES[y.dtype]}"
    return [w.call(function, reference, str(y.size), w.at(x.name), w.at(y.name))]


def _lookup(w: Writer, op: Operator, patch: str) -> list[Code]:
    x, y = w.tensors(op)
    kind, fields = _lookup_fields(w, op)
    reference = w.struct(f"{kind}_params", op.name, fields)
    return [w.call(f"stapes_{kind}_{SUFFIXES[y.dtype]}", reference, str(y.size), w.at(x.name), w.at(y.name))]


def _lookup_fields(w: Writer, op: Operator) -> tuple[str, Fields]:
    params = prepare(w.graph, op)
    if isinstance(params, LutParams):
        return "lut", lut_fields(op.name, params, w.arrays)
    return "sigmoid", scalar_fields(op.name, params)


def _gather(w: Writer, op: Operator, patch: str) -> list[Code]:
    x, y = op.inputs[1], w.graph.tensors[op.outputs[0]]
    params = prepare(w.graph, op)
    assert isinstance(params, GatherParams)
    reference = w.struct("gather_params", op.name, {"table": w.arrays.add(f"{op.name} table", params.table)})
    return [w.call("stapes_gather_s8", reference, str(y.size), w.at(x), w.at(y.name))]


def _mean(w: Writer, op: Operator, patch: str) -> list[Code]:
    x, y = w.tensors(op)
    params = prepare(w.graph, op)
    assert isinstance(params, MeanParams)
    outer, count, inner = reduction(op.name, x.shape, params.axes)
    fields = {"outer": outer, "count": count, "inner": inner, **scalar_fields(op.name, params)}
    reference = w.struct("mean_params", op.name, fields)
    return [w.call(f"stapes_mean_{SUFFIXES[y.dtype]}", reference, w.at(x.name), w.at(y.name))]


def _max_pool(w: Writer, op: Operator, patch: str) -> list[Code]:
    x, y = w.tensors(op)
    params = prepare(w.graph, op)
    assert isinstance(params, MaxPoolParams)
    fields = {"input_width": params.input[1], "channels": params.channels}
    for name, pair in (("kernel", params.kernel), ("stride", params.stride), ("output", params.output)):
        fields |= {f"{name}_height": pair[0], f"{name}_width": pair[1]}
    reference = w.struct("max_pool_params", op.name, fields)
    return [w.call(f"stapes_max_pool_{SUFFIXES[y.dtype]}", reference, w.at(x.name), w.at(y.name))]


def _batch_matmul(w: Writer, op: Operator, patch: str) -> list[Code]:
    x_1, y = w.tensors(op)
    params = prepare(w.graph, op)
    assert isinstance(params, BatchMatMulParams)
    w.kernels[op.name] = Kernel(PORTABLE)
    rows, columns = y.shape[-2], y.shape[-1]
    sizes = {"matrices": y.size // (rows * columns), "rows": rows, "columns": columns}
    reference = w.struct("batch_matmul_params", op.name, {**sizes, **scalar_fields(op.name, params)})
    return [w.call("stapes_batch_matmul_s16", reference, w.at(x_1.name), w.at(op.inputs[1]), w.at(y.name))]


def _transpose(w: Writer, op: Operator, patch: str) -> list[Code]:
    x, y = w.tensors(op)
    params = prepare(w.graph, op)
    assert isinstance(params, TransposeParams)
    return [copy_call(w, op.name, transpose_fields(op.name, params, x), x.name, y.name)]


def _slice(w: Writer, op: Operator, patch: str) -> list[Code]:
    x, y = w.tensors(op)
    params = prepare(w.graph, op)
    assert isinstance(params, SliceParams)
    return [copy_call(w, op.name, slice_fields(op.name, params, x), x.name, y.name)]


def _split(w: Writer, op: Operator, patch: str) -> list[Code]:
    x = w.graph.tensors[op.inputs[1]]
    axis = prepare(w.graph, op).axis  # type: ignore[union-attr]
    lines = []
    for part, name in enumerate(op.outputs):
        fields = split_fields(op.name, axis, part, x, w.graph.tensors[name])
        lines.append(copy_call(w, f"{op.name} {part}", fields, x.name, name))
    return lines


def _concatenation(w: Writer, op: Operator, patch: str) -> list[Code]:
    y = w.graph.tensors[op.outputs[0]]
    axis = prepare(w.graph, op).axis  # type: ignore[union-attr]
    lines, before = [], 0
    for part, name in enumerate(op.inputs):
        x = w.graph.tensors[name]
        fields = concatenation_fields(op.name, axis, before, x, y)
        lines.append(copy_call(w, f"{op.name} {part}", fields, name, y.name))
        before += x.shape[axis]
    return lines


def _pad(w: Writer, op: Operator, patch: str) -> list[Code]:
    x, y = w.tensors(op)
    params = prepare(w.graph, op)
    assert isinstance(params, PadParams)
    fill = w.call(f"stapes_fill_{SUFFIXES[y.dtype]}", integer(params.value), str(y.size), w.at(y.name))
    return [fill, copy_call(w, op.name, pad_fields(op.name, params, x), x.name, y.name)]


# By the form that the table of operators gives.
FORMS: dict[str, Callable[[Writer, Operator, str], list[Code]]] = {
    "product": product_calls,
    "depthwise": depthwise_calls,
    "batch_matmul": _batch_matmul,
    "two_operands": _two_operands,
    "one_operand": _one_operand,
    "quantize": _quantize,
    "lookup": _lookup,
    "gather": _gather,
    "mean": _mean,
    "max_pool": _max_pool,
    "transpose": _transpose,
    "slice": _slice,
    "split": _split,
    "concatenation": _concatenation,
    "pad": _pad,
}


def statements(w: Writer, step: Step, scratch_name: str) -> list[Code]:
    """The calls of one step; raises `StapesError` for an operator without a kernel in C."""
    if step.region is not None:
        return FUSIONS[step.region.kind].calls(w, step.region, scratch_name)
    op = step.operators[0]
    return FORMS[_entry(op).form](w, op, scratch_name)
