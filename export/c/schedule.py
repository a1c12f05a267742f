"""The graph as C runs it: operators and fused regions, one step each, in order."""

from __future__ import annotations

from dataclasses import dataclass

from export.c.gru import is_gru
from quantize.graph import Graph, Operator, Region


@dataclass(frozen=True)
class Step:
    """One or more calls of C. `region` is set where the step is a fused region, and `operators` are then all of its."""

    name: str
    operators: tuple[Operator, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    region: Region | None = None


def schedule(graph: Graph, fuse: bool = True) -> list[Step]:
    """The steps of one frame; a region that cannot be fused is run operator by operator."""
    fused = {region.name: region for region in graph.regions if fuse and is_gru(graph, region)}
    steps = []
    last = {op.region: op for op in graph.operators if op.region in fused}
    for op in graph.operators:
        region = fused.get(op.region or "")
        if op.kind == "RESHAPE":
            continue  # its output shares the memory of its input
        if region is None:
            reads = tuple(name for name in op.inputs if name and not graph.tensors[name].is_constant)
            steps.append(Step(op.name, (op,), reads, op.outputs))
        elif last[region.name] is op:
            roles = region.roles
            reads, writes = (roles["x"], roles["h"]), (roles["h_out"],)
            steps.append(Step(region.name, graph.in_region(region.name), reads, writes, region))
    return steps
