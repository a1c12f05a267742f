"""Parameters of an operator, computed once: what the numpy kernels read and what the C exporter prints.

`common` checks tensors; `linear`, `elementwise`, `lookup`, `reduce` and `copies` hold one family each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...models.errors import StapesError
from ..graph import Graph, Operator
from .batch_matmul import BatchMatMulParams, prepare_batch_matmul
from .common import OperatorError
from .copies import (
    ConcatenationParams,
    PadParams,
    ReshapeParams,
    SliceParams,
    SplitParams,
    TransposeParams,
    prepare_concatenation,
    prepare_pad,
    prepare_reshape,
    prepare_slice,
    prepare_split,
    prepare_strided_slice,
    prepare_transpose,
)
from .elementwise import (
    AbsParams,
    AddParams,
    LeakyReluParams,
    MulParams,
    QuantizeParams,
    ReluParams,
    prepare_abs,
    prepare_add,
    prepare_leaky_relu,
    prepare_mul,
    prepare_quantize,
    prepare_relu,
)
from .linear import (
    Conv2DParams,
    DepthwiseConv2DParams,
    FullyConnectedParams,
    prepare_conv_2d,
    prepare_depthwise_conv_2d,
    prepare_fully_connected,
)
from .lookup import LutParams, SigmoidParams, prepare_lookup
from .reduce import MeanParams, prepare_mean

Params = (
    FullyConnectedParams
    | Conv2DParams
    | DepthwiseConv2DParams
    | BatchMatMulParams
    | AddParams
    | MulParams
    | QuantizeParams
    | ReluParams
    | LeakyReluParams
    | AbsParams
    | LutParams
    | SigmoidParams
    | MeanParams
    | ReshapeParams
    | TransposeParams
    | SliceParams
    | SplitParams
    | ConcatenationParams
    | PadParams
)

PREPARE: dict[str, Callable[[Graph, Operator], Any]] = {
    "FULLY_CONNECTED": prepare_fully_connected,
    "CONV_2D": prepare_conv_2d,
    "DEPTHWISE_CONV_2D": prepare_depthwise_conv_2d,
    "BATCH_MATMUL": prepare_batch_matmul,
    "ADD": prepare_add,
    "SUB": prepare_add,
    "MUL": prepare_mul,
    "QUANTIZE": prepare_quantize,
    "RELU": prepare_relu,
    "LEAKY_RELU": prepare_leaky_relu,
    "ABS": prepare_abs,
    "LOGISTIC": prepare_lookup,
    "TANH": prepare_lookup,
    "MEAN": prepare_mean,
    "RESHAPE": prepare_reshape,
    "TRANSPOSE": prepare_transpose,
    "SLICE": prepare_slice,
    "STRIDED_SLICE": prepare_strided_slice,
    "SPLIT": prepare_split,
    "CONCATENATION": prepare_concatenation,
    "PAD": prepare_pad,
}


def prepare(graph: Graph, op: Operator) -> Params:
    """The parameters of one operator; raises `StapesError` where TFLite Micro would not run it, or with other bits."""
    if op.kind not in PREPARE:
        raise StapesError(f"operator '{op.name}': {op.kind} is not supported; use one of {', '.join(sorted(PREPARE))}")
    try:
        return PREPARE[op.kind](graph, op)
    except (LookupError, ValueError, TypeError, ArithmeticError, AssertionError):  # of shapes that no check foresaw
        raise OperatorError(op, "its tensors or options do not fit one another; write the file again") from None
