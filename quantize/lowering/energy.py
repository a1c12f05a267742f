"""Mul(x, x) and ReduceMean over one axis of a frame: TFLite operators that round once, over rows a region.

    y[c] = sum_r x[r, c]^2 / R

One BATCH_MATMUL a channel, of its rows with themselves, in int16 with a sum of 64 bits; 1 / R goes into the weights of
what reads y. Energies reach far beyond their median, so the range comes from the recipe's limit or from what was seen.
"""

from __future__ import annotations

import numpy as np
import onnx

from ..float_graph import Hint
from ..graph import Region
from .broadcast import whole_power
from .context import Context


def squared(context: Context, value: str) -> str | None:
    """x where an ONNX value is Mul(x, x) or Pow(x, 2) and feeds means alone, or None."""
    node = next((node for node in context.source.nodes if value in node.output), None)
    if node is None or context.read_outside(value):
        return None
    if any(user.op_type != "ReduceMean" for user in context.users(value)):
        return None
    if node.op_type == "Mul" and node.input[0] == node.input[1]:
        return str(node.input[0])
    return node.input[0] if node.op_type == "Pow" and whole_power(context, node) == 2 else None


def is_energy(context: Context, node: onnx.NodeProto) -> bool:
    """Whether a ReduceMean is the mean square over one of the two axes of a frame."""
    source = squared(context, node.input[0])
    if source is None:
        return False
    shape = context.shape(source)
    kept = [axis for axis, n in enumerate(shape) if n != 1]
    return len(kept) == 2 and len(reduced_axes(context, node) & set(kept)) == 1


def reduced_axes(context: Context, node: onnx.NodeProto) -> set[int]:
    rank = len(context.shape(node.input[0]))
    given = (
        context.constant(node.input[1]) if len(node.input) > 1 and node.input[1] else context.attribute(node, "axes")
    )
    axes = [] if given is None else np.ravel(given).tolist()
    if not axes and not context.attribute(node, "noop_with_empty_axes", 0):
        axes = list(range(rank))
    return {int(axis) % rank for axis in axes}


def lower_energy(context: Context, node: onnx.NodeProto) -> None:
    """The sums over the first axis of what was computed are a region, those over the last one need no order of their own."""
    source = squared(context, node.input[0])
    assert source is not None
    graph, name = context.graph, context.numbered("energy")
    x = context.tensor(source)
    kept = [axis for axis, n in enumerate(context.shape(source)) if n != 1]
    over_first = kept[0] in reduced_axes(context, node)
    made = graph.producer(x)
    if made is not None and made.kind == "TRANSPOSE" and made.region is None:
        x, over_first = made.inputs[0], not over_first
    rows, channels = graph.tensors[x].shape
    if over_first:
        out = _over_rows(context, name, x)
    else:
        vectors = _vectors(context, name, x, (rows, 1, channels), None)
        sums = _sums(context, name, vectors, rows, None)
        out = context.reshaped(sums, (1, rows), f"{name}/out")
    context.bind(node.output[0], out, factor=1.0 / (rows if over_first else channels))


def _over_rows(context: Context, name: str, x: str) -> str:
    """The region: x (rows, channels) -> (1, channels)."""
    graph = context.graph
    rows, channels = graph.tensors[x].shape
    wide = Hint(dtype="int16")
    perm = graph.add_constant(f"{name}/perm", np.asarray([1, 0], np.int32))
    turned = graph.add("TRANSPOSE", (x, perm), f"{name}/turned", (channels, rows), region=name, hint=wide)
    vectors = _vectors(context, name, turned, (channels, 1, rows), name)
    sums = _sums(context, name, vectors, channels, name)
    flat = graph.add_constant(f"{name}/flat", np.asarray((1, channels), np.int32))
    options: dict[str, object] = {"new_shape": [1, channels]}
    out = graph.add("RESHAPE", (sums, flat), f"{name}/out", (1, channels), options=options, region=name, hint=wide)
    roles = {"x": x, "turned": turned, "vectors": vectors, "sums": sums, "out": out}
    graph.regions.append(Region(name, "energy", roles))
    return out


def _vectors(context: Context, name: str, x: str, shape: tuple[int, ...], region: str | None) -> str:
    target = context.graph.add_constant(f"{name}/shape", np.asarray(shape, np.int32))
    options: dict[str, object] = {"new_shape": list(shape)}
    hint = Hint(dtype="int16")
    return context.graph.add(
        "RESHAPE", (x, target), f"{name}/vectors", shape, options=options, region=region, hint=hint
    )


def _sums(context: Context, name: str, vectors: str, count: int, region: str | None) -> str:
    """Each of `count` vectors (1, N) times itself."""
    return context.graph.add(
        "BATCH_MATMUL",
        (vectors, vectors),
        f"{name}/sums",
        (count, 1, 1),
        options={"adj_x": False, "adj_y": True},
        region=region,
        hint=Hint(dtype="int16"),
    )
