"""LOGISTIC and TANH: a table of 256 values in int8, a table with interpolation in int16."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph import Graph, Operator, Tensor
from ..tables import logistic_int8, tanh_int8
from .common import operand, read_only, require, require_same_dtype, result, scale


@dataclass(frozen=True, eq=False)
class LutParams:
    """LOGISTIC and TANH in int8: y = table[x + 128], table int8 (256,)."""

    table: np.ndarray


@dataclass(frozen=True)
class SigmoidParams:
    """LOGISTIC and TANH in int16: x * multiplier >> shift (rounded) is the position in `quantize.tables.SIGMOID_Q16`."""

    multiplier: int
    shift: int
    tanh: bool


# With larger scales the oracle shifts by more than 63 bits.
LARGEST_SCALE_INT8 = 2.0**31
# The oracle ignores the scale of the output and writes these, so no other may be declared.
_INT8_OUTPUT = {"LOGISTIC": (2.0**-8, -128), "TANH": (2.0**-7, 0)}


def prepare_lookup(graph: Graph, op: Operator) -> LutParams | SigmoidParams:
    """Parameters of LOGISTIC and TANH. Source: `CalculateArithmeticOpDataLogistic` and `...Tanh` of TFLite Micro."""
    x, y = operand(graph, op, 0), result(graph, op)
    require_same_dtype(op, x, y)
    require(x.shape == y.shape, op, f"output '{y.name}' has shape {y.shape}; use {x.shape}")
    y_scale, y_zero_point = _INT8_OUTPUT[op.kind] if y.dtype == "int8" else (2.0**-15, 0)
    require(
        scale(op, y) == y_scale and y.zero_point == y_zero_point,
        op,
        f"output '{y.name}' must have scale {y_scale} and zero point {y_zero_point}",
    )
    if x.dtype == "int8":
        _require_plausible(scale(op, x) < LARGEST_SCALE_INT8, op, x)
        table = logistic_int8 if op.kind == "LOGISTIC" else tanh_int8
        return LutParams(read_only(table(scale(op, x), x.zero_point), np.int8))
    return _sigmoid(op, x)


def _require_plausible(condition: bool, op: Operator, x: Tensor) -> None:
    require(
        condition,
        op,
        f"its input '{x.name}' reaches {scale(op, x) * -x.limits[0]:.3g}, and a {'tanh' if op.kind == 'TANH' else 'sigmoid'} is flat "
        "beyond 16: the weights in front of it are implausibly large; train or export the network again",
    )


def _sigmoid(op: Operator, x: Tensor) -> SigmoidParams:
    tanh = op.kind == "TANH"
    require(x.zero_point == 0, op, f"tensor '{x.name}' is int16 with zero point {x.zero_point}; use 0")
    # The oracle takes a scale within 0.07 % of a power of two for that power of two, in float32.
    log2 = np.log(np.float32(scale(op, x))) * (np.float32(1) / np.log(np.float32(2)))
    nearest = np.round(log2)
    above_q12 = int(nearest) + 12
    if abs(log2 - nearest) < np.float32(1e-3) and above_q12 in ((0, 1) if tanh else (0,)):
        return SigmoidParams(3 << above_q12, 0, tanh)
    multiplier, shift = scale(op, x) * 4096.0 * 3.0, 0
    while multiplier <= 32767.0 / 2.0 and shift <= 30:
        multiplier, shift = multiplier * 2.0, shift + 1
    _require_plausible(multiplier < 32768.0, op, x)
    return SigmoidParams(int(multiplier), shift, tanh)
