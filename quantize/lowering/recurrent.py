"""GRU, LSTM and RNN: a GRU as a region, one step of a frame (`gru.py`) or both directions over the positions of a frame
(`gru_sequence.py`); all others as cells of operators (`cells.py`).
"""

from __future__ import annotations

import onnx

from .cells import ACTIVATIONS, activations, check_cells, lower_cells
from .context import Context, Lowering
from .gru import lower_gru
from .gru_sequence import check_gru_sequence, lower_gru_sequence


def _is_step(context: Context, node: onnx.NodeProto) -> bool:
    """Whether a GRU is one step of a frame, in the form that is a region."""
    after = bool(context.attribute(node, "linear_before_reset", 0))
    return after and context.attribute(node, "direction", "forward") in ("forward", b"forward")


def _is_sequence(context: Context, node: onnx.NodeProto) -> bool:
    """Whether a GRU is the region over the positions of a frame."""
    both = context.attribute(node, "direction", "forward") in ("bidirectional", b"bidirectional")
    return both and bool(context.attribute(node, "linear_before_reset", 0)) and not check_gru_sequence(context, node)


def check(context: Context, node: onnx.NodeProto) -> str | None:
    if context.attribute(node, "clip") is not None or context.attribute(node, "layout", 0):
        return "clip and layout=1 are not supported"
    given = activations(context, node)
    if given - ACTIVATIONS[node.op_type] or len(given) > 1:
        return f"activations {sorted(given)} are not supported"
    if len(node.input) > 4 and node.input[4]:
        return "sequence_lens is not supported"
    if any(name and context.constant(name) is None for name in node.input[1:4]):
        return "weights must be constants"
    return check_cells(context, node)


def lower_any_gru(context: Context, node: onnx.NodeProto) -> None:
    if _is_sequence(context, node):
        lower_gru_sequence(context, node)
    elif _is_step(context, node):
        lower_gru(context, node)
    else:
        lower_cells(context, node)


LOWERINGS = {"GRU": Lowering(lower_any_gru, check), **dict.fromkeys(("LSTM", "RNN"), Lowering(lower_cells, check))}
