"""ReduceMean, ReduceSum and ReduceMax: the mean square over rows is the region `energy`; any other mean is MEAN, a sum that times a
number, a maximum MAX_POOL_2D.
"""

from __future__ import annotations

import math

import numpy as np
import onnx

from .context import Context, Lowering
from .energy import is_energy, lower_energy, reduced_axes
from .pool import max_pool


def check_reduce(context: Context, node: onnx.NodeProto) -> str | None:
    variable = len(node.input) > 1 and node.input[1] and context.constant(node.input[1]) is None
    return "its axes must be constants" if variable else None


def _together(context: Context, node: onnx.NodeProto) -> tuple[str, int, int]:
    """The tensor with its reduced axes side by side, the first of them, and how many."""
    graph, out = context.graph, node.output[0]
    shape = context.shape(node.input[0])
    wide = [axis for axis, n in enumerate(shape) if n != 1]
    gone = reduced_axes(context, node)
    reduced = [axis for axis in wide if axis in gone]
    x = context.tensor(node.input[0])
    if not reduced:
        return x, 0, 0
    between = [axis for axis in wide if reduced[0] < axis < reduced[-1] and axis not in gone]
    if between:
        # The C sums over neighbours.
        order = [*(axis for axis in wide if axis not in gone), *reduced]
        x = context.transposed(x, shape, order, f"{out}/together")
        first = len(wide) - len(reduced)
    else:
        first = wide.index(reduced[0])
    return x, first + len(graph.tensors[x].shape) - len(wide), len(reduced)


def _mean(context: Context, node: onnx.NodeProto) -> tuple[str, int]:
    """The mean and the number of its terms."""
    graph, out = context.graph, node.output[0]
    x, first, count = _together(context, node)
    if not count:
        return x, 1
    axes, shape = range(first, first + count), graph.tensors[x].shape
    made = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
    constant = graph.add_constant(f"{out}/axes", np.asarray(axes, np.int32))
    mean = graph.add("MEAN", (x, constant), f"{out}/mean", made, options={"keep_dims": True})
    return mean, math.prod(shape[axis] for axis in axes)


def lower_reduce_mean(context: Context, node: onnx.NodeProto) -> None:
    if is_energy(context, node):
        lower_energy(context, node)
        return
    context.bind(node.output[0], _mean(context, node)[0])


def lower_reduce_sum(context: Context, node: onnx.NodeProto) -> None:
    mean, count = _mean(context, node)
    context.bind(node.output[0], mean, float(count))


def lower_reduce_max(context: Context, node: onnx.NodeProto) -> None:
    """Over (outer, count, inner): windows of one row and `count` columns."""
    out = node.output[0]
    x, first, count = _together(context, node)
    if not count:
        context.bind(out, x)
        return
    shape = context.graph.tensors[x].shape
    outer, size, inner = (
        math.prod(part) for part in (shape[:first], shape[first : first + count], shape[first + count :])
    )
    windows = context.reshaped(x, (1, outer, size, inner), f"{out}/x")
    context.bind(out, max_pool(context, windows, (1, size), (1, 1), f"{out}/made"))


LOWERINGS = {
    "ReduceMean": Lowering(lower_reduce_mean, check_reduce),
    "ReduceSum": Lowering(lower_reduce_sum, check_reduce),
    "ReduceMax": Lowering(lower_reduce_max, check_reduce),
}
