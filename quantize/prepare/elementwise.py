"""ADD, SUB, MUL, QUANTIZE, RELU, LEAKY_RELU and ABS: one multiplier for the whole tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arithmetic import INT32_MIN, quantize_multiplier
from ..graph import Graph, Operator, Tensor
from .common import (
    activation_range,
    operand,
    require,
    require_same_dtype,
    require_symmetric_int16,
    require_wide_result,
    result,
    scale,
)


@dataclass(frozen=True)
class AddParams:
    """ADD and SUB: both operands shifted left by `left_shift`, brought to one scale, summed, requantised, clamped."""

    left_shift: int
    zero_point_1: int
    multiplier_1_q31: int
    shift_1: int
    zero_point_2: int
    multiplier_2_q31: int
    shift_2: int
    output_multiplier_q31: int
    output_shift: int
    output_zero_point: int
    activation_min: int
    activation_max: int
    subtract: bool


@dataclass(frozen=True)
class MulParams:
    """MUL: the product of both operands without their zero points, requantised, clamped."""

    zero_point_1: int
    zero_point_2: int
    multiplier_q31: int
    shift: int
    output_zero_point: int
    activation_min: int
    activation_max: int


@dataclass(frozen=True)
class QuantizeParams:
    """QUANTIZE: from one integer scale to another."""

    input_zero_point: int
    multiplier_q31: int
    shift: int
    output_zero_point: int
    output_min: int
    output_max: int


@dataclass(frozen=True)
class ReluParams:
    """RELU: requantised, then clamped to [activation_min, activation_max]."""

    input_zero_point: int
    multiplier_q31: int
    shift: int
    output_zero_point: int
    activation_min: int
    activation_max: int


@dataclass(frozen=True)
class LeakyReluParams:
    """LEAKY_RELU: one multiplier for values from zero upwards, one (times alpha) below."""

    input_zero_point: int
    multiplier_identity_q31: int
    shift_identity: int
    multiplier_alpha_q31: int
    shift_alpha: int
    output_zero_point: int
    output_min: int
    output_max: int


@dataclass(frozen=True)
class AbsParams:
    """ABS: requantised only where the two scales differ (`rescale`)."""

    input_zero_point: int
    rescale: bool
    multiplier_q31: int
    shift: int
    output_zero_point: int
    output_min: int
    output_max: int


def _broadcast(op: Operator, a: Tensor, b: Tensor, y: Tensor) -> None:
    try:
        shape = np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        shape = None
    require(shape == y.shape, op, f"shapes {a.shape} and {b.shape} do not broadcast to {y.shape}")


def _two_operands(graph: Graph, op: Operator) -> tuple[Tensor, Tensor, Tensor]:
    a, b, y = operand(graph, op, 0), operand(graph, op, 1), result(graph, op)
    require_same_dtype(op, a, b, y)
    require_symmetric_int16(op, a, b, y)
    _broadcast(op, a, b, y)
    return a, b, y


def _one_operand(graph: Graph, op: Operator) -> tuple[Tensor, Tensor]:
    x, y = operand(graph, op, 0), result(graph, op)
    require_same_dtype(op, x, y)
    require_symmetric_int16(op, x, y)
    require(x.shape == y.shape, op, f"output '{y.name}' has shape {y.shape}; use {x.shape}")
    return x, y


def prepare_add(graph: Graph, op: Operator) -> AddParams:
    """Parameters of ADD and SUB.

    Source: `CalculateOpDataAdd` and `CalculateOpDataSub` of TFLite Micro, all in float64 as in the oracle.
    """
    a, b, y = _two_operands(graph, op)
    require(op.options.get("pot_scale_int16", False) is False, op, "pot_scale_int16 is not supported; set it to False")
    left_shift = 20 if y.dtype == "int8" else 15
    twice_largest = 2.0 * max(scale(op, a), scale(op, b))
    output = twice_largest / (2.0**left_shift * scale(op, y))
    require_wide_result(output < 1.0, op, y.name)
    multiplier_1_q31, shift_1 = quantize_multiplier(scale(op, a) / twice_largest)
    multiplier_2_q31, shift_2 = quantize_multiplier(scale(op, b) / twice_largest)
    output_multiplier_q31, output_shift = quantize_multiplier(output)
    low, high = activation_range(op, y)
    return AddParams(
        left_shift=left_shift,
        zero_point_1=a.zero_point,
        multiplier_1_q31=multiplier_1_q31,
        shift_1=shift_1,
        zero_point_2=b.zero_point,
        multiplier_2_q31=multiplier_2_q31,
        shift_2=shift_2,
        output_multiplier_q31=output_multiplier_q31,
        output_shift=output_shift,
        output_zero_point=y.zero_point,
        activation_min=low,
        activation_max=high,
        subtract=op.kind == "SUB",
    )


def prepare_mul(graph: Graph, op: Operator) -> MulParams:
    """Parameters of MUL. Source: `CalculateOpDataMul` of TFLite Micro."""
    a, b, y = _two_operands(graph, op)
    multiplier_q31, shift = quantize_multiplier(scale(op, a) * scale(op, b) / scale(op, y))
    low, high = activation_range(op, y)
    return MulParams(a.zero_point, b.zero_point, multiplier_q31, shift, y.zero_point, low, high)


# The pairs that TFLite Micro converts; int32 stands here with zero point 0 only.
QUANTIZE_PAIRS = {
    ("int8", "int8"),
    ("int8", "int16"),
    ("int8", "int32"),
    ("int16", "int8"),
    ("int16", "int16"),
    ("int16", "int32"),
    ("int32", "int8"),
    ("int32", "int16"),
}


def prepare_quantize(graph: Graph, op: Operator) -> QuantizeParams:
    """Parameters of QUANTIZE. Source: `PrepareQuantizeReference` of TFLite Micro."""
    dtypes = ("int8", "int16", "int32")
    x, y = operand(graph, op, 0, dtypes), result(graph, op, 0, dtypes)
    require((x.dtype, y.dtype) in QUANTIZE_PAIRS, op, f"{x.dtype} to {y.dtype} does not exist; go through int16")
    require_symmetric_int16(op, x, y)
    if y.dtype == "int32" and y.zero_point != 0:
        # Positions in a table: they stay so small that a zero point leads nowhere near the end of 32 bits.
        require(
            0 <= y.zero_point < 2**15 and x.dtype != "int32" and scale(op, x) <= scale(op, y),
            op,
            f"'{y.name}' is int32 with zero point {y.zero_point}; use one from 0 to 32767, and a scale not below that of '{x.name}'",
        )
    require(x.shape == y.shape, op, f"output '{y.name}' has shape {y.shape}; use {x.shape}")
    multiplier_q31, shift = quantize_multiplier(scale(op, x) / scale(op, y))
    low, high = y.limits
    # No value behind its zero point is lower, and in C the limits move instead of the value.
    return QuantizeParams(
        x.zero_point, multiplier_q31, shift, y.zero_point, low + y.zero_point if y.dtype == "int32" else low, high
    )


def prepare_relu(graph: Graph, op: Operator) -> ReluParams:
    """Parameters of RELU. Source: `CalculateReluOpData` of TFLite Micro."""
    x, y = _one_operand(graph, op)
    multiplier_q31, shift = quantize_multiplier(scale(op, x) / scale(op, y))
    low, high = y.limits
    return ReluParams(x.zero_point, multiplier_q31, shift, y.zero_point, max(low, y.zero_point), high)


def prepare_leaky_relu(graph: Graph, op: Operator) -> LeakyReluParams:
    """Parameters of LEAKY_RELU. Source: `CalculateOpDataLeakyRelu` of TFLite Micro, all in float64 as in the oracle."""
    x, y = _one_operand(graph, op)
    require("alpha" in op.options, op, "option alpha is missing; give it")
    alpha = float(np.float32(op.options["alpha"]))
    require(bool(np.isfinite(alpha)), op, f"alpha is {alpha}; use a number")
    positive = quantize_multiplier(scale(op, x) / scale(op, y))
    negative = quantize_multiplier(scale(op, x) * alpha / scale(op, y))
    require(negative[0] > INT32_MIN, op, f"alpha {alpha} is too close to a power of two; change it by one in 10^6")
    return LeakyReluParams(x.zero_point, *positive, *negative, y.zero_point, *y.limits)


def prepare_abs(graph: Graph, op: Operator) -> AbsParams:
    """Parameters of ABS. Source: `PrepareAbsRsqrt` of TFLite Micro."""
    x, y = _one_operand(graph, op)
    multiplier_q31, shift = quantize_multiplier(scale(op, x) / scale(op, y))
    return AbsParams(x.zero_point, scale(op, x) != scale(op, y), multiplier_q31, shift, y.zero_point, *y.limits)
