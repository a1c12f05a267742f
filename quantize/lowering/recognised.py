"""Nodes that together are one operator, written apart: they become that operator before any lowering sees them.

PRelu               Where(x > 0, x, a * x)
LayerNormalization  c = x - mean(x), c / sqrt(mean(c^2) + eps), and a constant factor and offset behind it
ConvTranspose       zeros put in front of it, and rows cut off behind it, along an axis on which it moves by one
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
from onnx import helper

from ..onnx_reader import StreamingOnnx
from ..onnx_reader.wiring import attribute
from .broadcast import whole_power
from .context import Context
from .energy import reduced_axes

# The nodes that go, the node that comes in the place of the last of them, and constants that it needs.
Found = tuple[list[onnx.NodeProto], onnx.NodeProto, dict[str, np.ndarray]]


def recognised(context: Context) -> StreamingOnnx:
    """The model with every such group of nodes as one node."""
    for find in (_transposed, _prelu, _layer_norm):
        context = replace(context, source=_replaced(context, find))
    return context.source


def _replaced(context: Context, find: Callable[[Context, onnx.NodeProto], Found | None]) -> StreamingOnnx:
    source = context.source
    constants, shapes = dict(source.constants), dict(source.shapes)
    gone: dict[int, onnx.NodeProto | None] = {}
    for node in source.nodes:
        found = find(context, node)
        if found is None:
            continue
        group, made, needed = found
        gone.update({id(one): None for one in group[:-1]})
        gone[id(group[-1])] = made
        constants |= needed
        shapes |= {name: value.shape for name, value in needed.items()}
    if not gone:
        return source
    nodes = [gone.get(id(node), node) for node in source.nodes]
    return replace(source, nodes=tuple(n for n in nodes if n is not None), constants=constants, shapes=shapes)


def _maker(context: Context, value: str, kind: str) -> onnx.NodeProto | None:
    """The node that makes a value, where it is of that kind."""
    made = next((node for node in context.source.nodes if value in node.output), None)
    return made if made is not None and made.op_type == kind else None


def _only_user(context: Context, value: str) -> onnx.NodeProto | None:
    """The node that alone reads a value, once."""
    return context.users(value)[0] if context.used_once(value) else None


def _beside(context: Context, node: onnx.NodeProto, value: str) -> np.ndarray | None:
    """The constant operand of a node of two operands, of which the other one is `value`."""
    others = [name for name in node.input if name != value]
    return context.constant(others[0]) if len(node.input) == 2 and len(others) == 1 else None


def _prelu(context: Context, node: onnx.NodeProto) -> Found | None:
    """Where(Greater(x, 0), x, Mul(x, a))."""
    if node.op_type != "Where":
        return None
    condition, x, scaled = node.input
    greater = _maker(context, condition, "Greater") or _maker(context, condition, "GreaterOrEqual")
    product = _maker(context, scaled, "Mul")
    if greater is None or product is None or x not in product.input or greater.input[0] != x:
        return None
    threshold, slope = context.constant(greater.input[1]), _beside(context, product, x)
    if threshold is None or np.any(threshold != 0) or slope is None:
        return None
    if not (context.used_once(condition) and context.used_once(scaled)):
        return None
    if context.shape(node.output[0]) != context.shape(x) or slope.ndim > len(context.shape(x)):
        return None
    slopes = next(name for name in product.input if name != x)
    made = helper.make_node("PRelu", [x, slopes], list(node.output), name=node.name)
    return [greater, product, node], made, {}


def _layer_norm(context: Context, node: onnx.NodeProto) -> Found | None:
    """From the Div back to the first mean, and on to a factor and an offset."""
    if node.op_type != "Div" or context.constant(node.input[1]) is not None:
        return None
    root = _maker(context, node.input[1], "Sqrt")
    added = None if root is None else _maker(context, root.input[0], "Add")
    centred = _maker(context, node.input[0], "Sub")
    if root is None or added is None or centred is None:
        return None
    variance = next((name for name in added.input if context.constant(name) is None), "")
    epsilon = _beside(context, added, variance)
    squares = _maker(context, variance, "ReduceMean")
    mean = _maker(context, centred.input[1], "ReduceMean")
    if epsilon is None or epsilon.size != 1 or squares is None or mean is None or mean.input[0] != centred.input[0]:
        return None
    square = _square_of(context, squares.input[0], centred.output[0])
    axis = _first_axis(context, mean)
    if square is None or axis is None or axis != _first_axis(context, squares):
        return None
    inner = (mean.output[0], square.output[0], variance, root.input[0], node.input[1])
    if not all(context.used_once(name) for name in inner) or len(context.users(centred.output[0])) != 2:
        return None
    group, out = [mean, centred, square, squares, added, root, node], node.output[0]
    shape = context.shape(centred.input[0])[axis:]
    scale, group, out = _constant_behind(context, group, out, "Mul", shape, np.ones(shape))
    offset, group, out = _constant_behind(context, group, out, "Add", shape, np.zeros(shape))
    needed = {f"{out}/scale": scale, f"{out}/offset": offset}
    inputs = [centred.input[0], *needed]
    label = node.name or node.output[0]
    value = float(np.ravel(epsilon)[0])
    return group, helper.make_node("LayerNormalization", inputs, [out], name=label, axis=axis, epsilon=value), needed


def _square_of(context: Context, value: str, of: str) -> onnx.NodeProto | None:
    product, power = _maker(context, value, "Mul"), _maker(context, value, "Pow")
    if product is not None and list(product.input) == [of, of]:
        return product
    return power if power is not None and power.input[0] == of and whole_power(context, power) == 2 else None


def _first_axis(context: Context, node: onnx.NodeProto) -> int | None:
    """The first axis of a mean over all axes from there on, unit axes aside; None for any other mean, and for one that drops its axes."""
    shape, gone = context.shape(node.input[0]), reduced_axes(context, node)
    wide = [axis for axis, n in enumerate(shape) if n != 1]
    reduced = [axis for axis in wide if axis in gone]
    if not reduced or len(context.shape(node.output[0])) != len(shape) or wide[-len(reduced) :] != reduced:
        return None
    return reduced[0]


def _constant_behind(
    context: Context, group: list[onnx.NodeProto], out: str, kind: str, shape: tuple[int, ...], default: np.ndarray
) -> tuple[np.ndarray, list[onnx.NodeProto], str]:
    """The constant by which a value is multiplied, or that is added to it, with the node that does so taken into the group."""
    user = _only_user(context, out)
    data = None if user is None or user.op_type != kind else _beside(context, user, out)
    if user is None or data is None or math.prod(data.shape[: max(data.ndim - len(shape), 0)]) != 1:
        return default, group, out
    inner = np.asarray(data).reshape(data.shape[max(data.ndim - len(shape), 0) :])
    try:
        return np.array(np.broadcast_to(inner, shape)), [*group, user], user.output[0]
    except ValueError:
        return default, group, out


def _transposed(context: Context, node: onnx.NodeProto) -> Found | None:
    """Pad and Slice along the rows as pads of the ConvTranspose between them."""
    if node.op_type != "ConvTranspose" or len(context.shape(node.input[0])) != 4:
        return None
    kernel, pads = context.constant(node.input[1]), attribute(node, "pads")
    strides, dilations = attribute(node, "strides") or [1, 1], attribute(node, "dilations") or [1, 1]
    if kernel is None or not pads or strides[0] != 1 or dilations[0] != 1 or attribute(node, "output_padding"):
        return None
    group, x, out = [node], node.input[0], node.output[0]
    before, after = pads[0], pads[2]
    pad = _maker(context, x, "Pad")
    amounts = None if pad is None or not context.used_once(x) else _row_padding(context, pad)
    if pad is not None and amounts is not None:
        group, x = [pad, *group], pad.input[0]
        before, after = before - amounts[0], after - amounts[1]
    user = _only_user(context, out)
    rows = context.shape(out)[2]
    taken = None if user is None or user.op_type != "Slice" else _rows_taken(context, user, rows)
    if user is not None and taken is not None:
        group, out = [*group, user], user.output[0]
        before, after = before + taken.start, after + rows - taken.stop
    if len(group) == 1 or min(before, after) < 0 or max(before, after) >= kernel.shape[2]:
        return None
    made = onnx.NodeProto()
    made.CopyFrom(node)
    made.input[0], made.output[0] = x, out
    next(given for given in made.attribute if given.name == "pads").ints[:] = [before, pads[1], after, pads[3]]
    return group, made, {}


def _row_padding(context: Context, pad: onnx.NodeProto) -> tuple[int, int] | None:
    """Rows of zeros before and after, where a Pad puts nothing else."""
    amounts = context.constant(pad.input[1])
    fill = context.constant(pad.input[2]) if len(pad.input) > 2 and pad.input[2] else np.zeros(1)
    axes = len(pad.input) > 3 and pad.input[3]
    if amounts is None or fill is None or np.any(fill != 0) or axes or amounts.size != 8:
        return None
    given = [int(n) for n in np.ravel(amounts)]
    others = [n for place, n in enumerate(given) if place % 4 != 2]
    plain = attribute(pad, "mode", "constant") == "constant" and not any(others) and min(given) >= 0
    return (given[2], given[6]) if plain else None


def _rows_taken(context: Context, node: onnx.NodeProto, rows: int) -> range | None:
    """The rows that a Slice takes, where it takes neighbours and nothing else."""
    given = [context.constant(name) for name in node.input[1:] if name]
    if len(given) != len(node.input) - 1 or len(given) < 3 or any(v is None or v.size != 1 for v in given):
        return None
    first, last, axis, step = (int(np.ravel(v)[0]) for v in (*given, np.ones(1))[:4] if v is not None)
    taken = range(*slice(first, last).indices(rows))
    return taken if axis % 4 == 2 and step == 1 and len(taken) > 0 else None
