"""BATCH_MATMUL in int16: two activations multiplied, the sum kept in 64 bits and rounded once."""

from __future__ import annotations

from dataclasses import dataclass

from ..arithmetic import quantize_multiplier
from ..graph import Graph, Operator
from .common import operand, require, require_symmetric_int16, result, scale


@dataclass(frozen=True)
class BatchMatMulParams:
    """y = requantise_64(x1 @ x2^T), clamped; x1 (..., R, depth), x2 (..., C, depth), y (..., R, C); equal leading axes."""

    depth: int
    multiplier_q31: int
    shift: int
    output_min: int
    output_max: int
    output_shape: tuple[int, ...]


def prepare_batch_matmul(graph: Graph, op: Operator) -> BatchMatMulParams:
    """Parameters of BATCH_MATMUL. Source: `reference_ops::BatchMatMul<int16_t, int64_t>` of TensorFlow Lite.

    Raises StapesError: another dtype than int16, adj_x or no adj_y, leading axes that differ.
    """
    x1, x2, y = operand(graph, op, 0, ("int16",)), operand(graph, op, 1, ("int16",)), result(graph, op, 0, ("int16",))
    require_symmetric_int16(op, x1, x2, y)
    require(bool(op.options.get("adj_y")) and not op.options.get("adj_x"), op, "use adj_x=False and adj_y=True")
    depth = x1.shape[-1]
    require(x2.shape[-1] == depth, op, f"depths {depth} and {x2.shape[-1]} differ")
    alike = x1.shape[:-2] == x2.shape[:-2]
    require(alike, op, f"shapes {x1.shape} and {x2.shape} hold different numbers of matrices; use one each")
    expected = (*x1.shape[:-1], x2.shape[-2])
    require(y.shape == expected, op, f"output '{y.name}' has shape {y.shape}; use {expected}")
    multiplier_q31, shift = quantize_multiplier(scale(op, x1) * scale(op, x2) / scale(op, y))
    return BatchMatMulParams(depth, multiplier_q31, shift, *y.limits, y.shape)
