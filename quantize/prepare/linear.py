"""FULLY_CONNECTED, CONV_2D and DEPTHWISE_CONV_2D: integer weights, one multiplier an output channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arithmetic import INT32_MAX, quantize_multiplier
from ..graph import Graph, Operator, Tensor
from .common import (
    activation_range,
    constant,
    operand,
    read_only,
    require,
    require_same_dtype,
    require_symmetric_int16,
    require_wide_result,
    result,
    scale,
)

# How far the scale of a bias may be from that of the sums, in steps of the output, where one scale holds for all weights.
MOST_BIAS_STEPS = 0.02


@dataclass(frozen=True, eq=False)
class FullyConnectedParams:
    """y = requantise(W (x - input_zero_point) + b) + output_zero_point, clamped.

    weights int8 (O, I), bias int64 (O,), multiplier_q31 int32 (O,), shift int32 (O,). `wide`: the bias is int64 and
    the sum goes through requantise_64, else through requantise_double. Every sum fits in int32 (checked).
    """

    input_zero_point: int
    weights: np.ndarray
    bias: np.ndarray
    multiplier_q31: np.ndarray
    shift: np.ndarray
    wide: bool
    output_zero_point: int
    activation_min: int
    activation_max: int
    output_shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Conv2DParams:
    """As `FullyConnectedParams`, with weights int8 (O, KH, KW, I / groups); NHWC.

    stride, dilation and padding are (height, width); padding counts the zeros before the first row and column.
    """

    input_zero_point: int
    weights: np.ndarray
    bias: np.ndarray
    multiplier_q31: np.ndarray
    shift: np.ndarray
    wide: bool
    output_zero_point: int
    activation_min: int
    activation_max: int
    output_shape: tuple[int, ...]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]
    groups: int


@dataclass(frozen=True, eq=False)
class DepthwiseConv2DParams:
    """As `Conv2DParams`, with one kernel for each channel: weights int8 (C, KH, KW)."""

    input_zero_point: int
    weights: np.ndarray
    bias: np.ndarray
    multiplier_q31: np.ndarray
    shift: np.ndarray
    wide: bool
    output_zero_point: int
    activation_min: int
    activation_max: int
    output_shape: tuple[int, ...]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]


def _weight_scales(op: Operator, weights: Tensor, channels: int, axis: int) -> np.ndarray:
    """float32 (1,) or (O,)."""
    require(weights.scale is not None, op, f"weights '{weights.name}' need a scale")
    scales = np.asarray(weights.scale, np.float32).reshape(-1)
    require(weights.zero_point == 0, op, f"weights '{weights.name}' must have zero point 0")
    require(bool(np.all(np.isfinite(scales) & (scales > 0))), op, f"weights '{weights.name}' need positive scales")
    require(
        scales.size == 1 or (scales.size == channels and weights.axis == axis),
        op,
        f"weights '{weights.name}' have {scales.size} scales along axis {weights.axis};"
        f" use one, or {channels} along axis {axis}",
    )
    return scales


def _multipliers(
    op: Operator, x: Tensor, weights: Tensor, y: Tensor, channels: int, axis: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """multiplier_q31 and shift int32 (O,), all in float64 as in the oracle, also where one scale holds for all channels."""
    scales = _weight_scales(op, weights, channels, axis).tolist()
    x_scale, y_scale = scale(op, x), scale(op, y)
    pairs = [quantize_multiplier(x_scale * value / y_scale) for value in scales]
    pairs = pairs if len(pairs) == channels else pairs * channels
    return read_only([m for m, _ in pairs], np.int32), read_only([s for _, s in pairs], np.int32)


def _bias(graph: Graph, op: Operator, x: Tensor, channels: int) -> tuple[np.ndarray, bool]:
    """Bias int64 (O,), and whether the sum is requantised in 64 bits."""
    if len(op.inputs) < 3 or op.inputs[2] == "":
        return read_only(np.zeros(channels), np.int64), x.dtype == "int16"
    bias = constant(graph, op, 2, ("int32",) if x.dtype == "int8" else ("int32", "int64"))
    assert bias.data is not None
    require(bias.size == channels, op, f"bias '{bias.name}' has {bias.size} values; give {channels}")
    return read_only(np.reshape(bias.data, -1), np.int64), bias.dtype == "int64"


def _require_one_rounding(op: Operator, wide: bool, shift: np.ndarray) -> None:
    """requantise_64 shifts right by 15 - shift, at least by one."""
    require_wide_result(not wide or int(shift.max()) <= 14, op, op.outputs[0])


def _require_int32_sums(op: Operator, x: Tensor, weights: np.ndarray, bias: np.ndarray) -> None:
    low, high = x.limits
    largest_input = max(high - x.zero_point, x.zero_point - low)
    bound = np.abs(weights.astype(np.int64)).reshape(len(weights), -1).sum(axis=1) * largest_input + np.abs(bias)
    channel = int(np.argmax(bound))
    require(
        int(bound[channel]) <= INT32_MAX,
        op,
        f"the sum of channel {channel} may reach {int(bound[channel])}, beyond int32; use a larger weight scale, or fewer weights",
    )


def _require_bias_scale(graph: Graph, op: Operator, x: Tensor, weights: Tensor, y: Tensor) -> None:
    """Where one scale holds for all weights, TFLite Micro refuses a bias whose scale is not that of the sums.

    Source: `GetQuantizedConvolutionMultipler` of TensorFlow Lite.
    """
    if len(op.inputs) < 3 or op.inputs[2] == "" or weights.scale is None or weights.scale.size != 1:
        return
    bias = graph.tensors[op.inputs[2]]
    sums, given = scale(op, x) * float(weights.scale[0]), 0.0 if bias.scale is None else float(bias.scale[0])
    require(
        abs(sums - given) / scale(op, y) <= MOST_BIAS_STEPS,
        op,
        f"its bias '{bias.name}' has the scale {given:.6g}, its sums {sums:.6g}; they must be one",
    )


def prepare_fully_connected(graph: Graph, op: Operator) -> FullyConnectedParams:
    """Parameters of FULLY_CONNECTED.

    Source: `CalculateOpDataFullyConnected` of TFLite Micro.
    """
    x, weights, y = operand(graph, op, 0), constant(graph, op, 1, ("int8",)), result(graph, op)
    require_same_dtype(op, x, y)
    require_symmetric_int16(op, x, y)
    require(len(weights.shape) == 2, op, f"weights '{weights.name}' have shape {weights.shape}; use (outputs, inputs)")
    channels, depth = weights.shape
    require(x.size % depth == 0, op, f"input '{x.name}' of {x.size} values does not divide into rows of {depth}")
    require(
        y.size == x.size // depth * channels and y.shape[-1] == channels,
        op,
        f"output '{y.name}' has shape {y.shape}; its last axis must be {channels}",
    )
    options_format = op.options.get("weights_format", "DEFAULT")
    require(options_format == "DEFAULT", op, f"weights format {options_format} is unknown; use DEFAULT")
    multiplier_q31, shift = _multipliers(op, x, weights, y, channels)
    bias, wide = _bias(graph, op, x, channels)
    data = read_only(weights.data, np.int8).reshape(channels, depth)
    _require_one_rounding(op, wide, shift)
    _require_int32_sums(op, x, data, bias)
    _require_bias_scale(graph, op, x, weights, y)
    return FullyConnectedParams(
        x.zero_point, data, bias, multiplier_q31, shift, wide, y.zero_point, *activation_range(op, y), y.shape
    )


def _pad_before(size: int, kernel: int, stride: int, dilation: int, padding: str) -> tuple[int, int]:
    """(output size, zeros before the first value) of one axis."""
    reach = (kernel - 1) * dilation + 1
    if padding == "VALID":
        return -(-(size - reach + 1) // stride), 0
    output = -(-size // stride)
    return output, max((output - 1) * stride + reach - size, 0) // 2


def _window(
    op: Operator, x: Tensor, y: Tensor, kernel: tuple[int, ...], channels: int
) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    """(stride, dilation, padding before the first value), each (height, width); the output's shape is checked."""
    padding = str(op.options.get("padding", "SAME"))
    require(padding in ("SAME", "VALID"), op, f"padding {padding} is unknown; use SAME or VALID")
    stride = int(op.options.get("stride_h", 1)), int(op.options.get("stride_w", 1))
    dilation = int(op.options.get("dilation_h_factor", 1)), int(op.options.get("dilation_w_factor", 1))
    require(min(*stride, *dilation) > 0, op, f"strides {stride} and dilations {dilation} must be positive")
    height, top = _pad_before(x.shape[1], kernel[0], stride[0], dilation[0], padding)
    width, left = _pad_before(x.shape[2], kernel[1], stride[1], dilation[1], padding)
    expected = (x.shape[0], height, width, channels)
    require(y.shape == expected, op, f"output '{y.name}' has shape {y.shape}; use {expected}")
    return stride, dilation, (top, left)


def prepare_conv_2d(graph: Graph, op: Operator) -> Conv2DParams:
    """Parameters of CONV_2D, grouped where the filter is less deep than the input.

    Source: `PopulateConvolutionQuantizationParams` and `ComputePaddingHeightWidth` of TensorFlow Lite.
    """
    x, weights, y = operand(graph, op, 0), constant(graph, op, 1, ("int8",)), result(graph, op)
    require_same_dtype(op, x, y)
    require_symmetric_int16(op, x, y)
    require(len(x.shape) == 4 and len(weights.shape) == 4, op, "input and weights need four axes (NHWC, OHWI)")
    channels, depth = weights.shape[0], weights.shape[3]
    require(x.shape[3] % depth == 0 and channels % (x.shape[3] // depth) == 0, op, "channels do not divide into groups")
    stride, dilation, before = _window(op, x, y, weights.shape[1:3], channels)
    multiplier_q31, shift = _multipliers(op, x, weights, y, channels)
    bias, wide = _bias(graph, op, x, channels)
    data = read_only(weights.data, np.int8).reshape(weights.shape)
    _require_one_rounding(op, wide, shift)
    _require_int32_sums(op, x, data, bias)
    return Conv2DParams(
        x.zero_point,
        data,
        bias,
        multiplier_q31,
        shift,
        wide,
        y.zero_point,
        *activation_range(op, y),
        y.shape,
        stride,
        dilation,
        before,
        x.shape[3] // depth,
    )


def prepare_depthwise_conv_2d(graph: Graph, op: Operator) -> DepthwiseConv2DParams:
    """Parameters of DEPTHWISE_CONV_2D with one output for each input channel.

    Source: `DepthwiseConvParams` and `PopulateConvolutionQuantizationParams` of TensorFlow Lite.
    """
    x, weights, y = operand(graph, op, 0), constant(graph, op, 1, ("int8",)), result(graph, op)
    require_same_dtype(op, x, y)
    require_symmetric_int16(op, x, y)
    require(len(x.shape) == 4 and len(weights.shape) == 4, op, "input and weights need four axes (NHWC, 1HWC)")
    channels = x.shape[3]
    given = int(op.options.get("depth_multiplier", 1)), weights.shape[0], weights.shape[3]
    require(given == (1, 1, channels), op, f"weights have shape {weights.shape}; use depth multiplier 1, (1, H, W, C)")
    stride, dilation, before = _window(op, x, y, weights.shape[1:3], channels)
    multiplier_q31, shift = _multipliers(op, x, weights, y, channels, axis=3)
    bias, wide = _bias(graph, op, x, channels)
    require(x.dtype == "int8" or wide, op, "the bias is int32, which TFLite Micro misreads here; use int64")
    assert weights.data is not None
    data = read_only(np.moveaxis(weights.data.reshape(weights.shape)[0], 2, 0), np.int8)
    _require_one_rounding(op, wide, shift)
    _require_int32_sums(op, x, data, bias)
    return DepthwiseConv2DParams(
        x.zero_point,
        data,
        bias,
        multiplier_q31,
        shift,
        wide,
        y.zero_point,
        *activation_range(op, y),
        y.shape,
        stride,
        dilation,
        before,
    )
