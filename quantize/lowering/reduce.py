"""ReduceMean: the mean square over rows is the region `energy`, any other mean is MEAN."""

from __future__ import annotations

import numpy as np
import onnx

from .context import Context, Lowering
from .energy import is_energy, lower_energy, reduced_axes


def lower_reduce_mean(context: Context, node: onnx.NodeProto) -> None:
    if is_energy(context, node):
        lower_energy(context, node)
        return
    graph, out = context.graph, node.output[0]
    shape = context.shape(node.input[0])
    wide = [axis for axis, n in enumerate(shape) if n != 1]
    gone = reduced_axes(context, node)
    reduced = [axis for axis in wide if axis in gone]
    x = context.tensor(node.input[0])
    if not reduced:
        context.bind(out, x)
        return
    between = [axis for axis in wide if reduced[0] < axis < reduced[-1] and axis not in gone]
    if between:
        # The C sums over neighbours.
        order = [*(axis for axis in wide if axis not in gone), *reduced]
        x = context.transposed(x, shape, order, f"{out}/together")
        first = len(wide) - len(reduced)
    else:
        first = wide.index(reduced[0])
    first += len(graph.tensors[x].shape) - len(wide)
    axes = range(first, first + len(reduced))
    made = tuple(1 if axis in axes else n for axis, n in enumerate(graph.tensors[x].shape))
    constant = graph.add_constant(f"{out}/axes", np.asarray(axes, np.int32))
    context.bind(out, graph.add("MEAN", (x, constant), f"{out}/mean", made, options={"keep_dims": True}))


LOWERINGS = {"ReduceMean": Lowering(lower_reduce_mean)}
