"""A function of one value as builtins of TFLite Micro, which looks up int8 values by GATHER and nothing else.

    int8:   index = QUANTIZE(x) to int32     y = GATHER(table, index)

    int16:  index = QUANTIZE(x) to int32     the cell of x, 0 ... 256
            near = QUANTIZE(index)           the code of x in the middle of the cell
            offset = x - near
            base, slope                      each from two tables of int8: upper and lower half of its codes
            y = base + slope * offset

Tables that see x larger begin with a QUANTIZE of it, which saturates; the values of all of them are summed. Every format inside follows
from those of x and y, and all but the product with the slope are exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..graph import Operator, Tensor
from .fit import CELL, CELLS, Curve, Level, fit_curve, int8_table
from .functions import Settings

_ARITHMETIC = {"fused_activation_function": "NONE"}


@dataclass
class Composition:
    """The tensors and operators of one region, as they are added."""

    region: str
    tensors: dict[str, Tensor] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)
    roles: dict[str, str] = field(default_factory=dict)

    def tensor(self, role: str, like: Tensor, dtype: str, scale: np.float32, zero_point: int = 0) -> Tensor:
        """A new tensor of the shape of another one."""
        name = f"{self.region}/{role}"
        made = Tensor(name, like.shape, dtype, np.array([scale], np.float32), zero_point)
        self.tensors[name], self.roles[role] = made, name
        return made

    def table(self, role: str, codes: np.ndarray, scale: np.float32, zero_point: int = 0) -> Tensor:
        """A constant int8 (n,)."""
        name = f"{self.region}/{role}/table"
        data = np.asarray(codes, np.int8)
        self.tensors[name] = Tensor(name, data.shape, "int8", np.array([scale], np.float32), zero_point, None, data)
        return self.tensors[name]

    def add(self, kind: str, output: Tensor, *inputs: Tensor) -> Tensor:
        """An operator; returns its output."""
        options = dict(_ARITHMETIC) if kind in ("ADD", "SUB", "MUL") else {"axis": 0} if kind == "GATHER" else {}
        names = tuple(tensor.name for tensor in inputs)
        self.operators.append(Operator(kind, output.name, names, (output.name,), options, self.region))
        return output


def expand(region: str, name: str, settings: Settings, x: Tensor, y: Tensor) -> Composition:
    """The operators by which y becomes the function of x; both int8 or both int16, y is made by the last one."""
    assert x.scale is not None
    assert y.scale is not None
    x_scale, y_scale = np.float32(x.scale[0]), np.float32(y.scale[0])
    if y.dtype == "int8":
        table = int8_table(name, settings, (float(x_scale), x.zero_point), (float(y_scale), y.zero_point))
        return compose_int8(region, table, x, y)
    return compose_int16(region, fit_curve(name, settings, float(x_scale), float(y_scale)), x, y)


def compose_int8(region: str, table: np.ndarray, x: Tensor, y: Tensor) -> Composition:
    """A table of int8 (256,): the code of y for each code of x."""
    assert x.scale is not None
    assert y.scale is not None
    made = Composition(region)
    made.roles["x"] = x.name
    index = made.tensor("index", x, "int32", np.float32(x.scale[0]), x.zero_point + 128)
    made.add("QUANTIZE", index, x)
    made.add("GATHER", y, made.table("y", table, np.float32(y.scale[0]), y.zero_point), index)
    made.roles["y"] = y.name
    return made


def compose_int16(region: str, curve: Curve, x: Tensor, y: Tensor) -> Composition:
    """One to three tables of int16, and their sum."""
    made = Composition(region)
    made.roles["x"] = x.name
    total: Tensor | None = None
    for number, level in enumerate(curve.levels):
        last = number == len(curve.levels) - 1
        alone = last and total is None
        value = _level(made, f"{number}/", level, curve.sum_scale, x, y if alone else None)
        if total is not None:
            value = made.add(
                "ADD", y if last else made.tensor(f"{number}/sum", y, "int16", curve.sum_scale), total, value
            )
        total = value
    made.roles["y"] = y.name
    return made


def _level(
    made: Composition, prefix: str, level: Level, sum_scale: np.float32, x: Tensor, result: Tensor | None
) -> Tensor:
    assert x.scale is not None
    fine = x
    if level.scale != x.scale[0]:
        fine = made.add("QUANTIZE", made.tensor(f"{prefix}fine", x, "int16", level.scale), x)
    cell = np.float32(level.scale * np.float32(CELL))
    index = made.add("QUANTIZE", made.tensor(f"{prefix}index", x, "int32", cell, CELLS // 2), fine)
    near = made.add("QUANTIZE", made.tensor(f"{prefix}near", x, "int16", level.scale), index)
    offset = made.add("SUB", made.tensor(f"{prefix}offset", x, "int16", level.scale), fine, near)
    base = _looked_up(made, f"{prefix}base", level.base, sum_scale, index)
    slope = _looked_up(made, f"{prefix}slope", level.slope, level.slope_scale, index)
    rise = made.add("MUL", made.tensor(f"{prefix}rise", x, "int16", sum_scale), offset, slope)
    return made.add("ADD", result or made.tensor(f"{prefix}value", x, "int16", sum_scale), base, rise)


def _looked_up(made: Composition, role: str, values: np.ndarray, scale: np.float32, index: Tensor) -> Tensor:
    """int16 values from two tables of int8: codes = 256 * upper + lower, the lower one 0 ... 255."""
    codes = values.astype(np.int64)
    halves = []
    for part, half, step, zero_point in (("upper", codes >> 8, np.float32(256), 0), ("lower", (codes & 255) - 128, np.float32(1), -128)):  # fmt: skip
        table = made.table(f"{role}/{part}", half, np.float32(scale * step), zero_point)
        found = made.tensor(f"{role}/{part}", index, "int8", np.float32(scale * step), zero_point)
        made.add("GATHER", found, table, index)
        halves.append(made.add("QUANTIZE", made.tensor(f"{role}/{part}/wide", index, "int16", scale), found))
    return made.add("ADD", made.tensor(role, index, "int16", scale), *halves)
