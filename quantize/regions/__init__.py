"""Operators that belong together, declared in one form whatever they are: a kind, a name, tensors by their roles.

Lowering declares what it composes of several operators, as only it knows that they are one thing (`Graph.regions`; a
.tflite says so too). What any file may hold as plain operators is found again in every graph, and no file needs to say so:
`history.py`, `neighbours.py`, `padding.py`. Who runs a graph asks `declared` for all of them; an engine may run any region operator by
operator, the bits are the same. The exporter has a kernel for each kind (`export/c/fusion.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..graph import Graph, Operator, Region
from .compositions import ENERGY, GRU_CELLS, LAYER_NORM, Composition
from .history import find_histories
from .neighbours import find_neighbours
from .padding import find_paddings

Found = tuple[Region, tuple[Operator, ...]]


@dataclass(frozen=True)
class RegionKind:
    """What all regions of a kind have in common.

    `reads`, `writes`: the roles of the tensors that it takes and makes; nobody else sees the others once it is one step.
    `in_place`: pairs (written, read) that may share memory.
    `lowered`: the ONNX operators that become it.
    `compositions`: what it is composed of, in each of its forms; none where its file in `quantize/lowering` says how.
    `find`: all of them in a graph, where no file declares them.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    in_place: tuple[tuple[str, str], ...] = ()
    lowered: tuple[str, ...] = ()
    compositions: tuple[Composition, ...] = ()
    find: Callable[[Graph], list[Found]] | None = None


REGIONS: Mapping[str, RegionKind] = {
    "gru": RegionKind(
        ("x", "h"), ("h_out",), (("h_out", "h"),), lowered=("GRU",), compositions=tuple(GRU_CELLS.values())
    ),
    "gru_sequence": RegionKind(("x",), ("out",), lowered=("GRU",)),
    "layer_norm": RegionKind(("x",), ("out",), lowered=("LayerNormalization",), compositions=(LAYER_NORM,)),
    # `out` is `sums` in another shape.
    "energy": RegionKind(("x",), ("sums",), lowered=("ReduceMean",), compositions=(ENERGY,)),
    "history": RegionKind(
        ("history", "frame"), ("taps", "history_out"), (("history_out", "history"),), find=find_histories
    ),
    "neighbours": RegionKind(("x",), ("y",), find=find_neighbours),
    "padding": RegionKind(("x",), ("y",), find=find_paddings),
}
# Those that a file may declare.
COMPOSED = tuple(kind for kind, known in REGIONS.items() if known.find is None)


def declared(graph: Graph) -> list[Found]:
    """All regions of a graph with their operators in order; no operator is in two of them."""
    found = [(region, graph.in_region(region.name)) for region in graph.regions]
    taken = {op.name for _, operators in found for op in operators}
    for kind in REGIONS.values():
        for region, operators in kind.find(graph) if kind.find is not None else []:
            names = {op.name for op in operators}
            if not names & taken:
                found.append((region, operators))
                taken |= names
    return found


def maker(graph: Graph, tensor: str) -> Operator:
    """The operator that makes a tensor. Raises LookupError where none does."""
    return next(op for op in graph.operators if tensor in op.outputs)
