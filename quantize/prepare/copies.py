"""Operators that move values and change none: shapes, permutations and slices."""

from __future__ import annotations

from dataclasses import dataclass

from ..graph import Graph, Operator, Tensor
from .common import integers, operand, require, require_same_quantisation, result

_DTYPES = ("int8", "int16", "int32")


@dataclass(frozen=True)
class ReshapeParams:
    """RESHAPE to `output_shape`."""

    output_shape: tuple[int, ...]


@dataclass(frozen=True)
class TransposeParams:
    """TRANSPOSE: output axis i is input axis permutation[i]."""

    permutation: tuple[int, ...]
    output_shape: tuple[int, ...]


@dataclass(frozen=True)
class SliceParams:
    """SLICE and STRIDED_SLICE: element begin[i] + k * stride[i] along every axis, size[i] of them, then reshaped."""

    begin: tuple[int, ...]
    size: tuple[int, ...]
    stride: tuple[int, ...]
    output_shape: tuple[int, ...]


@dataclass(frozen=True)
class SplitParams:
    """SPLIT into `count` equal parts along `axis`."""

    axis: int
    count: int
    output_shape: tuple[int, ...]


@dataclass(frozen=True)
class ConcatenationParams:
    """CONCATENATION along `axis`."""

    axis: int
    output_shape: tuple[int, ...]


@dataclass(frozen=True)
class PadParams:
    """PAD with `value` (the zero point): before[i] and after[i] elements along every axis."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    value: int
    output_shape: tuple[int, ...]


def _copy(graph: Graph, op: Operator, index: int = 0) -> tuple[Tensor, Tensor]:
    x, y = operand(graph, op, index, _DTYPES), result(graph, op, 0, _DTYPES)
    require_same_quantisation(op, x, y)
    return x, y


def _require_shape(op: Operator, y: Tensor, expected: tuple[int, ...]) -> None:
    require(y.shape == expected, op, f"output '{y.name}' has shape {y.shape}; use {expected}")


def prepare_reshape(graph: Graph, op: Operator) -> ReshapeParams:
    """Parameters of RESHAPE."""
    x, y = _copy(graph, op)
    require(x.size == y.size, op, f"shapes {x.shape} and {y.shape} hold different numbers of values")
    return ReshapeParams(y.shape)


def prepare_transpose(graph: Graph, op: Operator) -> TransposeParams:
    """Parameters of TRANSPOSE."""
    x, y = _copy(graph, op)
    require(x.dtype != "int32", op, f"tensor '{x.name}' is int32; use int8 or int16")
    given = integers(graph, op, 1)
    rank = len(x.shape)
    require(sorted(axis % rank for axis in given) == list(range(rank)), op, f"{given} is no permutation of {rank} axes")
    permutation = tuple(axis % rank for axis in given)
    _require_shape(op, y, tuple(x.shape[axis] for axis in permutation))
    return TransposeParams(permutation, y.shape)


def prepare_slice(graph: Graph, op: Operator) -> SliceParams:
    """Parameters of SLICE: size -1 reaches to the end."""
    x, y = _copy(graph, op)
    begin, given = integers(graph, op, 1), integers(graph, op, 2)
    require(len(begin) == len(given) == len(x.shape), op, f"begin and size need {len(x.shape)} values")
    size = tuple(n - b if s == -1 else s for n, b, s in zip(x.shape, begin, given, strict=True))
    inside = all(b >= 0 and s > 0 and b + s <= n for n, b, s in zip(x.shape, begin, size, strict=True))
    require(inside, op, f"begin {begin}, size {given} reaches outside shape {x.shape}")
    _require_shape(op, y, size)
    return SliceParams(begin, size, (1,) * len(begin), y.shape)


def prepare_strided_slice(graph: Graph, op: Operator) -> SliceParams:
    """Parameters of STRIDED_SLICE with begin, end and shrink masks; ellipsis and new axes are refused."""
    x, y = _copy(graph, op)
    begin, end, stride = (integers(graph, op, index) for index in (1, 2, 3))
    require(
        len(begin) == len(end) == len(stride) == len(x.shape), op, f"begin, end and strides need {len(x.shape)} values"
    )
    require(0 not in stride, op, "a stride is 0")
    for option in ("ellipsis_mask", "new_axis_mask", "offset"):
        require(not op.options.get(option), op, f"{option} is not supported; write the slice without it")
    begin_mask, end_mask, shrink = (
        int(op.options.get(option, 0)) for option in ("begin_mask", "end_mask", "shrink_axis_mask")
    )
    # TensorFlow and TFLite Micro disagree on which of the two masks wins.
    require(not begin_mask & shrink, op, "begin_mask and shrink_axis_mask name the same axis; use one of them")
    ranges, kept = [], []
    for axis, n in enumerate(x.shape):
        bit = 1 << axis
        if shrink & bit:
            require(-n <= begin[axis] < n, op, f"index {begin[axis]} is outside shape {x.shape}")
            ranges.append(range(begin[axis] % n, begin[axis] % n + 1))
            continue
        chosen = slice(None if begin_mask & bit else begin[axis], None if end_mask & bit else end[axis], stride[axis])
        ranges.append(range(*chosen.indices(n)))
        kept.append(len(ranges[-1]))
    require(all(len(r) > 0 for r in ranges), op, "the slice is empty")
    _require_shape(op, y, tuple(kept))
    return SliceParams(
        tuple(r.start for r in ranges), tuple(len(r) for r in ranges), tuple(r.step for r in ranges), y.shape
    )


def prepare_split(graph: Graph, op: Operator) -> SplitParams:
    """Parameters of SPLIT (inputs: axis, x)."""
    x = operand(graph, op, 1, _DTYPES)
    outputs = [result(graph, op, index, _DTYPES) for index in range(len(op.outputs))]
    require_same_quantisation(op, x, *outputs)
    axis = integers(graph, op, 0)[0] % len(x.shape)
    count = len(outputs)
    require(op.options.get("num_splits", count) == count, op, f"num_splits does not match its {count} outputs")
    require(x.shape[axis] % count == 0, op, f"axis {axis} of shape {x.shape} does not split into {count}")
    part = tuple(n // count if i == axis else n for i, n in enumerate(x.shape))
    for y in outputs:
        _require_shape(op, y, part)
    return SplitParams(axis, count, part)


def prepare_concatenation(graph: Graph, op: Operator) -> ConcatenationParams:
    """Parameters of CONCATENATION: equal scales and zero points throughout."""
    inputs = [operand(graph, op, index, _DTYPES) for index in range(len(op.inputs))]
    y = result(graph, op, 0, _DTYPES)
    require_same_quantisation(op, y, *inputs)
    require(op.options.get("fused_activation_function", "NONE") == "NONE", op, "no activation can be fused here")
    require(0 < len(inputs) <= 10, op, f"{len(inputs)} inputs; TFLite Micro takes at most 10")
    rank = len(y.shape)
    axis = int(op.options.get("axis", 0)) % rank
    fits = all(
        len(x.shape) == rank and all(i == axis or n == y.shape[i] for i, n in enumerate(x.shape)) for x in inputs
    )
    require(fits and sum(x.shape[axis] for x in inputs) == y.shape[axis], op, f"the inputs do not make up {y.shape}")
    return ConcatenationParams(axis, y.shape)


def prepare_pad(graph: Graph, op: Operator) -> PadParams:
    """Parameters of PAD: int8 pads with the zero point; int16 and int32 with 0, their zero point."""
    x, y = _copy(graph, op)
    require(x.dtype == "int8" or x.zero_point == 0, op, f"tensor '{x.name}' needs zero point 0")
    given = integers(graph, op, 1)
    require(
        len(given) == 2 * len(x.shape) and min(given) >= 0, op, f"paddings need {len(x.shape)} pairs from 0 upwards"
    )
    before, after = given[0::2], given[1::2]
    _require_shape(op, y, tuple(b + n + a for b, n, a in zip(before, x.shape, after, strict=True)))
    return PadParams(before, after, y.zero_point, y.shape)
