"""ReduceMean: the mean square over rows is the region `energy`, any other mean is MEAN."""

from __future__ import annotations

import numpy as np
import onnx

from .context import Context, Lowering, canonical
from .energy import is_energy, lower_energy, reduced_axes


def lower_reduce_mean(context: Context, node: onnx.NodeProto) -> None:
    if is_energy(context, node):
        lower_energy(context, node)
        return
    graph, out = context.graph, node.output[0]
    shape = context.shape(node.input[0])
    x = context.tensor(node.input[0])
    kept = [axis for axis, n in enumerate(shape) if n != 1]
    fill = max(0, 2 - len(kept))
    axes = sorted(fill + kept.index(axis) for axis in reduced_axes(context, node) if axis in kept)
    if not axes:
        context.bind(out, context.reshaped(x, canonical(context.shape(out)), out))
        return
    made = tuple(1 if axis in axes else n for axis, n in enumerate(graph.tensors[x].shape))
    constant = graph.add_constant(f"{out}/axes", np.asarray(axes, np.int32))
    mean = graph.add("MEAN", (x, constant), f"{out}/mean", made, options={"keep_dims": True})
    context.bind(out, context.reshaped(mean, canonical(context.shape(out)), out))


LOWERINGS = {"ReduceMean": Lowering(lower_reduce_mean)}
