"""One operator of TFLite Micro on every value of one operand."""

from __future__ import annotations

import onnx

from ..float_graph import Hint
from .context import Context


def unary(context: Context, node: onnx.NodeProto, kind: str, hint: Hint | None = None, **options: object) -> None:
    """An operator on every value; a TRANSPOSE in front moves behind it, where it may meet its inverse."""
    graph, out = context.graph, node.output[0]
    x = context.tensor(node.input[0])
    made = graph.producer(x)
    if made is None or made.kind != "TRANSPOSE" or made.region or not context.used_once(node.input[0]):
        context.bind(out, graph.add(kind, (x,), out, graph.tensors[x].shape, options=options, hint=hint))
        return
    before, perm = made.inputs
    order = graph.tensors[perm].data
    assert order is not None
    shape = graph.tensors[before].shape
    inner = graph.add(kind, (before,), f"{out}/turned", shape, options=options, hint=hint)
    context.bind(out, context.transposed(inner, shape, order.tolist(), out))
