"""An operator of a file as one of the integer graph, or as a few that move the same values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ....quantize.operators import OPERATORS
from .. import options as option_tables
from ..schema import load_schema
from .building import Building, RefusedError
from .file import FileOperator
from .lstm import lstm


def as_it_stands(b: Building, op: FileOperator) -> None:
    """The operator itself."""
    inputs = [b.tensor(place).name if place >= 0 else "" for place in op.inputs]
    b.add(op.kind, inputs, [b.result(place) for place in op.outputs], _chosen(op))


def _chosen(op: FileOperator) -> dict[str, Any]:
    """What an option table says beyond the defaults."""
    default = option_tables.defaults(load_schema(), op.kind)
    chosen = {name: value for name, value in (op.options or {}).items() if default.get(name) != value}
    # Of LiteRT's own kernels: TFLite Micro does not look at it.
    chosen.pop("pot_scale_int16", None)
    return chosen


def _biased(b: Building, op: FileOperator) -> None:
    """A convolution whose bias may be left out, which is one of zeros."""
    inputs = [b.tensor(place) for place in op.inputs[:2]]
    if len(op.inputs) > 2 and op.inputs[2] >= 0:
        as_it_stands(b, op)
        return
    x, weights = inputs
    if len(weights.shape) != 4 or x.scale is None or weights.scale is None:
        raise RefusedError(f"its weights {weights.name!r} have the shape {weights.shape}, or no scale")
    y = b.result(op.outputs[0])
    zeros = np.zeros(
        weights.shape[3 if op.kind == "DEPTHWISE_CONV_2D" else 0], np.int64 if x.dtype == "int16" else np.int32
    )
    bias = b.bias(f"{y}/bias", zeros, x, weights)
    b.add(op.kind, (x.name, weights.name, bias), (y,), _chosen(op))


def _shaped(b: Building, op: FileOperator) -> None:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: the shape is that of the result, whatever says so."""
    if op.kind == "RESHAPE" and len(op.inputs) > 1 and not b.file.tensors[op.inputs[1]].is_constant:
        raise RefusedError("computes its shape at run time; convert the model with a fixed batch of 1")
    x = b.tensor(op.inputs[0]).name
    b.reshape(x, _moved(b, op, 0))


def _moved(b: Building, op: FileOperator, index: int, x: int = 0) -> str:
    """A result of an operator that moves values; where they are float in the file, in the format of what is moved."""
    place = op.outputs[index]
    made = b.file.tensors[place]
    if not made.is_float:
        return b.result(place)
    b.names[place] = b.like(b.tensor(op.inputs[x]), made.name, made.shape)
    return b.names[place]


def _move(b: Building, op: FileOperator) -> None:
    """Another operator that moves values."""
    first = OPERATORS[op.kind].moves or 0
    if not b.file.tensors[op.outputs[0]].is_float:
        as_it_stands(b, op)
        return
    moved = [place for place in op.inputs if place >= 0 and b.file.tensors[place].is_float]
    if len({(t.dtype, t.zero_point, float(t.scale[0])) for t in map(b.tensor, moved) if t.scale is not None}) != 1:
        raise RefusedError("joins float32 values that are not of one integer format")
    inputs = [b.tensor(place).name for place in op.inputs]
    outputs = [_moved(b, op, index, max(first, 0)) for index in range(len(op.outputs))]
    b.add(op.kind, inputs, outputs, _chosen(op))


def _option(op: FileOperator, name: str, rank: int) -> int:
    axis = int((op.options or {}).get(name, 0))
    if not -rank <= axis < rank:
        raise RefusedError(f"axis {axis} of {rank} axes")
    return axis % rank


def _pack(b: Building, op: FileOperator) -> None:
    """Tensors behind one another along a new axis: each gets the axis, then they are joined."""
    rank = len(b.file.tensors[op.outputs[0]].shape)
    axis = _option(op, "axis", rank)
    parts = []
    for place in op.inputs:
        x = b.tensor(place)
        parts.append(b.reshape(x.name, b.like(x, f"{x.name}/packed", (*x.shape[:axis], 1, *x.shape[axis:]))))
    y = _moved(b, op, 0)
    b.add("CONCATENATION", parts, (y,), {"axis": axis, "fused_activation_function": "NONE"})


def _unpack(b: Building, op: FileOperator) -> None:
    """The places along an axis, each without it."""
    x = b.tensor(op.inputs[0])
    axis = _option(op, "axis", len(x.shape))
    if len(op.outputs) != x.shape[axis]:
        raise RefusedError(f"makes {len(op.outputs)} tensors of {x.shape[axis]} places")
    for index in range(len(op.outputs)):
        b.part(x.name, _moved(b, op, index), axis, index, 1, shrink=True)


def _split_v(b: Building, op: FileOperator) -> None:
    """Parts of their own lengths, one of which may be what is left."""
    x, given, where = (b.tensor(place) for place in op.inputs)
    if given.data is None or where.data is None or where.size != 1:
        raise RefusedError("its sizes or its axis are not constant")
    axis, sizes = int(where.data.reshape(-1)[0]), [int(size) for size in given.data.reshape(-1)]
    if not -len(x.shape) <= axis < len(x.shape):
        raise RefusedError(f"axis {axis} of {len(x.shape)} axes")
    axis %= len(x.shape)
    left = x.shape[axis] - sum(size for size in sizes if size >= 0)
    sizes = [left if size == -1 else size for size in sizes]
    if len(sizes) != len(op.outputs) or min(sizes) < 1 or sum(sizes) != x.shape[axis]:
        raise RefusedError(f"sizes {sizes} do not make up {x.shape[axis]}")
    begin = 0
    for index, size in enumerate(sizes):
        b.part(x.name, _moved(b, op, index), axis, begin, size)
        begin += size


# Kinds that become others, or need a look; all others of the operator table stand as they are.
FORMS: dict[str, Callable[[Building, FileOperator], Any]] = {
    "CONV_2D": _biased,
    "DEPTHWISE_CONV_2D": _biased,
    "RESHAPE": _shaped,
    "SQUEEZE": _shaped,
    "EXPAND_DIMS": _shaped,
    "PACK": _pack,
    "UNPACK": _unpack,
    "SPLIT_V": _split_v,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lstm,
    **{kind: _move for kind, entry in OPERATORS.items() if entry.moves is not None and kind != "RESHAPE"},
}
# That move values, and may do so in float between integers.
MOVES = (
    "SQUEEZE",
    "EXPAND_DIMS",
    "PACK",
    "UNPACK",
    "SPLIT_V",
    *(k for k, e in OPERATORS.items() if e.moves is not None),
)
