"""Mul(x, x) and ReduceMean over the rows of a frame: a region of TFLite operators that rounds once.

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
    """x where an ONNX value is Mul(x, x) or Pow(x, 2) and feeds nothing else, or None."""
    node = next((node for node in context.source.nodes if value in node.output), None)
    if node is None or not context.used_once(value):
        return None
    if node.op_type == "Mul" and node.input[0] == node.input[1]:
        return str(node.input[0])
    return node.input[0] if node.op_type == "Pow" and whole_power(context, node) == 2 else None


def is_energy(context: Context, node: onnx.NodeProto) -> bool:
    """Whether a ReduceMean is the mean square over all rows of a frame of two axes."""
    source = squared(context, node.input[0])
    if source is None:
        return False
    shape = context.shape(source)
    kept = [axis for axis, n in enumerate(shape) if n != 1]
    return len(kept) == 2 and reduced_axes(context, node) & set(kept) == {kept[0]}


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
    source = squared(context, node.input[0])
    assert source is not None
    graph, name = context.graph, context.numbered("energy")
    x = context.tensor(source)
    rows, channels = graph.tensors[x].shape
    wide = Hint(dtype="int16")
    perm = graph.add_constant(f"{name}/perm", np.asarray([1, 0], np.int32))
    turned = graph.add("TRANSPOSE", (x, perm), f"{name}/turned", (channels, rows), region=name, hint=wide)
    shape = (channels, 1, rows)
    target = graph.add_constant(f"{name}/shape", np.asarray(shape, np.int32))
    options = {"new_shape": list(shape)}
    vectors = graph.add("RESHAPE", (turned, target), f"{name}/vectors", shape, options=options, region=name, hint=wide)
    sums = graph.add(
        "BATCH_MATMUL",
        (vectors, vectors),
        f"{name}/sums",
        (channels, 1, 1),
        options={"adj_x": False, "adj_y": True},
        region=name,
        hint=wide,
    )
    flat = graph.add_constant(f"{name}/flat", np.asarray((1, channels), np.int32))
    options = {"new_shape": [1, channels]}
    out = graph.add("RESHAPE", (sums, flat), f"{name}/out", (1, channels), options=options, region=name, hint=wide)
    roles = {"x": x, "turned": turned, "vectors": vectors, "sums": sums, "out": out}
    graph.regions.append(Region(name, "energy", roles))
    context.bind(node.output[0], out, factor=1.0 / rows)
