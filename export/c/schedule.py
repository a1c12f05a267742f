"""The graph as C runs it: operators and fused regions, one step each, in order."""

from __future__ import annotations

from dataclasses import dataclass

from ...quantize.graph import Graph, Operator, Region
from ...quantize.regions import REGIONS, declared, tensors_of
from .fusion import FUSIONS


@dataclass(frozen=True)
class Step:
    """One or more calls of C. `region` is set where the step is a fused region, and `operators` are then all of its.

    `in_place`: pairs (written, read) of tensors that may share memory.
    """

    name: str
    operators: tuple[Operator, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    region: Region | None = None
    in_place: tuple[tuple[str, str], ...] = ()


def schedule(graph: Graph, fuse: bool = True) -> list[Step]:
    """The steps of one frame; a region that cannot be fused is run operator by operator, without `fuse` all are."""
    found = declared(graph, _matches) if fuse else []
    fused = {op.name: step for step in (_step(*region) for region in found) for op in step.operators}
    steps = []
    for op in graph.operators:
        if op.name in fused:
            step = fused[op.name]
            if op is step.operators[-1]:
                steps.append(step)
        elif op.kind != "RESHAPE":  # its output shares the memory of its input
            reads = tuple(name for name in op.inputs if name and not graph.tensors[name].is_constant)
            steps.append(Step(op.name, (op,), reads, op.outputs))
    return steps


def _matches(graph: Graph, region: Region) -> bool:
    try:
        return FUSIONS[region.kind].matches(graph, region)
    except LookupError:  # a role is missing or names no tensor: it is not what its kind says
        return False


def _step(region: Region, operators: tuple[Operator, ...]) -> Step:
    kind, roles = REGIONS[region.kind], region.roles
    return Step(
        region.name,
        operators,
        tensors_of(region, kind.reads),
        tensors_of(region, kind.writes),
        region,
        tuple((roles[new], roles[old]) for new, old in kind.in_place),
    )
