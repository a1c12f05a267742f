"""GATHER: a table of int8 values, looked up by positions; that they cannot leave it is proven in `quantize/proof.py`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..graph import Graph, Operator
from .common import constant, operand, read_only, require, require_same_quantisation, result


@dataclass(frozen=True, eq=False)
class GatherParams:
    """y = table[x], table int8 (n,)."""

    table: np.ndarray


def prepare_gather(graph: Graph, op: Operator) -> GatherParams:
    """Parameters of GATHER. Source: `GatherEval` of TFLite Micro, which looks beyond the table where a position is outside.

    Raises StapesError for a table of several axes.
    """
    table, x, y = constant(graph, op, 0, ("int8",)), operand(graph, op, 1, ("int32",)), result(graph, op, 0, ("int8",))
    require(len(table.shape) == 1, op, f"the table '{table.name}' has shape {table.shape}; use one axis")
    require(x.shape == y.shape, op, f"output '{y.name}' has shape {y.shape}; use {x.shape}")
    require(
        op.options.get("axis", 0) == 0 and op.options.get("batch_dims", 0) == 0, op, "use axis 0, without batch_dims"
    )
    require_same_quantisation(op, table, y)
    assert table.data is not None
    return GatherParams(read_only(table.data, np.int8))
