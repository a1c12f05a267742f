"""ONNX GRU: one step of a frame (`gru.py`), or both directions over the positions of a frame (`gru_sequence.py`)."""

from __future__ import annotations

import onnx

from .context import Context, Lowering
from .gru import check_gru, lower_gru
from .gru_sequence import check_gru_sequence, lower_gru_sequence


def _over_positions(context: Context, node: onnx.NodeProto) -> bool:
    return bool(context.attribute(node, "direction", "forward") == "bidirectional")


def check(context: Context, node: onnx.NodeProto) -> str | None:
    if not context.attribute(node, "linear_before_reset", 0):
        return "linear_before_reset must be 1 (torch's GRU)"
    if context.attribute(node, "clip") is not None or context.attribute(node, "layout", 0):
        return "clip and layout=1 are not supported"
    activations = [a.decode() if isinstance(a, bytes) else a for a in context.attribute(node, "activations", [])]
    if set(zip(activations[::2], activations[1::2], strict=False)) - {("Sigmoid", "Tanh")}:
        return f"activations {activations} are not supported"
    if len(node.input) > 4 and node.input[4]:
        return "sequence_lens is not supported"
    if any(context.constant(name) is None for name in node.input[1:3]):
        return "weights must be constants"
    return (check_gru_sequence if _over_positions(context, node) else check_gru)(context, node)


def lower(context: Context, node: onnx.NodeProto) -> None:
    (lower_gru_sequence if _over_positions(context, node) else lower_gru)(context, node)


LOWERINGS = {"GRU": Lowering(lower, check)}
