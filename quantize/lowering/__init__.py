"""From ONNX operators to operators that TFLite Micro has, family by family.

`context.py` holds the run itself, `axes.py` which axis stands where, `folding.py` what goes into a product before it; every other file lowers one family: `linear.py`, `conv.py`, `broadcast.py` (two operands),
`elementwise.py` (one), `shape.py`, `reduce.py` with the region `energy.py`, `recurrent.py` with the regions `gru.py` (one step) and
`gru_sequence.py` (over the positions of a frame), and the region `layer_norm.py`. `bounded.py` looks over the result.
"""

from __future__ import annotations

from ..float_graph import FloatGraph
from ..onnx_reader import StreamingOnnx
from . import bounded, broadcast, context, conv, elementwise, layer_norm, linear, recurrent, reduce, shape

REGISTRY = {
    **linear.LOWERINGS,
    **broadcast.LOWERINGS,
    **elementwise.LOWERINGS,
    **shape.LOWERINGS,
    **conv.LOWERINGS,
    **reduce.LOWERINGS,
    **recurrent.LOWERINGS,
    **layer_norm.LOWERINGS,
}


def lower(source: StreamingOnnx) -> FloatGraph:
    """Lower a streaming ONNX model; raises StapesError that lists every node which cannot be lowered."""
    graph = context.lower(source, REGISTRY)
    bounded.keep_bounds(graph)
    return graph


def require_supported(source: StreamingOnnx) -> None:
    """Raise the StapesError of `lower` without lowering."""
    context.refuse_unsupported(context.Context(source, FloatGraph(source.name)), REGISTRY)


__all__ = ["REGISTRY", "lower", "require_supported"]
