"""ONNX GRU, one step of a frame: a region of TFLite operators.

    r = sigmoid(W_r x + b + R_r h + b')     z alike     n = tanh(W_n x + b + r * (R_n h + b'))
    h' = n + z * (h - n)

Source: the ONNX operator GRU with linear_before_reset = 1, which is torch's definition. Every format inside is a power
of two in int16, so that old and new TFLM releases and a fused kernel compute the same bits.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from ..float_graph import Hint
from ..graph import Region
from ..regions.compositions import GRU_CELLS
from .axes import canonical
from .context import Context
from .elementwise import SIGMOID, TANH

_ONNX_GATES = "zrn"
STATE = Hint(fixed={"int8": (2.0**-7, 0), "int16": (2.0**-15, 0)})
DIFFERENCE = Hint(fixed={"int8": (2.0**-6, 0), "int16": (2.0**-14, 0)})
# A z of 1 - 3e-4, where the sigmoid of 8 stands, would let a state leak away in 10 s: the gates need +-16.
SUM_OF_GATE = Hint(fixed={"int16": (2.0**-11, 0)}, limit=8.0)
SUM_OF_CANDIDATE = Hint(fixed={"int16": (2.0**-12, 0)}, limit=4.0)
# Terms of opposite sign may cancel, so they reach further than the sum needs.
TERM = Hint(limit=32.0, power_of_two=True)

_HINTS = {
    **dict.fromkeys(("xr", "xz", "xn", "hr", "hz", "hn"), TERM),
    "ar": SUM_OF_GATE,
    "r": SIGMOID,
    "az": SUM_OF_GATE,
    "z": SIGMOID,
    "rhn": Hint(like="hn"),
    "an": SUM_OF_CANDIDATE,
    "n": TANH,
    "d": DIFFERENCE,
    "zd": DIFFERENCE,
    "h_out": STATE,
}
# The operators of a cell, by the role of the result: kind, roles of the operands, hint (whose `like` is a role).
CELL: dict[str, tuple[str, tuple[str, ...], Hint]] = {
    role: (kind, operands, _HINTS[role]) for role, (kind, operands) in GRU_CELLS["int16"].items()
}


def gates(array: np.ndarray) -> dict[str, np.ndarray]:
    """Split the leading axis (3H) into ONNX's gates z, r, n."""
    return dict(zip(_ONNX_GATES, np.split(array, 3), strict=True))


def stacked_bias(context: Context, node: onnx.NodeProto, directions: int, size: int) -> np.ndarray:
    """The bias (directions, 6H): of the input, then of the recurrence; zeros where there is none."""
    given = len(node.input) > 3 and node.input[3]
    return np.asarray(context.array(node.input[3]), np.float64) if given else np.zeros((directions, 6 * size))


def lower_gru(context: Context, node: onnx.NodeProto) -> None:
    """One step of R independent rows that share the weights: x (R, I), h (R, H)."""
    graph, name = context.graph, context.numbered("gru")
    w, r = (np.asarray(context.array(value), np.float64)[0] for value in node.input[1:3])
    size, rows = r.shape[1], context.shape(node.input[0])[1]
    (bias,) = stacked_bias(context, node, 1, size)
    value, factor = context.linear_operand(node.input[0])
    x = context.reshaped(value, (rows, w.shape[1]), f"{name}/x")
    h = context.reshaped(context.tensor(node.input[5]), (rows, size), f"{name}/h")
    roles = {"x": x, "h": h}
    matrices = {"x": (w * factor, bias[: 3 * size]), "h": (r, bias[3 * size :])}
    for role, (kind, operands, hint) in CELL.items():
        inputs = tuple(roles[operand] for operand in operands)
        if kind == "FULLY_CONNECTED":
            matrix, vector = (gates(array)[role[1]] for array in matrices[role[0]])
            weights = graph.add_constant(f"{name}/{role}/weights", matrix)
            inputs = (*inputs, weights, graph.add_constant(f"{name}/{role}/bias", vector))
        if hint.like:
            hint = replace(hint, like=roles[hint.like])
        options = {} if kind in ("LOGISTIC", "TANH") else {"fused_activation_function": "NONE"}
        roles[role] = graph.add(kind, inputs, f"{name}/{role}", (rows, size), options=options, region=name, hint=hint)
    graph.regions.append(Region(name, "gru", roles))
    for output in node.output:
        if output:
            shape = canonical(context.shape(output))
            context.bind(output, context.reshaped(roles["h_out"], shape, f"{name}/{output}"))
