"""Sums of squares over the rows of a frame as one kernel: TRANSPOSE, RESHAPE, BATCH_MATMUL with itself, RESHAPE."""

from __future__ import annotations

from ...quantize.graph import Graph, Region
from ...quantize.prepare import TransposeParams, prepare
from .constants import Constants
from .fields import Fields, scalar_fields
from .regions import is_closed

FORM = "sums of squares"
# The operators in order: kind, role of the result, roles of the operands.
_CHAIN = (
    ("TRANSPOSE", "turned", ("x",)),
    ("RESHAPE", "vectors", ("turned",)),
    ("BATCH_MATMUL", "sums", ("vectors", "vectors")),
    ("RESHAPE", "out", ("sums",)),
)


def is_energy(graph: Graph, region: Region) -> bool:
    """Whether a region computes what `stapes_energy_s16` computes, to the bit, and nobody looks inside."""
    roles, operators = region.roles, graph.in_region(region.name)
    if set(roles) != {"x", *(role for _, role, _ in _CHAIN)} or len(operators) != len(_CHAIN):
        return False
    for op, (kind, role, operands) in zip(operators, _CHAIN, strict=True):
        names = tuple(roles[operand] for operand in operands)
        if op.kind != kind or op.outputs != (roles[role],) or op.inputs[: len(names)] != names:
            return False
    shape, turned = graph.tensors[roles["x"]].shape, prepare(graph, operators[0])
    assert isinstance(turned, TransposeParams)
    if len(shape) != 2 or turned.permutation != (1, 0):
        return False
    rows, channels = shape
    return graph.tensors[roles["vectors"]].shape == (channels, 1, rows) and is_closed(graph, region, ("sums", "out"))


def energy_fields(graph: Graph, region: Region, arrays: Constants) -> Fields:
    """Fields of `stapes_energy_s16_params`."""
    rows, channels = graph.tensors[region.roles["x"]].shape
    product = graph.in_region(region.name)[2]
    sizes = {"rows": rows, "channels": channels}
    return sizes | {k: v for k, v in scalar_fields(product.name, prepare(graph, product)).items() if k != "depth"}
