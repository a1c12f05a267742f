"""Operators that belong together, declared in one form whatever they are: a kind, a name, tensors by their roles.

`declared` is the one pass that says which they are, by one table. Lowering knows that what it composes is one thing, and writes it down
(`Graph.regions`; a .tflite says so too). All others follow from the operators and their wiring alone (`history.py`, `neighbours.py`, `two_lines.py`,
`padding.py`, `moves.py`): written down they could be wrong, in a damaged file or once an output more is looked at, so the
pass finds them in the graph that is to be run. An engine may run any region operator by operator, the bits are the same. The
exporter fuses what is declared, and finds nothing by itself (`export/c/fusion.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from ..curves.functions import FUNCTIONS
from ..graph import Graph, Operator, Region
from .compositions import ENERGY, GRU_CELLS, LAYER_NORM, Composition
from .history import find_histories
from .moves import find_moves
from .neighbours import find_neighbours
from .padding import find_paddings
from .two_lines import find_two_lines

# The ONNX operators of one value that tables stand for; a step is what comparisons are made of.
CURVES = tuple(name for name in FUNCTIONS if name != "Step")
Found = tuple[Region, tuple[Operator, ...]]


@dataclass(frozen=True)
class RegionKind:
    """What all regions of a kind have in common.

    `reads`, `writes`: the roles of the tensors that it takes and makes; nobody else sees the others once it is one step. A region
    may have several of one role, as `x 0`, `x 1` ...
    `in_place`: pairs (written, read) that may share memory.
    `lowered`: the ONNX operators that become it.
    `compositions`: what it is composed of, in each of its forms; none where its file in `quantize/lowering` says how.
    `find`: all of them in a graph, given the names of the operators that are part of something else; none for what lowering composes.
    """

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    in_place: tuple[tuple[str, str], ...] = ()
    lowered: tuple[str, ...] = ()
    compositions: tuple[Composition, ...] = ()
    find: Callable[[Graph, Collection[str]], list[Found]] | None = None


REGIONS: Mapping[str, RegionKind] = {
    "gru": RegionKind(
        ("x", "h"), ("h_out",), (("h_out", "h"),), lowered=("GRU",), compositions=tuple(GRU_CELLS.values())
    ),
    "gru_sequence": RegionKind(("x",), ("out",), lowered=("GRU",)),
    "layer_norm": RegionKind(("x",), ("out",), lowered=("LayerNormalization",), compositions=(LAYER_NORM,)),
    "curve": RegionKind(("x",), ("y",), (("y", "x"),), lowered=CURVES),
    # `out` is `sums` in another shape.
    "energy": RegionKind(("x",), ("sums",), lowered=("ReduceMean",), compositions=(ENERGY,)),
    "history": RegionKind(
        ("history", "frame"),
        ("taps", "history_out"),
        (("history_out", "history"),),
        find=lambda graph, taken: find_histories(graph),
    ),
    "neighbours": RegionKind(("x",), ("y",), find=lambda graph, taken: find_neighbours(graph)),
    "two_lines": RegionKind(("x",), ("y",), (("y", "x"),), find=lambda graph, taken: find_two_lines(graph)),
    "padding": RegionKind(("x",), ("y",), find=lambda graph, taken: find_paddings(graph)),
    # The last, of what is left.
    "moves": RegionKind(("x",), ("y",), find=find_moves),
}
# Those that lowering composes and a file may declare.
COMPOSED = tuple(kind for kind, known in REGIONS.items() if known.find is None)


def declared(graph: Graph, runs: Callable[[Graph, Region], bool] = lambda graph, region: True) -> list[Found]:
    """All regions of a graph with their operators in order; no operator is in two of them.

    `runs`: whether who asks can run a region as one step; the operators of one that it cannot are left to the kinds behind it.
    """
    found: list[Found] = []
    taken: set[str] = set()
    for kind, known in REGIONS.items():
        composed = [(region, graph.in_region(region.name)) for region in graph.regions if region.kind == kind]
        for region, operators in known.find(graph, taken) if known.find is not None else composed:
            names = {op.name for op in operators}
            if not names & taken and runs(graph, region):
                found.append((region, operators))
                taken |= names
    return found


def tensors_of(region: Region, roles: Collection[str]) -> tuple[str, ...]:
    """The tensors of a region that have these roles, numbered or not, in their order; raises LookupError where one is missing."""
    missing = set(roles) - {role.partition(" ")[0] for role in region.roles}
    if missing:
        raise KeyError(min(missing))
    return tuple(name for wanted in roles for role, name in region.roles.items() if role.partition(" ")[0] == wanted)


def maker(graph: Graph, tensor: str) -> Operator:
    """The operator that makes a tensor. Raises LookupError where none does."""
    return next(op for op in graph.operators if tensor in op.outputs)
