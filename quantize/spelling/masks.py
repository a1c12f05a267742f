"""Comparisons and choices: a mask is a value of one or zero.

where(mask, a, b) = b + mask * (a - b)
"""

from __future__ import annotations

import numpy as np
import onnx

from .writing import Spelling, Writing


def _write_comparison(w: Writing, node: onnx.NodeProto) -> None:
    """A step of the difference; at equality, which integers meet by chance, Greater and Less are zero and the others one."""
    a, b = node.input
    if node.op_type in ("Less", "GreaterOrEqual"):
        a, b = b, a
    difference = w.binary("Sub", a, b)
    if node.op_type in ("Greater", "Less"):
        w.unary("Step", difference, node.output[0])
    else:
        w.add("Not", [w.unary("Step", difference)], w.shape(difference), node.output[0])


def _write_not(w: Writing, node: onnx.NodeProto) -> None:
    w.binary("Sub", w.number("one", 1.0), node.input[0], node.output[0])


def _write_and(w: Writing, node: onnx.NodeProto) -> None:
    a, b = node.input
    w.binary("Mul", a, b, node.output[0])


def _write_or(w: Writing, node: onnx.NodeProto) -> None:
    a, b = node.input
    w.add("Max", [a, b], w.shape(node.output[0]), node.output[0])


def _write_cast(w: Writing, node: onnx.NodeProto) -> None:
    w.add("Identity", node.input, w.shape(node.input[0]), node.output[0])


def _cast_check(w: Writing, node: onnx.NodeProto) -> str | None:
    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.BOOL)
    return None if w.attribute(node, "to") in floats else "values that depend on an input can only be cast to float32"


def _write_where(w: Writing, node: onnx.NodeProto) -> None:
    mask, a, b = node.input
    known = w.constant(mask)
    if known is not None:
        mask = w.number("mask", np.asarray(known, np.float64))
    chosen = w.binary("Mul", w.binary("Sub", a, b) if a != b else a, mask)
    w.binary("Add", chosen, b, node.output[0])


def _where_check(w: Writing, node: onnx.NodeProto) -> str | None:
    ends = [w.constant(name) for name in node.input[1:]]
    if any(end is not None and not np.isfinite(end).all() for end in ends):
        return "it chooses infinite values; use a large number"
    return None


SPELLINGS = {
    **{kind: Spelling(_write_comparison) for kind in ("Greater", "GreaterOrEqual", "Less", "LessOrEqual")},
    "Not": Spelling(_write_not),
    "And": Spelling(_write_and),
    "Or": Spelling(_write_or),
    "Cast": Spelling(_write_cast, check=_cast_check),
    "Where": Spelling(_write_where, check=_where_check),
}
