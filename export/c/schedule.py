"""The graph as C runs it: operators and fused regions, one step each, in order."""

from __future__ import annotations

from dataclasses import dataclass

from ...quantize.graph import Graph, Operator, Region
from .fusion import FUSIONS
from .history import find_histories
from .moves import Box, find_moves
from .neighbours import find_neighbours
from .padding import folded_pads
from .windows import Windows


@dataclass(frozen=True)
class Step:
    """One or more calls of C. `region` is set where the step is a fused region, and `operators` are then all of its.
    `boxes` are set where the step is a copy in place of several operators, `windows` where it is a convolution that
    looks at its neighbours by itself.

    `in_place`: pairs (written, read) of tensors that may share memory.
    """

    name: str
    operators: tuple[Operator, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    region: Region | None = None
    in_place: tuple[tuple[str, str], ...] = ()
    boxes: tuple[Box, ...] = ()
    windows: tuple[Windows, ...] = ()


def schedule(graph: Graph, fuse: bool = True) -> list[Step]:
    """The steps of one frame; a region that cannot be fused is run operator by operator."""
    fused = {op.name: step for step in (_fused(graph) if fuse else []) for op in step.operators}
    pads = folded_pads(graph)
    neighbours = find_neighbours(graph) if fuse else {}
    folded = {pad.name for pad in pads.values()}
    folded |= {op.name for found in neighbours.values() for op in found.operators[:-1]}
    moves, dropped = find_moves(graph, {*fused, *folded}) if fuse else ({}, set())
    steps = []
    for op in graph.operators:
        if op.name in fused:
            step = fused[op.name]
            if op is step.operators[-1]:
                steps.append(step)
        elif op.kind == "RESHAPE" or op.name in folded or op.name in dropped:
            continue  # the output shares the memory of the input, or the reader pads or moves for itself
        elif op.outputs[0] in moves:
            move = moves[op.outputs[0]]
            steps.append(Step(op.name, move.operators, move.reads, op.outputs, boxes=move.boxes))
        elif op.name in neighbours:
            found = neighbours[op.name]
            steps.append(Step(op.name, found.operators, (found.source,), op.outputs, windows=found.windows))
        else:
            names = (pads[op.name].inputs[0], *op.inputs[1:]) if op.name in pads else op.inputs
            reads = tuple(name for name in names if name and not graph.tensors[name].is_constant)
            steps.append(Step(op.name, (op,), reads, op.outputs))
    return steps


def _fused(graph: Graph) -> list[Step]:
    found = [(region, graph.in_region(region.name)) for region in graph.regions if region.kind in FUSIONS]
    return [_step(region, operators) for region, operators in found if _matches(graph, region)] + [
        _step(region, operators) for region, operators in find_histories(graph)
    ]


def _matches(graph: Graph, region: Region) -> bool:
    try:
        return FUSIONS[region.kind].matches(graph, region)
    except LookupError:  # a role is missing or names no tensor: it is not what its kind says
        return False


def _step(region: Region, operators: tuple[Operator, ...]) -> Step:
    fusion, roles = FUSIONS[region.kind], region.roles
    return Step(
        region.name,
        operators,
        tuple(roles[role] for role in fusion.reads),
        tuple(roles[role] for role in fusion.writes),
        region,
        tuple((roles[new], roles[old]) for new, old in fusion.in_place),
    )
