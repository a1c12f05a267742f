"""A function of one value as one kernel: which regions are one to the bit, and the parameters of the kernel.

A region is one where the composition of `quantize/curves`, made again of the tables that it holds, gives its very operators.
"""

from __future__ import annotations

import numpy as np

from ...quantize.arithmetic import quantize_multiplier
from ...quantize.curves.composition import Composition, compose_int8, compose_int16
from ...quantize.curves.fit import MOST_LEVELS, Curve, Level
from ...quantize.graph import Graph, Region, Tensor
from ...quantize.prepare import MulParams, prepare
from ..template import Code
from .constants import Constants
from .fields import Fields
from .regions import is_closed, producers
from .writer import Writer

_EMPTY: Fields = {
    "base": "NULL", "slope": "NULL", "fine_multiplier_q31": 0, "fine_shift": 0, "rise_multiplier_q31": 0, "rise_shift": 0
}  # fmt: skip
_MEMBERS = ("first", "second", "third")


def _levels(region: Region) -> int:
    return sum(role.endswith("/index") for role in region.roles)


def _halves(graph: Graph, region: Region, role: str) -> np.ndarray:
    """int16 (257,): values of which the upper and the lower halves stand in two tables."""
    by_role = producers(graph, region)
    upper, lower = (graph.tensors[by_role[f"{role}/{part}"].inputs[0]].data for part in ("upper", "lower"))
    if upper is None or lower is None:
        raise LookupError(role)
    values: np.ndarray = (upper.astype(np.int64) * 256 + lower + 128).astype(np.int16)
    return values


def _scale(tensor: Tensor) -> np.float32:
    assert tensor.scale is not None
    return np.float32(tensor.scale[0])


def _curve(graph: Graph, region: Region) -> Curve:
    """The tables of a region of int16; raises LookupError where it has none."""
    found = []
    for number in range(_levels(region)):
        slope = graph.tensors[region.roles[f"{number}/slope"]]
        scale = _scale(graph.tensors[region.roles[f"{number}/offset"]])
        tables = [_halves(graph, region, f"{number}/{what}") for what in ("base", "slope")]
        found.append(Level(scale, tables[0], tables[1], _scale(slope)))
    return Curve(tuple(found), _scale(graph.tensors[region.roles["0/rise"]]))


def _again(graph: Graph, region: Region) -> Composition:
    x, y = (graph.tensors[region.roles[role]] for role in ("x", "y"))
    if y.dtype == "int8":
        table = graph.tensors[producers(graph, region)["y"].inputs[0]].data
        if table is None or table.size != 256:
            raise LookupError("table")
        return compose_int8(region.name, table, x, y)
    return compose_int16(region.name, _curve(graph, region), x, y)


def is_curve(graph: Graph, region: Region) -> bool:
    """Whether a region computes what its kernel computes, to the bit, and nobody looks inside."""
    if _levels(region) > MOST_LEVELS:
        return False
    again = _again(graph, region)
    known = {name: role for role, name in region.roles.items()}
    if set(again.roles) != set(region.roles):
        return False
    operators = graph.in_region(region.name)
    if len(operators) != len(again.operators):
        return False
    renamed = {again.roles[role]: region.roles[role] for role in region.roles}
    for made, expected in zip(operators, again.operators, strict=True):
        activations = [renamed[name] for name in expected.inputs if name in renamed]
        given = [name for name in made.inputs if name in known]
        if made.kind != expected.kind or given != activations or made.outputs[0] != renamed[expected.outputs[0]]:
            return False
        if made.options.get("fused_activation_function", "NONE") != "NONE":
            return False
    formats = all(_same_format(graph.tensors[renamed[name]], t) for name, t in again.tensors.items() if name in renamed)
    return formats and is_closed(graph, region, ("y",))


def _same_format(a: Tensor, b: Tensor) -> bool:
    return (a.shape, a.dtype, a.zero_point, _scale(a)) == (b.shape, b.dtype, b.zero_point, _scale(b))


def curve_calls(w: Writer, region: Region, scratch: str) -> list[Code]:
    """The call of `stapes_lut_s8` or `stapes_curve_s16`."""
    x, y = (w.graph.tensors[region.roles[role]] for role in ("x", "y"))
    if y.dtype == "int8":
        table = w.graph.tensors[producers(w.graph, region)["y"].inputs[0]].data
        assert table is not None
        name, kind = "stapes_lut_s8", "lut_params"
        fields: Fields = {"table": w.arrays.add(f"{region.name} table", table)}
    else:
        name, kind, fields = "stapes_curve_s16", "curve_params", curve_fields(w.graph, region, w.arrays)
    return [w.call(name, w.struct(kind, region.name, fields), str(y.size), w.at(x.name), w.at(y.name))]


def curve_fields(graph: Graph, region: Region, arrays: Constants) -> dict[str, object]:
    """Fields of `stapes_curve_params`."""
    curve, by_role = _curve(graph, region), producers(graph, region)
    x, y = (_scale(graph.tensors[region.roles[role]]) for role in ("x", "y"))
    levels = []
    for number, level in enumerate(curve.levels):
        rise = prepare(graph, by_role[f"{number}/rise"])
        assert isinstance(rise, MulParams)
        fine = quantize_multiplier(np.float64(x) / np.float64(level.scale))
        label = f"{region.name} {number}"
        levels.append(
            {
                "base": arrays.add(f"{label} base", level.base),
                "slope": arrays.add(f"{label} slope", level.slope),
                "fine_multiplier_q31": fine[0],
                "fine_shift": fine[1],
                "rise_multiplier_q31": rise.multiplier_q31,
                "rise_shift": rise.shift,
            }
        )
    levels += [dict(_EMPTY)] * (MOST_LEVELS - len(levels))
    return {
        **dict(zip(_MEMBERS, levels, strict=True)),
        "count": len(curve.levels),
        "doubled": int(curve.sum_scale > y),
    }
