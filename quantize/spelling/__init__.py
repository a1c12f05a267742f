"""Operators that are others in other words: a Softmax is an exponential, a sum and a quotient; a HardSwish is made of rectifiers.

Each is written out in ONNX, before any lowering sees it, in operators that are lowered or written out themselves. So lowering, formats,
kernels and C know fewer operators than a network may have.

`writing.py` holds what every one of them works with; `limits.py` what rectifiers make; `masks.py` comparisons and choices; `reductions.py`
sums, norms and Softmax; `places.py` what moves values by a list of places; `products.py` matrices in all groupings.
"""

from __future__ import annotations

from dataclasses import replace

from ..onnx_reader import StreamingOnnx
from . import limits, masks, places, products, reductions
from .writing import Spelling, Writing

SPELLINGS: dict[str, Spelling] = {
    **limits.SPELLINGS,
    **masks.SPELLINGS,
    **places.SPELLINGS,
    **products.SPELLINGS,
    **reductions.SPELLINGS,
}


def spelled_out(source: StreamingOnnx) -> StreamingOnnx:
    """The model with every operator that can be written in others written in them."""
    writing = Writing(source)
    waiting = list(source.nodes)[::-1]
    nodes = []
    while waiting:
        node = waiting.pop()
        spelling = SPELLINGS.get(node.op_type)
        if (
            spelling is None
            or not writing.known(node)
            or not spelling.when(writing, node)
            or spelling.check(writing, node)
        ):
            nodes.append(node)
            continue
        waiting += writing.write(spelling, node)[::-1]
    return replace(source, nodes=tuple(nodes), constants=writing.constants, shapes=writing.shapes)


__all__ = ["SPELLINGS", "Spelling", "spelled_out"]
