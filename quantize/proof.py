"""A static proof that no sum and no product of an integer graph can overflow, whatever the input.

Bounds hold for every input in the dtype's range, not only for what calibration saw: for a row of weights
|acc| <= sum |w| * max |x - zero point| + |bias|.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .arithmetic import requantise_double
from .graph import Graph, Operator
from .operators import OPERATORS
from .prepare import prepare
from .prepare.batch_matmul import prepare_batch_matmul
from .prepare.common import OperatorError
from .prepare.elementwise import prepare_add, prepare_mul, prepare_quantize
from .prepare.gather import prepare_gather
from .prepare.linear import (
    Conv2DParams,
    DepthwiseConv2DParams,
    FullyConnectedParams,
    prepare_conv_2d,
    prepare_depthwise_conv_2d,
    prepare_fully_connected,
)

INT32_BITS = 31
INT64_BITS = 63

_PRODUCTS: dict[str, Callable[[Graph, Operator], FullyConnectedParams | Conv2DParams | DepthwiseConv2DParams]] = {
    "FULLY_CONNECTED": prepare_fully_connected,
    "CONV_2D": prepare_conv_2d,
    "DEPTHWISE_CONV_2D": prepare_depthwise_conv_2d,
}


@dataclass(frozen=True)
class Bound:
    """The worst row of one operator: `largest` is a bound on |accumulator|, `allowed` what must not be exceeded."""

    operator: str
    kind: str
    rows: int
    row: int
    largest: int
    allowed: int
    what: str

    @property
    def bits(self) -> int:
        return int(self.largest).bit_length()

    @property
    def holds(self) -> bool:
        return self.largest <= self.allowed


@dataclass(frozen=True)
class Fault:
    """Why an operator cannot be run: `bits` by which a wider result would mend it, 0 where that is no remedy."""

    operator: Operator
    reason: str
    bits: int


def prove(graph: Graph) -> list[Bound]:
    """Bounds of every operator that accumulates or multiplies; the graph is safe when all of them hold."""
    return [bound for op in graph.operators for bound in _bounds(graph, op)]


def _bounds(graph: Graph, op: Operator) -> list[Bound]:
    entry = OPERATORS.get(op.kind)
    return _PROOFS[entry.proof](graph, op) if entry is not None and entry.proof else []


def examine(graph: Graph) -> tuple[list[Bound], list[Fault]]:
    """The bounds of a graph, and the operators that no engine would run or whose bounds do not hold, in order."""
    bounds: list[Bound] = []
    faults = []
    for op in graph.operators:
        try:
            known = _bounds(graph, op)
            if not known:
                prepare(graph, op)
        except OperatorError as error:
            faults.append(Fault(op, error.reason, 2 if error.narrow else 0))
            continue
        bounds += known
        broken = [bound for bound in known if not bound.holds]
        if broken:
            bits = max((bound.largest // bound.allowed).bit_length() for bound in broken)
            # A wider result does nothing for a sum before it is rounded.
            curable = not any(bound.what.startswith("accumulator") for bound in broken)
            reason = f"the {broken[0].what} could reach {broken[0].largest:.3g} and overflow"
            faults.append(Fault(op, reason, bits if curable else 0))
    return bounds, faults


def overflow_free(graph: Graph) -> bool:
    """True when every bound holds."""
    return all(bound.holds for bound in prove(graph))


def _reach(graph: Graph, name: str) -> int:
    """The largest |code - zero point| that a tensor can hold; of a constant, the largest that it does hold."""
    tensor = graph.tensors[name]
    if tensor.data is not None:
        return int(np.abs(tensor.data.astype(np.int64) - tensor.zero_point).max())
    low, high = tensor.limits
    return max(high - tensor.zero_point, tensor.zero_point - low)


def _product_bounds(graph: Graph, op: Operator) -> list[Bound]:
    params = _PRODUCTS[op.kind](graph, op)
    weights = np.abs(params.weights.astype(np.int64)).reshape(len(params.weights), -1)
    rows = weights.sum(axis=1) * _reach(graph, op.inputs[0]) + np.abs(params.bias.astype(np.int64))
    worst = int(np.argmax(rows))
    bounds = [Bound(op.name, op.kind, len(rows), worst, int(rows[worst]), 2**INT32_BITS - 1, "accumulator, int32")]
    shift = params.shift.astype(np.int64)
    if params.wide:
        scaled = rows * 2**15
        bounds.append(_worst(op, scaled, 2**INT64_BITS - 1, "requantisation product, int64"))
        real = [
            int(r * int(m)) >> int(31 - s) for r, m, s in zip(rows.tolist(), params.multiplier_q31, shift, strict=True)
        ]
        bounds.append(_worst(op, np.asarray(real, object), 2**INT32_BITS - 1 - 2**15, "requantised value, int32"))
    else:
        shifted = np.asarray([int(r) << max(int(s), 0) for r, s in zip(rows.tolist(), shift, strict=True)], object)
        bounds.append(_worst(op, shifted, 2**INT32_BITS - 1, "shifted accumulator, int32"))
    return bounds


def _worst(op: Operator, rows: np.ndarray, allowed: int, what: str) -> Bound:
    worst = int(np.argmax(rows))
    return Bound(op.name, op.kind, len(rows), worst, int(rows[worst]), allowed, what)


def _batch_matmul_bounds(graph: Graph, op: Operator) -> list[Bound]:
    params = prepare_batch_matmul(graph, op)
    largest = params.depth * _reach(graph, op.inputs[0]) * _reach(graph, op.inputs[1])
    real = (largest * params.multiplier_q31) >> (31 - params.shift)
    return [
        Bound(op.name, op.kind, 1, 0, largest, 2**47 - 1, "accumulator, 48 bits before a Q15 multiplier"),
        Bound(op.name, op.kind, 1, 0, real, 2**INT32_BITS - 1, "requantised value, int32"),
    ]


def _sum_bounds(graph: Graph, op: Operator) -> list[Bound]:
    params = prepare_add(graph, op)
    bounds = []
    for index, shift in ((0, params.shift_1), (1, params.shift_2)):
        largest = _reach(graph, op.inputs[index]) << (params.left_shift + max(int(shift), 0))
        bounds.append(Bound(op.name, op.kind, 1, 0, largest, 2**INT32_BITS - 1, f"shifted input {index + 1}, int32"))
    # Each scaled input is at most half of its shifted form, because the common scale is twice the larger one.
    total = sum(_reach(graph, name) << params.left_shift for name in op.inputs) // 2 + 2
    largest = total << max(int(params.output_shift), 0)
    bounds.append(Bound(op.name, op.kind, 1, 0, largest, 2**INT32_BITS - 1, "sum, int32"))
    return bounds


def _mul_bounds(graph: Graph, op: Operator) -> list[Bound]:
    params = prepare_mul(graph, op)
    largest = (_reach(graph, op.inputs[0]) * _reach(graph, op.inputs[1])) << max(int(params.shift), 0)
    return [Bound(op.name, op.kind, 1, 0, largest, 2**INT32_BITS - 1, "product, int32")]


def _position_bounds(graph: Graph, op: Operator) -> list[Bound]:
    """The first and the last position that a table can be asked for, whatever the network is given."""
    table = prepare_gather(graph, op).table
    low, high = graph.tensors[op.inputs[1]].limits
    made = next((other for other in graph.operators if op.inputs[1] in other.outputs), None)
    if made is not None and made.kind == "QUANTIZE":
        params = prepare_quantize(graph, made)
        ends = np.array(graph.tensors[made.inputs[0]].limits, np.int64) - params.input_zero_point
        places = requantise_double(ends, params.multiplier_q31, params.shift) + params.output_zero_point
        low, high = (int(place) for place in np.clip(places, params.output_min, params.output_max))
    return [
        Bound(op.name, op.kind, 1, 0, high, table.size - 1, "last position in a table"),
        Bound(op.name, op.kind, 1, 0, -low, 0, "first position in a table"),
    ]


# By the name that the table of operators gives.
_PROOFS: dict[str, Callable[[Graph, Operator], list[Bound]]] = {
    "product": _product_bounds,
    "batch_matmul": _batch_matmul_bounds,
    "sum": _sum_bounds,
    "mul": _mul_bounds,
    "positions": _position_bounds,
}
