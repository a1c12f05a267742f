"""What the fused kernels ask of a region, whatever its kind."""

from __future__ import annotations

from collections.abc import Collection

from quantize.graph import Graph, Operator, Region


def producers(graph: Graph, region: Region) -> dict[str, Operator]:
    """The operator that computes each role of a region."""
    by_output = {name: op for op in graph.in_region(region.name) for name in op.outputs}
    return {role: by_output[name] for role, name in region.roles.items() if name in by_output}


def is_closed(graph: Graph, region: Region, results: Collection[str]) -> bool:
    """Whether nothing outside a region reads what its operators make, but for the roles in `results`."""
    inside = {name for op in graph.in_region(region.name) for name in op.outputs}
    inside -= {region.roles[role] for role in results}
    seen = {name for op in graph.operators if op.region != region.name for name in op.inputs}
    seen |= {*graph.outputs, *(state.output for state in graph.states)}
    return not inside & seen
