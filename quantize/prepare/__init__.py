"""Parameters of an operator, computed once: what the numpy kernels read and what the C exporter prints.

`common` checks tensors; `linear`, `elementwise`, `lookup`, `gather`, `reduce` and `copies` hold one family each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...models.errors import StapesError
from ..graph import Graph, Operator
from ..operators import OPERATORS, implementation
from .batch_matmul import BatchMatMulParams
from .common import OperatorError
from .copies import (
    ConcatenationParams,
    PadParams,
    ReshapeParams,
    SliceParams,
    SplitParams,
    TransposeParams,
)
from .elementwise import AbsParams, AddParams, LeakyReluParams, MulParams, QuantizeParams, ReluParams
from .gather import GatherParams
from .linear import Conv2DParams, DepthwiseConv2DParams, FullyConnectedParams
from .lookup import LutParams, SigmoidParams
from .reduce import MaxPoolParams, MeanParams

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
    | MaxPoolParams
    | GatherParams
    | ReshapeParams
    | TransposeParams
    | SliceParams
    | SplitParams
    | ConcatenationParams
    | PadParams
)

PREPARE: dict[str, Callable[[Graph, Operator], Any]] = {
    kind: implementation(__name__, entry.prepare) for kind, entry in OPERATORS.items()
}


def prepare(graph: Graph, op: Operator) -> Params:
    """The parameters of one operator; raises `StapesError` where TFLite Micro would not run it, or with other bits."""
    if op.kind not in PREPARE:
        raise StapesError(f"operator '{op.name}': {op.kind} is not supported; use one of {', '.join(sorted(PREPARE))}")
    try:
        result: Params = PREPARE[op.kind](graph, op)
        return result
    except (LookupError, ValueError, TypeError, ArithmeticError, AssertionError):  # of shapes that no check foresaw
        raise OperatorError(op, "its tensors or options do not fit one another; write the file again") from None


__all__ = [
    "PREPARE",
    "AbsParams",
    "AddParams",
    "BatchMatMulParams",
    "ConcatenationParams",
    "Conv2DParams",
    "DepthwiseConv2DParams",
    "FullyConnectedParams",
    "GatherParams",
    "LeakyReluParams",
    "LutParams",
    "MaxPoolParams",
    "MeanParams",
    "MulParams",
    "OperatorError",
    "PadParams",
    "Params",
    "QuantizeParams",
    "ReluParams",
    "ReshapeParams",
    "SigmoidParams",
    "SliceParams",
    "SplitParams",
    "TransposeParams",
    "prepare",
]
