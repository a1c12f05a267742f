"""Add, Sub, Mul, Div and whole powers: operands aligned as ONNX does it, from the last axis on with the unit axes known.

A TRANSPOSE in front of one operand moves behind the result, where it may meet its inverse.
"""

from __future__ import annotations

import numpy as np
import onnx

from .axes import MOST_AXES, Aligned, Shape, aligned, canonical, without_front
from .context import Context, Lowering
from .folding import fold_bias, fold_into_convolution, multiplicand
from .prelu import lower_affine_prelu

_KINDS = {"Add": "ADD", "Sub": "SUB", "Mul": "MUL", "Div": "MUL"}


def check_binary(context: Context, node: onnx.NodeProto) -> str | None:
    shapes = [context.shape(name) for name in node.input]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return f"shapes {shapes[0]} and {shapes[1]} do not broadcast"
    extents = aligned(*shapes).result
    if len(extents) > MOST_AXES:
        return f"shapes {shapes[0]} and {shapes[1]} repeat each other's values along more than {MOST_AXES} axes in turn"
    return None


def check_div(context: Context, node: onnx.NodeProto) -> str | None:
    divisor = context.constant(node.input[1])
    if divisor is None:
        return "the divisor is not a constant"
    return "the divisor holds a zero" if np.any(np.asarray(divisor) == 0) else check_binary(context, node)


def lower_binary(context: Context, node: onnx.NodeProto) -> None:
    if node.op_type == "Add" and (fold_bias(context, node) or lower_affine_prelu(context, node)):
        return
    if fold_into_convolution(context, node):
        return
    shapes = aligned(context.shape(node.input[0]), context.shape(node.input[1]))
    if _before_transpose(context, node, shapes):
        return
    a, b = (_operand(context, node, index, shapes.operands[index]) for index in (0, 1))
    context.bind(node.output[0], context.graph.add(_KINDS[node.op_type], (a, b), node.output[0], shapes.result))


def _operand(context: Context, node: onnx.NodeProto, index: int, shape: Shape) -> str:
    """The tensor of an operand in the aligned shape; axes of one in front may be missing, as they broadcast."""
    name, out = node.input[index], node.output[0]
    data = multiplicand(context, node, index)
    if data is None:
        tensor = context.tensor(name)
        same = without_front(context.graph.tensors[tensor].shape) == without_front(shape)
        return tensor if same else context.reshaped(tensor, shape, f"{out}/operand{index}")
    fits = without_front(canonical(data.shape)) == without_front(shape)
    shape = canonical(data.shape) if fits else shape
    if node.op_type == "Div":
        return context.graph.add_constant(f"{out}/reciprocal", data.reshape(shape))
    return context.tensor(name) if fits else context.graph.add_constant(f"{name}/aligned", data.reshape(shape))


def _transpose_of(context: Context, value: str) -> tuple[str, list[int]] | None:
    """(tensor before, order) where a TRANSPOSE makes an activation, or None."""
    if context.constant(value) is not None:
        return None
    made = context.graph.producer(context.tensor(value))
    if made is None or made.kind != "TRANSPOSE" or made.region is not None:
        return None
    order = context.graph.tensors[made.inputs[1]].data
    assert order is not None
    return made.inputs[0], order.tolist()


def _before_transpose(context: Context, node: onnx.NodeProto, shapes: Aligned) -> bool:
    """Compute in the order of axes before the TRANSPOSE that makes one operand, if the other one is turned for free."""
    graph, out = context.graph, node.output[0]
    turned = [_transpose_of(context, name) for name in node.input]
    for leader in (0, 1):
        if turned[leader] is None or shapes.operands[leader] != shapes.result:
            continue
        before, order = turned[leader]  # type: ignore[misc]
        asaligned = graph.tensors[context.tensor(node.input[leader])].shape == shapes.result
        if not asaligned or not _read_here_alone(context, node, leader):
            continue
        back = [order.index(axis) for axis in range(len(order))]
        other = 1 - leader
        shape = tuple(shapes.operands[other][axis] for axis in back)
        data = multiplicand(context, node, other)
        if node.input[0] == node.input[1]:
            partner = before
        elif data is not None:
            values = data.reshape(shapes.operands[other]).transpose(back)
            partner = graph.add_constant(f"{node.input[other]}/turned", values)
        elif sum(n != 1 for n in shape) <= 1:
            partner = context.reshaped(context.tensor(node.input[other]), shape, f"{out}/operand{other}")
        elif turned[other] is not None and turned[other][1] == order and shapes.operands[other] == shapes.result:  # type: ignore[index]
            partner = turned[other][0]  # type: ignore[index]
        else:
            continue
        operands = (before, partner) if leader == 0 else (partner, before)
        inner = tuple(shapes.result[axis] for axis in back)
        made = graph.add(_KINDS[node.op_type], operands, f"{out}/turned", inner)
        context.bind(out, context.transposed(made, inner, order, out))
        return True
    return False


def _read_here_alone(context: Context, node: onnx.NodeProto, index: int) -> bool:
    name = node.input[index]
    return context.used_once(name) or (node.input[0] == node.input[1] and len(context.users(name)) == 1)


def whole_power(context: Context, node: onnx.NodeProto) -> int | None:
    """The exponent of a Pow that multiplications make: 1, 2 or 3, the same for all values; None for any other."""
    exponent = context.constant(node.input[1])
    if exponent is None or exponent.size == 0 or context.shape(node.output[0]) != context.shape(node.input[0]):
        return None
    return next((n for n in (1, 2, 3) if np.all(exponent == n)), None)


def lower_whole_power(context: Context, node: onnx.NodeProto) -> None:
    """x, x * x, or that times x."""
    (value, _), (out,) = node.input, node.output
    exponent = whole_power(context, node)
    if exponent == 1:
        context.bind(out, context.tensor(value))
    elif exponent == 2:
        lower_binary(context, onnx.helper.make_node("Mul", [value, value], [out]))
    else:
        x = context.tensor(value)
        shape = context.graph.tensors[x].shape
        square = context.graph.add("MUL", (x, x), f"{out}/square", shape)
        context.bind(out, context.graph.add("MUL", (square, x), out, shape))


LOWERINGS = {
    **{kind: Lowering(lower_binary, check_binary, any_axes=True) for kind in ("Add", "Sub", "Mul")},
    "Div": Lowering(lower_binary, check_div, any_axes=True),
}
