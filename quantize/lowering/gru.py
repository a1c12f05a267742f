"""ONNX GRU, one step: a region of TFLite operators.

    r = sigmoid(W_r x + b + R_r h + b')     z alike     n = tanh(W_n x + b + r * (R_n h + b'))
    h' = n + z * (h - n)

Source: the ONNX operator GRU with linear_before_reset = 1, which is torch's definition. Every format inside is a power
of two in int16, so that old and new TFLM releases and a fused kernel compute the same bits.
"""

from __future__ import annotations

import numpy as np
import onnx

from ..float_graph import Hint
from ..graph import Region
from .context import Context, Lowering, canonical
from .elementwise import SIGMOID, TANH

_ONNX_GATES = "zrn"
_STATE = Hint(fixed={"int8": (2.0**-7, 0), "int16": (2.0**-15, 0)})
_DIFFERENCE = Hint(fixed={"int8": (2.0**-6, 0), "int16": (2.0**-14, 0)})
# A z of 1 - 3e-4, where the sigmoid of 8 stands, would let a state leak away in 10 s: the gates need +-16.
_SUM_OF_GATE = Hint(fixed={"int16": (2.0**-11, 0)}, limit=8.0)
_SUM_OF_CANDIDATE = Hint(fixed={"int16": (2.0**-12, 0)}, limit=4.0)
# Terms of opposite sign may cancel, so they reach further than the sum needs.
_TERM = Hint(limit=32.0, power_of_two=True)


def check_gru(context: Context, node: onnx.NodeProto) -> str | None:
    if context.attribute(node, "direction", "forward") != "forward":
        return "only direction=forward is supported"
    if not context.attribute(node, "linear_before_reset", 0):
        return "linear_before_reset must be 1 (torch's GRU)"
    if context.attribute(node, "clip") is not None or context.attribute(node, "layout", 0):
        return "clip and layout=1 are not supported"
    activations = [a.decode() if isinstance(a, bytes) else a for a in context.attribute(node, "activations", [])]
    if activations not in ([], ["Sigmoid", "Tanh"]):
        return f"activations {activations} are not supported"
    if len(node.input) > 4 and node.input[4]:
        return "sequence_lens is not supported"
    if context.shape(node.input[0])[:2] != (1, 1):
        return f"the input {context.shape(node.input[0])} is not one frame of one utterance (1, 1, features)"
    if len(node.input) < 6 or not node.input[5]:
        return "initial_h is missing: the hidden state must be an input of the model"
    weights = [context.constant(name) for name in node.input[1:3]]
    return "weights must be constants" if any(w is None for w in weights) else None


def _gates(array: np.ndarray) -> dict[str, np.ndarray]:
    """Split the leading axis (3H) into ONNX's gates z, r, n."""
    return dict(zip(_ONNX_GATES, np.split(array, 3), strict=True))


def lower_gru(context: Context, node: onnx.NodeProto) -> None:
    graph, name = context.graph, context.numbered("gru")
    w, r = (np.asarray(context.array(value), np.float64)[0] for value in node.input[1:3])
    size = r.shape[1]
    bias = (
        np.asarray(context.array(node.input[3]), np.float64)[0]
        if len(node.input) > 3 and node.input[3]
        else np.zeros(6 * size)
    )
    x = context.reshaped(context.tensor(node.input[0]), (1, w.shape[1]), f"{name}/x")
    h = context.reshaped(context.tensor(node.input[5]), (1, size), f"{name}/h")
    roles = {"x": x, "h": h}

    def add(kind: str, role: str, inputs: tuple[str, ...], hint: Hint) -> None:
        operands = tuple(roles.get(value, value) for value in inputs)
        options = {} if kind in ("LOGISTIC", "TANH") else {"fused_activation_function": "NONE"}
        roles[role] = graph.add(kind, operands, f"{name}/{role}", (1, size), options=options, region=name, hint=hint)

    for source, matrix, vector in (("x", w, bias[: 3 * size]), ("h", r, bias[3 * size :])):
        rows, offsets = _gates(matrix), _gates(vector)
        for gate in "rzn":
            weights = graph.add_constant(f"{name}/{source}{gate}/weights", rows[gate])
            offset = graph.add_constant(f"{name}/{source}{gate}/bias", offsets[gate])
            add("FULLY_CONNECTED", f"{source}{gate}", (source, weights, offset), _TERM)
    add("ADD", "ar", ("xr", "hr"), _SUM_OF_GATE)
    add("LOGISTIC", "r", ("ar",), SIGMOID)
    add("ADD", "az", ("xz", "hz"), _SUM_OF_GATE)
    add("LOGISTIC", "z", ("az",), SIGMOID)
    add("MUL", "rhn", ("r", "hn"), Hint(like=roles["hn"]))
    add("ADD", "an", ("xn", "rhn"), _SUM_OF_CANDIDATE)
    add("TANH", "n", ("an",), TANH)
    add("SUB", "d", ("h", "n"), _DIFFERENCE)
    add("MUL", "zd", ("z", "d"), _DIFFERENCE)
    add("ADD", "h_out", ("n", "zd"), _STATE)
    graph.regions.append(Region(name, "gru", roles))
    for value in node.output:
        if value:
            label = f"{name}/{value}"
            context.bind(value, context.reshaped(roles["h_out"], canonical(context.shape(value)), label))


LOWERINGS = {"GRU": Lowering(lower_gru, check_gru)}
