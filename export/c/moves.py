"""Operators that only move values (`quantize/regions/moves.py`) as copies from where the values are, a block of the result at a time."""

from __future__ import annotations

import numpy as np

from ...quantize.graph import Region
from ...quantize.regions.moves import boxes
from ..template import Code
from .fields import Fields, box_fields
from .text import SUFFIXES, integer
from .writer import Writer


def copy_call(w: Writer, label: str, fields: Fields, x: str, y: str) -> Code:
    """`stapes_copy_<s8 or s16>` with its parameters."""
    suffix = SUFFIXES[w.graph.tensors[x].dtype]
    return w.call(f"stapes_copy_{suffix}", w.struct("copy_params", label, fields), w.at(x), w.at(y))


def move_calls(w: Writer, region: Region) -> list[Code]:
    """A copy for each box, and what pads it."""
    y = w.graph.tensors[region.roles["y"]]
    fill = f"stapes_fill_{SUFFIXES[y.dtype]}"
    cover = boxes(w.graph, region)
    padding = [box for box in cover if box.source is None]
    if all(box.is_dense for box in padding):
        lines = [
            w.call(fill, integer(box.value), str(int(np.prod(box.extent))), f"{w.at(y.name)} + {box.output_offset}")
            for box in padding
        ]
    else:
        lines = [w.call(fill, integer(padding[0].value), str(y.size), w.at(y.name))]
    for index, box in enumerate(box for box in cover if box.source is not None):
        lines.append(copy_call(w, f"{region.name} {index}", box_fields(region.name, box), str(box.source), y.name))
    return lines
