"""GATHER: a table of int8 values, looked up by positions that a QUANTIZE makes and that cannot leave it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arithmetic import clamp, requantise_double
from ..graph import Graph, Operator
from .common import constant, operand, read_only, require, require_same_quantisation, result
from .elementwise import prepare_quantize


@dataclass(frozen=True, eq=False)
class GatherParams:
    """y = table[x], table int8 (n,)."""

    table: np.ndarray


def prepare_gather(graph: Graph, op: Operator) -> GatherParams:
    """Parameters of GATHER. Source: `GatherEval` of TFLite Micro, which looks beyond the table where a position is outside.

    Raises StapesError for a table of several axes, and for positions that could be outside.
    """
    table, x, y = constant(graph, op, 0, ("int8",)), operand(graph, op, 1, ("int32",)), result(graph, op, 0, ("int8",))
    require(len(table.shape) == 1, op, f"the table '{table.name}' has shape {table.shape}; use one axis")
    require(x.shape == y.shape, op, f"output '{y.name}' has shape {y.shape}; use {x.shape}")
    require(
        op.options.get("axis", 0) == 0 and op.options.get("batch_dims", 0) == 0, op, "use axis 0, without batch_dims"
    )
    require_same_quantisation(op, table, y)
    low, high = _positions(graph, op)
    require(low >= 0 and high < table.size, op, f"positions {low} to {high} leave its table of {table.size} values")
    assert table.data is not None
    return GatherParams(read_only(table.data, np.int8))


def _positions(graph: Graph, op: Operator) -> tuple[int, int]:
    """The first and the last position that can be asked for, whatever the network is given."""
    made = next((other for other in graph.operators if op.inputs[1] in other.outputs), None)
    require(made is not None and made.kind == "QUANTIZE", op, "its positions must come from a QUANTIZE")
    assert made is not None
    params = prepare_quantize(graph, made)
    ends = np.array(graph.tensors[made.inputs[0]].limits, np.int64) - params.input_zero_point
    places = requantise_double(ends, params.multiplier_q31, params.shift) + params.output_zero_point
    low, high = clamp(places, params.output_min, params.output_max).tolist()
    return int(low), int(high)
