"""Matrices in all groupings, as what lowering knows: one constant matrix behind the rows, one for each group, or two activations.

constant @ x        = transpose(transpose(x) @ transpose(constant))
x @ constants       an Einsum with a letter for each axis that holds several matrices
Einsum of two activations   Transpose, Reshape, MatMul, Reshape, Transpose
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx

from .writing import Spelling, Writing

_LETTERS = "abcdefghijklmnop"


def _matmul_when(w: Writing, node: onnx.NodeProto) -> bool:
    left, right = (w.constant(name) for name in node.input)
    return left is not None or (right is not None and math.prod(right.shape[:-2]) != 1)


def _write_matmul(w: Writing, node: onnx.NodeProto) -> None:
    (a, b), out = node.input, node.output[0]
    left = w.constant(a)
    if left is None:
        _write_grouped(w, node)
        return
    if len(w.shape(b)) == 1:
        w.add("MatMul", [b, w.number("turned", np.swapaxes(left, -1, -2))], w.shape(out), out)
        return
    turned = w.number("turned", left if left.ndim == 1 else np.swapaxes(left, -1, -2))
    rank = len(w.shape(b))
    swapped = [*range(rank - 2), rank - 1, rank - 2]
    x = w.transposed(b, swapped)
    if left.ndim == 1:
        w.add("MatMul", [x, turned], w.shape(out), out)
        return
    shape = w.shape(out)
    product = w.add("MatMul", [x, turned], (*shape[:-2], shape[-1], shape[-2]))
    w.transposed(product, [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2], out)


def _write_grouped(w: Writing, node: onnx.NodeProto) -> None:
    """x (..., M, K) with constants (..., K, N): letters by axis; an axis of one in the constants has none."""
    (x, constant), out = node.input, node.output[0]
    weights, shape = w.constants[constant], w.shape(x)
    rank = max(len(shape), weights.ndim)
    shape = (1,) * (rank - len(shape)) + tuple(shape)
    extents = (1,) * (rank - weights.ndim) + weights.shape
    x_letters = [*_LETTERS[: rank - 2], "y", "z"]
    kept = [axis for axis in range(rank - 2) if extents[axis] != 1]
    # Where the activation has an axis of one it has no letter: every matrix sees the same rows.
    alone = [axis for axis in kept if shape[axis] == 1]
    x = w.reshaped(x, [n for axis, n in enumerate(shape) if axis not in alone])
    left = "".join(letter for axis, letter in enumerate(x_letters) if axis not in alone)
    right = "".join(x_letters[axis] for axis in kept) + "zx"
    data = w.number("matrices", np.asarray(weights).reshape(*(extents[axis] for axis in kept), *weights.shape[-2:]))
    result = "".join(x_letters[:-1]) + "x"
    sizes = [*np.broadcast_shapes(shape[:-2], extents[:-2]), shape[-2], weights.shape[-1]]
    product = w.add("Einsum", [x, data], sizes, equation=f"{left},{right}->{result}")
    w.reshaped(product, w.shape(out), out)


def _terms(w: Writing, node: onnx.NodeProto) -> tuple[list[str], str] | None:
    """The terms of an Einsum and its result; None where it does not name all axes, each once a term."""
    given, arrow, result = w.attribute(node, "equation", "").replace(" ", "").partition("->")
    terms = given.split(",")
    plain = all(len(set(term)) == len(term) and term.isalpha() for term in terms)
    return (terms, result) if arrow and plain and len(set(result)) == len(result) else None


def _einsum_when(w: Writing, node: onnx.NodeProto) -> bool:
    """Unless lowering takes it as it is: an activation with a constant, a sum over letters that both have."""
    found = _terms(w, node)
    if found is None or len(node.input) > 2:
        return False
    terms, result = found
    if len(terms) == 1:
        return True
    constants = sum(w.constant(name) is not None for name in node.input)
    summed = set(terms[0]) & set(terms[1]) - set(result)
    alone = set(terms[0]) ^ set(terms[1])
    return constants == 0 or not summed or bool(alone - set(result))


def _write_einsum(w: Writing, node: onnx.NodeProto) -> None:
    found, out = _terms(w, node), node.output[0]
    assert found is not None
    terms, result = found
    values = []
    for index, (value, term) in enumerate(zip(node.input, terms, strict=True)):
        others = "".join(terms[:index] + terms[index + 1 :]) + result
        gone = [axis for axis, letter in enumerate(term) if letter not in others]
        kept = "".join(letter for letter in term if letter in others)
        values.append((_summed(w, value, gone), kept))
    if len(values) == 1:
        (value, kept), *_ = values
        w.transposed(value, [kept.index(letter) for letter in result], out)
        return
    (a, left), (b, right) = values
    groups = [letter for letter in left if letter in right and letter in result]
    summed = [letter for letter in left if letter in right and letter not in result]
    rows = [letter for letter in left if letter not in right]
    columns = [letter for letter in right if letter not in left]
    if not summed:
        a, b = (_spread(w, value, term, result) for value, term in values)
        w.binary("Mul", a, b, out)
        return
    if any(w.constant(value) is not None for value in (a, b)):
        w.add("Einsum", [a, b], w.shape(out), out, equation=f"{left},{right}->{result}")
        return
    sizes = dict(zip(left, w.shape(a), strict=True)) | dict(zip(right, w.shape(b), strict=True))
    count = [math.prod(sizes[letter] for letter in part) for part in (groups, rows, summed, columns)]
    a = _in_order(w, a, left, [*groups, *rows, *summed], count[:3])
    b = _in_order(w, b, right, [*groups, *summed, *columns], [count[0], count[2], count[3]])
    product = w.add("MatMul", [a, b], (count[0], count[1], count[3]))
    made = [*groups, *rows, *columns]
    product = w.reshaped(product, [sizes[letter] for letter in made])
    w.transposed(product, [made.index(letter) for letter in result], out)


def _summed(w: Writing, value: str, axes: list[int]) -> str:
    if not axes:
        return value
    data = w.constant(value)
    return w.reduced("ReduceSum", value, axes, keep=False) if data is None else w.number("sum", data.sum(axis=tuple(axes)))  # fmt: skip


def _spread(w: Writing, value: str, term: str, result: str) -> str:
    """A value with its axes where the result has them, and axes of one where it has none."""
    order = [term.index(letter) for letter in result if letter in term]
    data = w.constant(value)
    shape = dict(zip(term, w.shape(value), strict=True))
    spread = [shape.get(letter, 1) for letter in result]
    if data is not None:
        return w.number("spread", np.transpose(data, order).reshape(spread))
    return w.reshaped(w.transposed(value, order), spread)


def _in_order(w: Writing, value: str, term: str, letters: list[str], sizes: list[int]) -> str:
    return w.reshaped(w.transposed(value, [term.index(letter) for letter in letters]), sizes)


def _gemm_when(w: Writing, node: onnx.NodeProto) -> bool:
    third = len(node.input) > 2 and node.input[2] and w.given(node, 2) is None
    return w.given(node, 1) is None or bool(third) or bool(w.attribute(node, "transA", 0))


def _write_gemm(w: Writing, node: onnx.NodeProto) -> None:
    a, b = node.input[:2]
    if w.attribute(node, "transA", 0):
        a = w.transposed(a, [1, 0]) if w.constant(a) is None else w.number("turned", w.constants[a].T)
    if w.attribute(node, "transB", 0):
        b = w.transposed(b, [1, 0]) if w.constant(b) is None else w.number("turned", w.constants[b].T)
    value = w.add("MatMul", [a, b], w.shape(node.output[0]))
    alpha, beta = w.attribute(node, "alpha", 1.0), w.attribute(node, "beta", 1.0)
    if alpha != 1.0:
        value = w.binary("Mul", value, w.number("alpha", alpha))
    if len(node.input) > 2 and node.input[2]:
        offset = node.input[2]
        if beta != 1.0:
            offset = w.binary("Mul", offset, w.number("beta", beta))
        value = w.binary("Add", value, offset)
    w.add("Identity", [value], w.shape(value), node.output[0])


def _transposed_conv_when(w: Writing, node: onnx.NodeProto) -> bool:
    """One row that becomes several, or rows that are spread, or cut off: other rows are lowered as they stand."""
    shape, kernel = w.shape(node.input[0]), w.given(node, 1)
    if kernel is None or kernel.ndim != 4:
        return False
    rows = kernel.shape[2]
    if shape[2] == 1:
        return bool(rows != 1)
    pads, below = w.attribute(node, "pads") or [0] * 4, _two(w, node, "output_padding", 0)
    cut = max(pads[0], pads[2] - below[0]) > rows - 1
    return bool(_two(w, node, "strides", 1)[0] != 1 or _two(w, node, "dilations", 1) != [1, 1] or cut)


def _write_transposed_conv(w: Writing, node: onnx.NodeProto) -> None:
    """A ConvTranspose over rows. One row: each row of the kernel is a set of channels. More: zeros between the rows, then a Conv."""
    if w.shape(node.input[0])[2] == 1:
        _write_one_row(w, node)
    else:
        _write_with_zeros(w, node)


def _two(w: Writing, node: onnx.NodeProto, name: str, default: int) -> list[int]:
    return [int(n) for n in w.attribute(node, name) or [default, default]]


def _write_one_row(w: Writing, node: onnx.NodeProto) -> None:
    kernel, groups = np.asarray(w.constants[node.input[1]]), w.attribute(node, "group", 1)
    inputs, outputs, height, width = kernel.shape
    pads = [int(n) for n in w.attribute(node, "pads") or [0] * 4]
    below = _two(w, node, "output_padding", 0)
    settings: dict[str, Any] = {"strides": [1, _two(w, node, "strides", 1)[1]], "pads": [0, pads[1], 0, pads[3]]}
    settings["output_padding"] = [0, below[1]]
    _, _, rows, columns = w.shape(node.output[0])
    wide = w.number("kernel", kernel.reshape(inputs, outputs * height, 1, width))
    made = w.add("ConvTranspose", [node.input[0], wide], (1, outputs * groups * height, 1, columns), group=groups, **settings)  # fmt: skip
    made = w.reshaped(made, (1, outputs * groups, height, columns))
    spacing = _two(w, node, "dilations", 1)[0]
    reach = (height - 1) * spacing + 1
    # Rows of the result that no row of the kernel meets are zero.
    places = [(row + pads[0]) for row in range(rows)]
    parts = []
    for place in places:
        row, rest = divmod(place, spacing)
        if place < reach and rest == 0:
            parts.append(_row(w, made, row))
        else:
            parts.append(w.number("zeros", np.zeros((1, outputs * groups, 1, columns))))
    value = parts[0] if len(parts) == 1 else w.add("Concat", parts, (1, outputs * groups, rows, columns), axis=2)
    _with_bias(w, node, value)


def _row(w: Writing, value: str, row: int) -> str:
    shape = w.shape(value)
    names = [w.number(label, np.array([n])) for label, n in (("starts", row), ("ends", row + 1), ("axes", 2))]
    return w.add("Slice", [value, *names], (*shape[:2], 1, shape[3]))


def _with_bias(w: Writing, node: onnx.NodeProto, value: str) -> None:
    if len(node.input) > 2 and node.input[2]:
        bias = w.number("bias", np.asarray(w.constants[node.input[2]]).reshape(1, -1, 1, 1))
        w.binary("Add", value, bias, node.output[0])
    else:
        w.add("Identity", [value], w.shape(value), node.output[0])


def _write_with_zeros(w: Writing, node: onnx.NodeProto) -> None:
    kernel, groups = np.asarray(w.constants[node.input[1]]), w.attribute(node, "group", 1)
    strides, dilations = _two(w, node, "strides", 1), _two(w, node, "dilations", 1)
    pads, below = [int(n) for n in w.attribute(node, "pads") or [0] * 4], _two(w, node, "output_padding", 0)
    value = node.input[0]
    for axis, stride in ((2, strides[0]), (3, strides[1])):
        shape = w.shape(value)
        if stride > 1:
            longer = w.reshaped(value, (*shape[: axis + 1], 1, *shape[axis + 1 :]))
            zeros = w.number("zeros", np.zeros((*shape[: axis + 1], stride - 1, *shape[axis + 1 :])))
            beside = (*shape[: axis + 1], stride, *shape[axis + 1 :])
            spread = w.add("Concat", [longer, zeros], beside, axis=axis + 1)
            value = w.reshaped(spread, (*shape[:axis], shape[axis] * stride, *shape[axis + 1 :]))
    # The last stride - 1 zeros stand for what output_padding adds.
    around = []
    for axis in (0, 1):
        reach = (kernel.shape[2 + axis] - 1) * dilations[axis]
        around.append((reach - pads[axis], reach - pads[2 + axis] + below[axis] - (strides[axis] - 1)))
    amounts = [0, 0, around[0][0], around[1][0], 0, 0, around[0][1], around[1][1]]
    padded = [n + b + a for n, b, a in zip(w.shape(value), amounts[:4], amounts[4:], strict=True)]
    value = w.add("Pad", [value, w.number("amounts", np.array(amounts))], padded)
    inputs, outputs = kernel.shape[:2]
    turned = kernel[:, :, ::-1, ::-1].reshape(groups, inputs // groups, outputs, *kernel.shape[2:])
    turned = turned.swapaxes(1, 2).reshape(groups * outputs, inputs // groups, *kernel.shape[2:])
    inputs_of = [value, w.number("kernel", turned), *list(node.input[2:3])]
    w.add("Conv", inputs_of, w.shape(node.output[0]), node.output[0], group=groups, dilations=dilations)


def _transposed_conv_check(w: Writing, node: onnx.NodeProto) -> str | None:
    if w.attribute(node, "auto_pad", "NOTSET") not in ("NOTSET", "VALID") or w.attribute(node, "output_shape"):
        return "auto_pad and output_shape are not supported; write the pads out"
    if len(node.input) > 2 and node.input[2] and w.given(node, 2) is None:
        return "the bias must be a constant"
    return None


SPELLINGS = {
    "MatMul": Spelling(_write_matmul, _matmul_when),
    "Einsum": Spelling(_write_einsum, _einsum_when),
    "Gemm": Spelling(_write_gemm, _gemm_when),
    "ConvTranspose": Spelling(_write_transposed_conv, _transposed_conv_when, _transposed_conv_check),
}
