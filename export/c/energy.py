"""Sums of squares over the rows of a frame as one kernel: TRANSPOSE, RESHAPE, BATCH_MATMUL with itself, RESHAPE."""

from __future__ import annotations

from ...quantize.graph import Graph, Region
from ...quantize.prepare import TransposeParams, prepare
from ...quantize.regions.compositions import ENERGY
from .constants import Constants
from .fields import Fields, scalar_fields
from .regions import is_closed, is_composed, producers

FORM = "sums of squares"


def is_energy(graph: Graph, region: Region) -> bool:
    """Whether a region computes what `stapes_energy_s16` computes, to the bit, and nobody looks inside."""
    roles = region.roles
    if not is_composed(graph, region, ENERGY):
        return False
    shape, turned = graph.tensors[roles["x"]].shape, prepare(graph, producers(graph, region)["turned"])
    assert isinstance(turned, TransposeParams)
    if len(shape) != 2 or turned.permutation != (1, 0):
        return False
    rows, channels = shape
    return graph.tensors[roles["vectors"]].shape == (channels, 1, rows) and is_closed(graph, region, ("sums", "out"))


def energy_fields(graph: Graph, region: Region, arrays: Constants) -> Fields:
    """Fields of `stapes_energy_s16_params`."""
    rows, channels = graph.tensors[region.roles["x"]].shape
    product = producers(graph, region)["sums"]
    sizes = {"rows": rows, "channels": channels}
    return sizes | {k: v for k, v in scalar_fields(product.name, prepare(graph, product)).items() if k != "depth"}
