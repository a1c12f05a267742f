"""A convolution over positions that hold their neighbours too (`quantize/regions/neighbours.py`), as windows of the positions.

Its windows overlap, and nothing is copied: a weight of the convolution looks at x some positions aside, and those that look at the
same value are added up. At the ends, where the convolution pads what stands beside the last position although x goes
on there, other weights belong to the sums: those positions are windows of their own.
"""

from __future__ import annotations

from ...quantize.graph import Graph, Region
from ...quantize.prepare import Conv2DParams, prepare
from ...quantize.regions import maker
from .windows import Windows, overlapping_windows


def neighbour_windows(graph: Graph, region: Region) -> list[Windows] | None:
    """The calls that compute it from x, or None where windows cannot."""
    conv = maker(graph, region.roles["y"])
    params, image = prepare(graph, conv), graph.tensors[conv.inputs[0]]
    assert isinstance(params, Conv2DParams)
    if image.dtype != "int16":
        return None
    return overlapping_windows(params, image.shape, [int(shift) for shift in region.roles["shifts"].split()])
