"""What rectifiers make: Clip, Max, Min, HardSigmoid, HardSwish.

max(a, b) = b + relu(a - b)          min(a, b) = a - relu(a - b)
"""

from __future__ import annotations

import numpy as np
import onnx

from .writing import Spelling, Writing


def _write_clip(w: Writing, node: onnx.NodeProto) -> None:
    value, out = node.input[0], node.output[0]
    low, high = (w.given(node, index) for index in (1, 2))
    low, high = (None if end is None or not np.isfinite(end).all() else end for end in (low, high))
    if low is None and high is None:
        w.add("Identity", [value], w.shape(value), out)
        return
    if low is not None:
        last = out if high is None else None
        value = w.unary("Relu", value, last) if np.all(low == 0) else w.add("Max", [value, w.number("low", low)], w.shape(value), last)  # fmt: skip
    if high is not None:
        w.add("Min", [value, w.number("high", high)], w.shape(value), out)


def _clip_check(w: Writing, node: onnx.NodeProto) -> str | None:
    variable = any(len(node.input) > i and node.input[i] and w.given(node, i) is None for i in (1, 2))
    return "its limits must be constants" if variable else None


def _write_two(w: Writing, node: onnx.NodeProto) -> None:
    """Max and Min of any number, one after the other; a constant comes second."""
    names = sorted(node.input, key=lambda name: w.constant(name) is not None)
    shape, value = w.shape(node.output[0]), names[0]
    if len(names) == 1:
        w.add("Identity", names, shape, node.output[0])
        return
    for index, other in enumerate(names[1:], 1):
        out = node.output[0] if index == len(names) - 1 else None
        above = w.unary("Relu", w.binary("Sub", value, other))
        value = w.binary("Add", above, other, out) if node.op_type == "Max" else w.binary("Sub", value, above, out)


def _write_hard_sigmoid(w: Writing, node: onnx.NodeProto) -> None:
    alpha, beta = w.attribute(node, "alpha", 0.2), w.attribute(node, "beta", 0.5)
    line = w.binary("Mul", node.input[0], w.number("alpha", alpha))
    line = w.binary("Add", line, w.number("beta", beta))
    w.add("Clip", [line, w.number("low", 0.0), w.number("high", 1.0)], w.shape(line), node.output[0])


def _write_hard_swish(w: Writing, node: onnx.NodeProto) -> None:
    gate = w.unary("HardSigmoid", node.input[0], alpha=1.0 / 6.0, beta=0.5)
    w.binary("Mul", node.input[0], gate, node.output[0])


def _slopes(w: Writing, node: onnx.NodeProto) -> np.ndarray | None:
    return w.given(node, 1)


def _write_thresholded_relu(w: Writing, node: onnx.NodeProto) -> None:
    """x above alpha, else 0: a step times x."""
    alpha = w.number("alpha", w.attribute(node, "alpha", 1.0))
    w.binary("Mul", node.input[0], w.add("Greater", [node.input[0], alpha], w.shape(node.input[0])), node.output[0])


SPELLINGS = {
    "Clip": Spelling(_write_clip, check=_clip_check),
    "Max": Spelling(_write_two),
    "Min": Spelling(_write_two),
    "HardSigmoid": Spelling(_write_hard_sigmoid),
    "HardSwish": Spelling(_write_hard_swish),
    "ThresholdedRelu": Spelling(_write_thresholded_relu),
}
