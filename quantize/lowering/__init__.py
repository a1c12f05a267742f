"""From ONNX operators to operators that TFLite Micro has, family by family.

`context.py` holds the run itself, `axes.py` which axis stands where, `folding.py` what goes into a product before it, `recognised.py` what is one operator written apart; every other file lowers one family: `linear.py`, `einsum.py`, `conv.py` with `batch_norm.py`, `broadcast.py` (two operands),
`elementwise.py` and `prelu.py` (one), `shape.py`, `reduce.py` with the region `energy.py`, `recurrent.py` with the regions `gru.py` (one step) and
`gru_sequence.py` (over the positions of a frame), and the region `layer_norm.py`. `bounded.py` looks over the result.
"""

from __future__ import annotations

from ..float_graph import FloatGraph
from ..onnx_reader import StreamingOnnx
from ..spelling import SPELLINGS, Spelling, spelled_out
from ..spelling.writing import Writing
from . import (
    batch_norm,
    bounded,
    broadcast,
    context,
    conv,
    einsum,
    elementwise,
    layer_norm,
    linear,
    pool,
    prelu,
    recognised,
    recurrent,
    reduce,
    shape,
)

REGISTRY = {
    **linear.LOWERINGS,
    **einsum.LOWERINGS,
    **broadcast.LOWERINGS,
    **elementwise.LOWERINGS,
    **prelu.LOWERINGS,
    **shape.LOWERINGS,
    **conv.LOWERINGS,
    **batch_norm.LOWERINGS,
    **reduce.LOWERINGS,
    **pool.LOWERINGS,
    **recurrent.LOWERINGS,
    **layer_norm.LOWERINGS,
}


def _never(context: context.Context, node: object) -> None:
    raise AssertionError("an operator that is written in others was lowered")


def _check_of(spelling: Spelling) -> context.Check:
    return lambda context, node: spelling.check(Writing(context.source), node)


# What is written in other operators comes here only where it cannot be.
REGISTRY |= {
    kind: context.Lowering(_never, _check_of(spelling), any_axes=True)
    for kind, spelling in SPELLINGS.items()
    if kind not in REGISTRY
}


def lower(source: StreamingOnnx) -> FloatGraph:
    """Lower a streaming ONNX model; raises StapesError that lists every node which cannot be lowered."""
    graph = context.lower(_plain(source), REGISTRY)
    # Of values that stand in the file alone: by these a difference from it is told.
    graph.values = {name: tensor for name, tensor in graph.values.items() if name in source.shapes}
    bounded.keep_bounds(graph)
    return graph


def require_supported(source: StreamingOnnx) -> None:
    """Raise the StapesError of `lower` without lowering."""
    context.refuse_unsupported(context.Context(_plain(source), FloatGraph(source.name)), REGISTRY)


def _plain(source: StreamingOnnx) -> StreamingOnnx:
    whole = recognised.recognised(context.Context(source, FloatGraph(source.name)))
    plain = batch_norm.spelled_out(context.Context(whole, FloatGraph(source.name)))
    return spelled_out(plain)


__all__ = ["REGISTRY", "lower", "require_supported"]
