"""Einsum of an activation with a constant: a product of weights, in groups where both have a letter that the result keeps.

An example. `btgi,gih->btgh` cuts the 512 values of a frame into 16 groups of 32 (g, i) and gives each its own matrix (i, h): a CONV_2D
of one position with 16 groups. Without a letter like g it is a FULLY_CONNECTED.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from .axes import canonical
from .context import Context, Lowering


@dataclass(frozen=True)
class _Letters:
    """The axes of an Einsum by what becomes of them; `activation` says which operand is none of the constants.

    `rows`: of the activation alone; `groups`: of both, kept; `inputs`: of both, summed over; `outputs`: of the constant alone.
    """

    activation: int
    x: str
    weights: str
    result: str
    rows: str
    groups: str
    inputs: str
    outputs: str


def _letters(context: Context, node: onnx.NodeProto) -> _Letters | str:
    """The letters of the equation, or in a few words why it is none of these products."""
    constants = [context.constant(name) is not None for name in node.input]
    if len(node.input) != 2 or sum(constants) != 1:
        return "only one activation with one constant is supported"
    given, arrow, result = str(context.attribute(node, "equation", "")).replace(" ", "").partition("->")
    terms = given.split(",")
    if not arrow or len(terms) != 2 or "." in given:
        return "its equation must name all axes, such as btgi,gih->btgh"
    activation = constants.index(False)
    x, weights = terms[activation], terms[1 - activation]
    if any(len(set(term)) != len(term) for term in (x, weights, result)) or set(result) - set(x + weights):
        return "a letter stands twice in one term of its equation"
    rows = "".join(letter for letter in x if letter not in weights)
    groups = "".join(letter for letter in x if letter in weights and letter in result)
    inputs = "".join(letter for letter in x if letter in weights and letter not in result)
    outputs = "".join(letter for letter in weights if letter not in x)
    if set(rows + outputs) - set(result):
        return "it sums over an axis of one operand alone; use ReduceSum of the weights instead"
    return _Letters(activation, x, weights, result, rows, groups, inputs, outputs)


def check_einsum(context: Context, node: onnx.NodeProto) -> str | None:
    letters = _letters(context, node)
    if isinstance(letters, str):
        return letters
    if not letters.inputs:
        return "nothing is summed over; use Mul"
    return None


def lower_einsum(context: Context, node: onnx.NodeProto) -> None:
    letters = _letters(context, node)
    assert isinstance(letters, _Letters)
    graph, out = context.graph, node.output[0]
    value, constant = node.input[letters.activation], context.array(node.input[1 - letters.activation])
    size = dict(zip(letters.x, context.shape(value), strict=True)) | dict(
        zip(letters.weights, constant.shape, strict=True)
    )
    rows, groups, inputs, outputs = (
        math.prod(size[letter] for letter in part)
        for part in (letters.rows, letters.groups, letters.inputs, letters.outputs)
    )
    x, factor = context.linear_operand(value)
    order = _order(letters.x, letters.rows + letters.groups + letters.inputs)
    x = context.transposed(x, context.shape(value), order, f"{out}/x")
    turned = np.transpose(
        np.asarray(constant, np.float64), _order(letters.weights, letters.groups + letters.outputs + letters.inputs)
    )
    kernel = turned.reshape(groups * outputs, inputs) * factor
    if groups == 1:
        made = _fully_connected(context, x, kernel, rows, out)
    else:
        made = _grouped(context, x, kernel, rows, groups, out)
    made_letters = letters.rows + letters.groups + letters.outputs
    shape = tuple(size[letter] for letter in made_letters)
    made = context.reshaped(made, canonical(shape), f"{out}/product")
    context.bind(out, context.transposed(made, shape, _order(made_letters, letters.result), out))
    assert graph.tensors[context.bound[out]].shape == canonical(context.shape(out))


def _order(have: str, want: Sequence[str]) -> list[int]:
    return [have.index(letter) for letter in want]


def _constants(context: Context, kernel: np.ndarray, bias: np.ndarray, out: str) -> tuple[str, str]:
    graph = context.graph
    return graph.add_constant(f"{out}/weights", kernel), graph.add_constant(f"{out}/bias", bias)


def _fully_connected(context: Context, x: str, kernel: np.ndarray, rows: int, out: str) -> str:
    x = context.reshaped(x, (rows, kernel.shape[1]), f"{out}/rows")
    constants = _constants(context, kernel, np.zeros(len(kernel)), out)
    return context.graph.add("FULLY_CONNECTED", (x, *constants), f"{out}/made", (rows, len(kernel)))


def _grouped(context: Context, x: str, kernel: np.ndarray, rows: int, groups: int, out: str) -> str:
    """Each row is a position, the groups stand beside each other as channels."""
    x = context.reshaped(x, (1, 1, rows, groups * kernel.shape[1]), f"{out}/positions")
    constants = _constants(context, kernel[:, None, None, :], np.zeros(len(kernel)), out)
    options: dict[str, object] = {
        "padding": "VALID",
        "stride_h": 1,
        "stride_w": 1,
        "dilation_h_factor": 1,
        "dilation_w_factor": 1,
        "fused_activation_function": "NONE",
    }
    shape = (1, 1, rows, len(kernel))
    return context.graph.add("CONV_2D", (x, *constants), f"{out}/made", shape, options=options)


LOWERINGS = {"Einsum": Lowering(lower_einsum, check_einsum, any_axes=True)}
