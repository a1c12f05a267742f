"""On which builds of TFLite Micro a graph runs, and with the same bits: what was measured, and only that.

Each build says what it was measured with. Its rules are of single operators:

- TFLite Micro of August 2026 forms some multipliers in float32 that the pinned wheel forms in float64. Both are computed
  here; where they round to the same integers, the kernels behind them are the same.
- CMSIS-NN takes the place of some kernels. It has no FULLY_CONNECTED per channel with int16 activations, which TFLite Micro
  refuses, and no CONV_2D in groups there, which TFLite Micro does not refuse: its output is garbage.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .arithmetic import quantize_multiplier, reduced_multiplier_q15
from .graph import Graph, Operator

# The wheel whose bits all integer engines have; pyproject.toml pins it.
ORACLE = "tflite-micro==0.dev20261023182759"
WHEEL = f"{ORACLE.replace('==', ' ')}, x86-64"
AUGUST = "TFLite Micro of 2026-08-20 (90b983c)"
CMSIS_NN = f"{AUGUST}, CMSIS-NN of 2026-06-17 (4ab83cc), emulated Cortex-M7"

_BOTH = ("int8", "int16")
# The operators that were held to the numpy kernels on both builds of August 2026, by the dtype of their output: each
# operator of GTCRN and of the GRU mask on the device's own operands, all values of four frames.
MEASURED: dict[str, tuple[str, ...]] = {
    "FULLY_CONNECTED": _BOTH,
    "CONV_2D": _BOTH,
    "DEPTHWISE_CONV_2D": _BOTH,
    "BATCH_MATMUL": ("int16",),
    "ADD": _BOTH,
    "SUB": _BOTH,
    "MUL": _BOTH,
    "LOGISTIC": _BOTH,
    "TANH": _BOTH,
    "RELU": ("int16",),
    "LEAKY_RELU": _BOTH,
    "QUANTIZE": _BOTH,
    "CONCATENATION": _BOTH,
    "PAD": _BOTH,
    "RESHAPE": _BOTH,
    "SPLIT": _BOTH,
    "STRIDED_SLICE": _BOTH,
    "TRANSPOSE": _BOTH,
}


@dataclass(frozen=True)
class Build:
    """A build of TFLite Micro: whether it runs the graph, and with the bits of the wheel; None where that was not measured."""

    name: str
    measured_with: str
    runs: bool | None
    same_bits: bool | None
    reason: str = ""


def tflm_builds(graph: Graph) -> list[Build]:
    """The verdict for each build that was measured."""
    single = _named(graph, lambda op: _single_precision_differs(graph, op))
    reasons = [f"forms multipliers in float32, which rounds others: {single}"] if single else []
    unmeasured = sorted({f"{op.kind} {_dtype(graph, op)}" for op in graph.operators if not _measured(graph, op)})
    if unmeasured:
        reasons.append(f"not measured: {', '.join(unmeasured)}")
    same = False if single else None if unmeasured else True
    return [
        Build("reference kernels of the pinned wheel", WHEEL, True, True),
        Build("reference kernels of August 2026", AUGUST, None if unmeasured else True, same, "; ".join(reasons)),
        _cmsis_nn(graph, same, bool(unmeasured), reasons),
    ]


def _cmsis_nn(graph: Graph, same: bool | None, unmeasured: bool, reasons: list[str]) -> Build:
    refused = _named(graph, lambda op: _is_per_channel_16x8(graph, op))
    if refused:
        reason = (
            f"refuses FULLY_CONNECTED per channel with int16 activations ({refused}); the recipe w8a16_cmsis_nn "
            '(weights.form = "conv_2d") keeps the bits, w8a16_tensor_cmsis_nn (weights.granularity = "tensor") is faster and coarser'
        )
        return Build("CMSIS-NN kernels", CMSIS_NN, False, False, reason)
    garbage = _named(graph, lambda op: _is_grouped_16x8(graph, op))
    if garbage:
        reason = f"CONV_2D in groups with int16 activations gives garbage, and is not refused ({garbage})"
        return Build("CMSIS-NN kernels", CMSIS_NN, True, False, "; ".join([reason, *reasons]))
    return Build("CMSIS-NN kernels", CMSIS_NN, None if unmeasured else True, same, "; ".join(reasons))


def _dtype(graph: Graph, op: Operator) -> str:
    return graph.tensors[op.outputs[0]].dtype


def _measured(graph: Graph, op: Operator) -> bool:
    return _dtype(graph, op) in MEASURED.get(op.kind, ())


def _is_per_channel_16x8(graph: Graph, op: Operator) -> bool:
    if op.kind != "FULLY_CONNECTED":
        return False
    scale = graph.tensors[op.inputs[1]].scale
    return graph.tensors[op.inputs[0]].dtype == "int16" and scale is not None and scale.size > 1


def _is_grouped_16x8(graph: Graph, op: Operator) -> bool:
    if op.kind != "CONV_2D":
        return False
    x, weights = (graph.tensors[name] for name in op.inputs[:2])
    return x.dtype == "int16" and weights.shape[3] != x.shape[3]


def _single_precision_differs(graph: Graph, op: Operator) -> bool:
    """Whether a multiplier of August 2026 is another than the wheel's: float32 products and quotients against float64."""
    if op.kind not in _REAL_MULTIPLIERS:
        return False
    double, single = (_REAL_MULTIPLIERS[op.kind](graph, op, kind) for kind in (np.float64, np.float32))
    pairs = [tuple(quantize_multiplier(float(value)) for value in values) for values in (double, single)]
    if op.kind == "FULLY_CONNECTED" and _dtype(graph, op) == "int16":
        pairs = [tuple((int(reduced_multiplier_q15(m)), shift) for m, shift in values) for values in pairs]
    return pairs[0] != pairs[1]


_Float = type[np.float32] | type[np.float64]


def _scales(graph: Graph, op: Operator, kind: _Float) -> list[np.floating]:
    """The scales of the operands and the output, as they enter the arithmetic."""
    found = [graph.tensors[name].scale for name in (*op.inputs[:2], op.outputs[0])]
    return [kind(np.float32(np.ravel(scale)[0])) for scale in found if scale is not None]


def _of_sub(graph: Graph, op: Operator, kind: _Float) -> list[np.floating]:
    """`CalculateOpDataSub`."""
    a, b, y = _scales(graph, op, kind)
    twice = kind(2) * max(a, b)
    left_shift = 20 if _dtype(graph, op) == "int8" else 15
    return [a / twice, b / twice, twice / (kind(2**left_shift) * y)]


def _of_leaky_relu(graph: Graph, op: Operator, kind: _Float) -> list[np.floating]:
    """`CalculateOpDataLeakyRelu`."""
    x, y = _scales(graph, op, kind)
    return [x * kind(np.float32(op.options["alpha"])) / y, x / y]


def _of_one_operand(graph: Graph, op: Operator, kind: _Float) -> list[np.floating]:
    """`CalculateReluOpData`, and `PrepareAbsRsqrt` of ABS."""
    x, y = _scales(graph, op, kind)
    return [x / y]


def _of_fully_connected(graph: Graph, op: Operator, kind: _Float) -> list[np.floating]:
    """`GetQuantizedConvolutionMultipler`: the product of both scales in float32, where one scale holds for all rows."""
    weights = graph.tensors[op.inputs[1]].scale
    if weights is None or weights.size > 1:
        return []
    x, w, y = _scales(graph, op, kind)
    return [np.float64(x * w) / np.float64(y)]


_REAL_MULTIPLIERS: dict[str, Callable[[Graph, Operator, _Float], list[np.floating]]] = {
    "SUB": _of_sub,
    "LEAKY_RELU": _of_leaky_relu,
    "RELU": _of_one_operand,
    "ABS": _of_one_operand,
    "FULLY_CONNECTED": _of_fully_connected,
}


def _named(graph: Graph, holds: Callable[[Operator], bool]) -> str:
    """The operators that something holds for, by kind and name; empty where it holds for none."""
    names = [f"{op.kind} {op.name}" for op in graph.operators if holds(op)]
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
