"""MEAN: the sum, times a multiplier that holds the division."""

from __future__ import annotations

from dataclasses import dataclass

from ..arithmetic import INT32_MAX, quantize_multiplier
from ..graph import Graph, Operator
from .common import (
    integers,
    operand,
    require,
    require_same_dtype,
    require_symmetric_int16,
    result,
    scale,
)


@dataclass(frozen=True)
class MeanParams:
    """y = requantise_double(sum(x) - count * input_zero_point) + output_zero_point, clamped.

    `axes` refer to the tensor's shape; the multiplier holds 1 / count.
    """

    axes: tuple[int, ...]
    count: int
    input_zero_point: int
    multiplier_q31: int
    shift: int
    output_zero_point: int
    output_min: int
    output_max: int
    output_shape: tuple[int, ...]


def prepare_mean(graph: Graph, op: Operator) -> MeanParams:
    """Parameters of MEAN. Source: `QuantizedMeanOrSum` of TensorFlow Lite's reference kernels."""
    x, y = operand(graph, op, 0), result(graph, op)
    require_same_dtype(op, x, y)
    require_symmetric_int16(op, x, y)
    rank = len(x.shape)
    given = integers(graph, op, 1)
    require(all(-rank <= axis < rank for axis in given), op, f"axes {given} are outside shape {x.shape}")
    axes = tuple(sorted({axis % rank for axis in given}))
    keep = bool(op.options.get("keep_dims", False))
    expected = tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keep or i not in axes)
    require(y.shape == expected, op, f"output '{y.name}' has shape {y.shape}; use {expected}")
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    low, high = x.limits
    require(
        count * max(high - x.zero_point, x.zero_point - low) <= INT32_MAX, op, f"{count} values overflow the int32 sum"
    )
    multiplier_q31, shift = quantize_multiplier(scale(op, x) / scale(op, y))
    # The division by count is folded in: shifted left first, so that little of the multiplier's 31 bits is lost.
    headroom = min(count.bit_length() - 1, 32, 31 + shift)
    multiplier_q31, shift = (multiplier_q31 << headroom) // count, shift - headroom
    return MeanParams(axes, count, x.zero_point, multiplier_q31, shift, y.zero_point, *y.limits, y.shape)
