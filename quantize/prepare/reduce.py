"""MEAN: the sum, times a multiplier that holds the division; MAX_POOL_2D: the largest value of each window."""

from __future__ import annotations

from dataclasses import dataclass

from ..arithmetic import INT32_MAX, quantize_multiplier
from ..graph import Graph, Operator
from .common import (
    integers,
    operand,
    require,
    require_same_dtype,
    require_same_quantisation,
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


@dataclass(frozen=True)
class MaxPoolParams:
    """The largest of each window; input, kernel, stride and output are (height, width)."""

    input: tuple[int, int]
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    output: tuple[int, int]


def prepare_max_pool(graph: Graph, op: Operator) -> MaxPoolParams:
    """Parameters of MAX_POOL_2D. Source: `MaxPool` of TensorFlow Lite's reference kernels, without padding."""
    x, y = operand(graph, op, 0), result(graph, op)
    require_same_quantisation(op, x, y)
    require(
        len(x.shape) == 4 and x.shape[0] == 1,
        op,
        f"input '{x.name}' has shape {x.shape}; use (1, height, width, channels)",
    )
    require(op.options.get("padding") == "VALID", op, "use padding VALID")
    require(
        op.options.get("fused_activation_function", "NONE") == "NONE",
        op,
        "a fused activation is not supported; use NONE",
    )
    names = ("filter_height", "filter_width", "stride_h", "stride_w")
    kernel_h, kernel_w, stride_h, stride_w = (int(op.options.get(name, 0)) for name in names)
    require(min(kernel_h, kernel_w, stride_h, stride_w) >= 1, op, "window and stride must be at least 1")
    _, height, width, channels = x.shape
    output = (height - kernel_h) // stride_h + 1, (width - kernel_w) // stride_w + 1
    require(
        y.shape == (1, *output, channels) and min(output) >= 1,
        op,
        f"output '{y.name}' has shape {y.shape}; use {(1, *output, channels)}",
    )
    return MaxPoolParams((height, width), channels, (kernel_h, kernel_w), (stride_h, stride_w), output)
