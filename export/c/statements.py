"""Operators and fused regions as calls of the C runtime: one function for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from ...models.errors import StapesError
from ...quantize.graph import DTYPES, Graph, Operator, Region, Tensor
from ...quantize.operators import OPERATORS
from ...quantize.prepare import (
    BatchMatMulParams,
    Conv2DParams,
    DepthwiseConv2DParams,
    FullyConnectedParams,
    LutParams,
    MeanParams,
    PadParams,
    SliceParams,
    TransposeParams,
    prepare,
)
from ..template import Code
from . import depthwise
from . import windows as of_windows
from .audio import Struct
from .constants import Constants
from .fields import (
    Fields,
    as_fully_connected,
    box_fields,
    broadcast_fields,
    concatenation_fields,
    conv_2d_fields,
    depthwise_conv_2d_fields,
    fully_connected_fields,
    gather_fields,
    is_pointwise,
    lut_fields,
    matrix_of,
    pad_fields,
    scalar_fields,
    slice_fields,
    split_fields,
    transpose_fields,
    window_matrix,
    windows_fields,
)
from .fusion import FUSIONS
from .kernels import PORTABLE, Kernel
from .layout import is_aligned
from .packing import kernel, padded
from .padding import folded_pads
from .schedule import Step
from .shapes import Loop, broadcast, reduction
from .text import SUFFIXES, Names, initialiser, integer, listed
from .windows import Gather, Windows, windows

AnyConvolution = TypeVar("AnyConvolution", Conv2DParams, DepthwiseConv2DParams)


@dataclass
class Writer:
    """Collects what calls refer to: constant structs, constant arrays, and the C expression of every tensor; and the
    kernels by which operators are multiplied."""

    graph: Graph
    names: Names
    arrays: Constants
    expressions: Mapping[str, str]
    structs: dict[str, Struct] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    kernels: dict[str, Kernel] = field(default_factory=dict)
    pads: Mapping[str, Operator] = field(init=False)

    def __post_init__(self) -> None:
        self.pads = folded_pads(self.graph)

    def at(self, name: str) -> str:
        """The C expression of a tensor; constants become arrays when they are first asked for."""
        tensor = self.graph.tensors[name]
        if tensor.is_constant:
            return self.arrays.add(name, np.asarray(tensor.data, DTYPES[tensor.dtype]))
        return self.expressions[name]

    def struct(self, kind: str, label: str, fields: Fields, suffix: str = "_params") -> str:
        """A reference to a new constant struct `stapes_<kind>`."""
        name = self.names.take(label, suffix)
        self.structs[name] = Struct(f"stapes_{kind}", name, initialiser(fields))
        return f"&{name}"

    def over(self, walk: Loop) -> str:
        """A reference to the walk of an elementwise operator, named after its extents; equal ones are stored once."""
        extents = [n for n in walk.extent if n != 1] or [1]
        label = "over_" + "x".join(str(n) for n in extents)
        fields = broadcast_fields(walk)
        text = initialiser(fields)
        for struct in self.structs.values():
            if struct.type == "stapes_broadcast" and struct.text == text:
                return f"&{struct.name}"
        return self.struct("broadcast", label, fields, "" if walk.steps[0] == walk.steps[1] else "_broadcast")

    def call(self, function: str, *arguments: str) -> Code:
        """The statement, and a note that its function is needed."""
        self.functions.add(function)
        return listed(f"    {function}", arguments, ";")

    def tensors(self, op: Operator) -> tuple[Tensor, Tensor]:
        """First operand and first result."""
        return self.graph.tensors[op.inputs[0]], self.graph.tensors[op.outputs[0]]


def scratch(graph: Graph, step: Step) -> tuple[str, int] | None:
    """dtype and number of values of scratch that a step needs."""
    if step.region is not None:
        return FUSIONS[step.region.kind].scratch(graph, step.region)
    op = step.operators[-1]
    if step.boxes or op.kind not in ("FULLY_CONNECTED", "CONV_2D"):
        return None
    if step.windows:
        return "int16", max(call.gather.size for call in step.windows)
    source = step.reads[0] if step.reads else op.inputs[0]
    folded = op.inputs[0] != source
    pad = next(maker for maker in graph.operators if op.inputs[0] in maker.outputs) if folded else None
    calls = _windows(graph, op, pad)
    if calls is None:
        params = prepare(graph, op)
        assert isinstance(params, FullyConnectedParams | Conv2DParams)
        return "int16", padded(int(np.prod(params.weights.shape[1:])))
    copies = [call.gather.size for call in calls if not _reads_in_place(graph, source, calls)]
    return ("int16", max(copies)) if copies else None


def _product(graph: Graph, op: Operator) -> FullyConnectedParams | Conv2DParams:
    """Parameters of a matrix product; a 1x1 convolution is one, with a row of the matrix for each position."""
    params = prepare(graph, op)
    if isinstance(params, Conv2DParams):
        return as_fully_connected(params) if is_pointwise(params) else params
    assert isinstance(params, FullyConnectedParams)
    return params


def _windows(graph: Graph, op: Operator, pad: Operator | None) -> list[Windows] | None:
    """The calls of a matrix product or convolution of int16 that looks at windows of one row, else None."""
    params, x = _product(graph, op), graph.tensors[op.inputs[0]]
    if isinstance(params, Conv2DParams):
        params, x = _padded_by_itself(graph, op, params, pad)
    return windows(params, x.shape) if x.dtype == "int16" else None


def _reads_in_place(graph: Graph, x: str, calls: Sequence[Windows]) -> bool:
    """Whether the windows lie together in the input as it is."""
    return all(call.gather.is_input and call.stays_inside for call in calls) and is_aligned(graph, x)


def _products(w: Writer, op: Operator, patch: str) -> list[Code]:
    pad = w.pads.get(op.name)
    calls = _windows(w.graph, op, pad)
    if calls is not None:
        return _window_calls(w, op, pad.inputs[0] if pad is not None else op.inputs[0], calls, patch)
    params = _product(w.graph, op)
    if isinstance(params, Conv2DParams):
        return _conv_2d(w, op, params, patch)
    return _fully_connected(w, op, params, patch)


def _window_calls(w: Writer, op: Operator, x: str, calls: Sequence[Windows], patch: str) -> list[Code]:
    """A copy of the positions wherever the next windows look at another one, and the windows."""
    w.kernels[op.name] = Kernel(of_windows.FORM)
    y = w.graph.tensors[op.outputs[0]]
    lines: list[Code] = []
    seen: Gather | None = None
    in_place = _reads_in_place(w.graph, x, calls)
    for index, call in enumerate(calls):
        part = f" {index}" if len(calls) > 1 else ""
        if not in_place and call.gather != seen:
            seen = call.gather
            positions = w.struct("positions_params", f"{op.name} positions{part}", gather_fields(seen))
            lines.append(w.call("stapes_positions_s16", positions, w.at(x), patch))
        fields = windows_fields(f"{op.name}{part}", call, y.shape[-1], w.arrays)
        reference = w.struct("windows_params", f"{op.name}{part}", fields)
        lines.append(w.call("stapes_windows_s16", reference, w.at(x) if in_place else patch, w.at(y.name)))
    return lines


def _fully_connected(w: Writer, op: Operator, params: FullyConnectedParams, vector: str) -> list[Code]:
    x, y = w.tensors(op)
    w.kernels[op.name] = kernel(op.name, matrix_of(op.name, params, x))
    fields = fully_connected_fields(op.name, op.name, params, x, w.arrays)
    reference = w.struct("fully_connected_params", op.name, fields)
    return [w.call(f"stapes_fully_connected_{SUFFIXES[x.dtype]}", reference, w.at(x.name), vector, w.at(y.name))]


def _padded_by_itself(
    graph: Graph, op: Operator, params: AnyConvolution, pad: Operator | None
) -> tuple[AnyConvolution, Tensor]:
    """The parameters of a convolution that does the PAD before it, and what it reads."""
    if pad is None:
        return params, graph.tensors[op.inputs[0]]
    amounts = prepare(graph, pad)
    assert isinstance(amounts, PadParams)
    top, left = amounts.before[1:3]
    return replace(params, padding=(top, left)), graph.tensors[pad.inputs[0]]


def _conv_2d(w: Writer, op: Operator, params: Conv2DParams, patch: str) -> list[Code]:
    params, x = _padded_by_itself(w.graph, op, params, w.pads.get(op.name))
    y = w.graph.tensors[op.outputs[0]]
    w.kernels[op.name] = kernel(op.name, matrix_of(op.name, window_matrix(params), x))
    reference = w.struct("conv_2d_params", op.name, conv_2d_fields(op.name, op.name, params, x, w.arrays))
    return [w.call(f"stapes_conv_2d_{SUFFIXES[x.dtype]}", reference, w.at(x.name), patch, w.at(y.name))]


def _depthwise_conv_2d(w: Writer, op: Operator, patch: str) -> list[Code]:
    prepared = prepare(w.graph, op)
    assert isinstance(prepared, DepthwiseConv2DParams)
    params, x = _padded_by_itself(w.graph, op, prepared, w.pads.get(op.name))
    y = w.graph.tensors[op.outputs[0]]
    fields = depthwise_conv_2d_fields(op.name, params, x, w.arrays)
    w.kernels[op.name] = Kernel(PORTABLE if fields["taps"] == "NULL" else depthwise.FORM)
    reference = w.struct("depthwise_conv_2d_params", op.name, fields)
    return [w.call(f"stapes_depthwise_conv_2d_{SUFFIXES[x.dtype]}", reference, w.at(x.name), w.at(y.name))]


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


def _mean(w: Writer, op: Operator, patch: str) -> list[Code]:
    x, y = w.tensors(op)
    params = prepare(w.graph, op)
    assert isinstance(params, MeanParams)
    outer, count, inner = reduction(op.name, x.shape, params.axes)
    fields = {"outer": outer, "count": count, "inner": inner, **scalar_fields(op.name, params)}
    reference = w.struct("mean_params", op.name, fields)
    return [w.call(f"stapes_mean_{SUFFIXES[y.dtype]}", reference, w.at(x.name), w.at(y.name))]


def _batch_matmul(w: Writer, op: Operator, patch: str) -> list[Code]:
    x_1, y = w.tensors(op)
    params = prepare(w.graph, op)
    assert isinstance(params, BatchMatMulParams)
    w.kernels[op.name] = Kernel(PORTABLE)
    rows, columns = y.shape[-2], y.shape[-1]
    sizes = {"matrices": y.size // (rows * columns), "rows": rows, "columns": columns}
    reference = w.struct("batch_matmul_params", op.name, {**sizes, **scalar_fields(op.name, params)})
    return [w.call("stapes_batch_matmul_s16", reference, w.at(x_1.name), w.at(op.inputs[1]), w.at(y.name))]


def _copy(w: Writer, label: str, fields: Fields, x: str, y: str) -> Code:
    suffix = SUFFIXES[w.graph.tensors[x].dtype]
    return w.call(f"stapes_copy_{suffix}", w.struct("copy_params", label, fields), w.at(x), w.at(y))


def _transpose(w: Writer, op: Operator, patch: str) -> list[Code]:
    x, y = w.tensors(op)
    params = prepare(w.graph, op)
    assert isinstance(params, TransposeParams)
    return [_copy(w, op.name, transpose_fields(op.name, params, x), x.name, y.name)]


def _slice(w: Writer, op: Operator, patch: str) -> list[Code]:
    x, y = w.tensors(op)
    params = prepare(w.graph, op)
    assert isinstance(params, SliceParams)
    return [_copy(w, op.name, slice_fields(op.name, params, x), x.name, y.name)]


def _split(w: Writer, op: Operator, patch: str) -> list[Code]:
    x = w.graph.tensors[op.inputs[1]]
    axis = prepare(w.graph, op).axis  # type: ignore[union-attr]
    lines = []
    for part, name in enumerate(op.outputs):
        fields = split_fields(op.name, axis, part, x, w.graph.tensors[name])
        lines.append(_copy(w, f"{op.name} {part}", fields, x.name, name))
    return lines


def _concatenation(w: Writer, op: Operator, patch: str) -> list[Code]:
    y = w.graph.tensors[op.outputs[0]]
    axis = prepare(w.graph, op).axis  # type: ignore[union-attr]
    lines, before = [], 0
    for part, name in enumerate(op.inputs):
        x = w.graph.tensors[name]
        fields = concatenation_fields(op.name, axis, before, x, y)
        lines.append(_copy(w, f"{op.name} {part}", fields, name, y.name))
        before += x.shape[axis]
    return lines


def _pad(w: Writer, op: Operator, patch: str) -> list[Code]:
    x, y = w.tensors(op)
    params = prepare(w.graph, op)
    assert isinstance(params, PadParams)
    fill = w.call(f"stapes_fill_{SUFFIXES[y.dtype]}", integer(params.value), str(y.size), w.at(y.name))
    return [fill, _copy(w, op.name, pad_fields(op.name, params, x), x.name, y.name)]


# By the form that the table of operators gives.
FORMS: dict[str, Callable[[Writer, Operator, str], list[Code]]] = {
    "product": _products,
    "depthwise": _depthwise_conv_2d,
    "batch_matmul": _batch_matmul,
    "two_operands": _two_operands,
    "one_operand": _one_operand,
    "quantize": _quantize,
    "lookup": _lookup,
    "mean": _mean,
    "transpose": _transpose,
    "slice": _slice,
    "split": _split,
    "concatenation": _concatenation,
    "pad": _pad,
}


def _moved(w: Writer, step: Step) -> list[Code]:
    """A chain of operators that only move values: a copy for each box, and what pads it."""
    y = w.graph.tensors[step.writes[0]]
    fill = f"stapes_fill_{SUFFIXES[y.dtype]}"
    padding = [box for box in step.boxes if box.source is None]
    if all(box.is_dense for box in padding):
        lines = [
            w.call(fill, integer(box.value), str(int(np.prod(box.extent))), f"{w.at(y.name)} + {box.output_offset}")
            for box in padding
        ]
    else:
        lines = [w.call(fill, integer(padding[0].value), str(y.size), w.at(y.name))]
    for index, box in enumerate(box for box in step.boxes if box.source is not None):
        lines.append(_copy(w, f"{step.name} {index}", box_fields(step.name, box), str(box.source), y.name))
    return lines


def _fused(w: Writer, region: Region, label: str, scratch_name: str) -> list[Code]:
    fusion = FUSIONS[region.kind]
    w.kernels |= fusion.products(w.graph, region)
    reads, writes = ([region.roles[role] for role in roles] for roles in (fusion.reads, fusion.writes))
    name = region.kind if fusion.kernel is None else fusion.kernel(w.graph, region)
    kernel = f"{name}_{SUFFIXES[w.graph.tensors[writes[0]].dtype]}"
    reference = w.struct(f"{fusion.params or kernel}_params", label, fusion.fields(w.graph, region, w.arrays))
    buffers = [scratch_name] if scratch_name else []
    return [w.call(f"stapes_{kernel}", reference, *map(w.at, reads), *buffers, *map(w.at, writes))]


def statements(w: Writer, step: Step, scratch_name: str) -> list[Code]:
    """The calls of one step; raises `StapesError` for an operator without a kernel in C."""
    if step.region is not None:
        return _fused(w, step.region, step.name, scratch_name)
    if step.boxes:
        return _moved(w, step)
    if step.windows:
        return _window_calls(w, step.operators[-1], step.reads[0], step.windows, scratch_name)
    op = step.operators[0]
    if op.kind not in OPERATORS:
        known = ", ".join(sorted(OPERATORS))
        raise StapesError(f"operator '{op.name}': {op.kind} has no kernel in C; use one of {known}")
    return FORMS[OPERATORS[op.kind].form](w, op, scratch_name)
