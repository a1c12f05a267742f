"""A GRU cell as one kernel: which regions are one to the bit, and the parameters of the kernel."""

from __future__ import annotations

from export.c.constants import Constants
from export.c.fields import Fields, as_fully_connected, fully_connected_fields, is_pointwise, lut_fields, scalar_fields
from export.c.regions import is_closed, producers
from quantize.graph import Graph, Operator, Region
from quantize.prepare import (
    AddParams,
    Conv2DParams,
    FullyConnectedParams,
    LutParams,
    MulParams,
    Params,
    prepare,
)

# role of the result: (kind, roles of the operands).
CELL = {
    "xr": ("FULLY_CONNECTED", ("x",)),
    "xz": ("FULLY_CONNECTED", ("x",)),
    "xn": ("FULLY_CONNECTED", ("x",)),
    "hr": ("FULLY_CONNECTED", ("h",)),
    "hz": ("FULLY_CONNECTED", ("h",)),
    "hn": ("FULLY_CONNECTED", ("h",)),
    "ar": ("ADD", ("xr", "hr")),
    "r": ("LOGISTIC", ("ar",)),
    "az": ("ADD", ("xz", "hz")),
    "z": ("LOGISTIC", ("az",)),
    "rhn": ("MUL", ("r", "hn")),
    "an": ("ADD", ("xn", "rhn")),
    "n": ("TANH", ("an",)),
    "d": ("SUB", ("h", "n")),
    "zd": ("MUL", ("z", "d")),
    "h_out": ("ADD", ("n", "zd")),
}
_PRODUCTS = tuple(role for role, (kind, _) in CELL.items() if kind == "FULLY_CONNECTED")
_GATE_SUMS = ("ar", "az", "an")

# A multiplier that is a power of two has this mantissa.
_HALF_Q31 = 2**30
_S8, _S16 = (-128, 127), (-(2**15), 2**15 - 1)
# The parameters that the kernels have built in; `stapes_nn.h` names the formats that lead to them.
_BUILT_IN: dict[str, dict[str, Params]] = {
    "int8": {
        "d": AddParams(20, 0, _HALF_Q31, 0, 0, _HALF_Q31, 0, _HALF_Q31, -19, 0, *_S8, True),
        "zd": MulParams(-128, 0, _HALF_Q31, -7, 0, *_S8),
        "h_out": AddParams(20, 0, _HALF_Q31, -1, 0, _HALF_Q31, 0, _HALF_Q31, -17, 0, *_S8, False),
    },
    "int16": {
        "rhn": MulParams(0, 0, _HALF_Q31, -14, 0, *_S16),
        "d": AddParams(15, 0, _HALF_Q31, 0, 0, _HALF_Q31, 0, _HALF_Q31, -14, 0, *_S16, True),
        "zd": MulParams(0, 0, _HALF_Q31, -14, 0, *_S16),
        "h_out": AddParams(15, 0, _HALF_Q31, -1, 0, _HALF_Q31, 0, _HALF_Q31, -12, 0, *_S16, False),
    },
}


def aligned_add(params: AddParams) -> dict[str, int] | None:
    """`stapes_aligned_add_params` of an ADD of int16 whose scales are powers of two, or None for another.

    With multipliers of 2^30 the ADD is round((a << (14 + shift_1) + b << (14 + shift_2)) / 2 / 2^-output_shift) with
    an exact first half where both shifts are at least -13; common powers of two are cut.

    >>> aligned_add(AddParams(15, 0, 2**30, 0, 0, 2**30, -1, 2**30, -15, 0, -32768, 32767, False))
    {'shift_1': 1, 'shift_2': 0, 'right': 3}
    """
    plain = AddParams(
        15, 0, _HALF_Q31, params.shift_1, 0, _HALF_Q31, params.shift_2, _HALF_Q31, params.output_shift, 0, *_S16, False
    )
    left_1, left_2, right = 13 + params.shift_1, 13 + params.shift_2, -params.output_shift
    if params != plain or min(left_1, left_2, right) < 0 or max(params.shift_1, params.shift_2) > 0:
        return None
    common = min(left_1, left_2, right)
    return {"shift_1": left_1 - common, "shift_2": left_2 - common, "right": right - common}


def is_gru(graph: Graph, region: Region) -> bool:
    """Whether a region computes what the fused kernel computes, to the bit, and nobody looks inside."""
    if region.kind != "gru" or set(region.roles) != {"x", "h", *CELL}:
        return False
    return _has_shape_of_cell(graph, region) and is_closed(graph, region, ("h_out",)) and _has_formats(graph, region)


def _has_shape_of_cell(graph: Graph, region: Region) -> bool:
    roles, by_role = region.roles, producers(graph, region)
    if set(by_role) != set(CELL) or len(graph.in_region(region.name)) != len(CELL):
        return False
    for role, (kind, operands) in CELL.items():
        op = by_role[role]
        same_kind = op.kind == kind or (op.kind, kind) == ("CONV_2D", "FULLY_CONNECTED")
        if not same_kind or op.inputs[: len(operands)] != tuple(roles[operand] for operand in operands):
            return False
    hidden = graph.tensors[roles["h"]].size
    return all(graph.tensors[roles[role]].size == hidden for role in CELL)


def _has_formats(graph: Graph, region: Region) -> bool:
    by_role = producers(graph, region)
    params = {role: prepare(graph, op) for role, op in by_role.items()}
    dtype = graph.tensors[region.roles["h"]].dtype
    if dtype not in _BUILT_IN or any(params[role] != wanted for role, wanted in _BUILT_IN[dtype].items()):
        return False
    products = [params[role] for role in _PRODUCTS]
    if any(isinstance(product, Conv2DParams) and not is_pointwise(product) for product in products):
        return False
    sums = [params[role] for role in _GATE_SUMS]
    return dtype == "int8" or all(isinstance(p, AddParams) and aligned_add(p) is not None for p in sums)


def gru_fields(graph: Graph, region: Region, arrays: Constants) -> Fields:
    """Fields of `stapes_gru_s8_params` or `stapes_gru_s16_params`."""
    by_role = producers(graph, region)
    built_in = _BUILT_IN[graph.tensors[region.roles["h"]].dtype]
    return {role: _role_fields(graph, by_role[role], arrays) for role in CELL if role not in built_in}


def _role_fields(graph: Graph, op: Operator, arrays: Constants) -> Fields:
    params = prepare(graph, op)
    x = graph.tensors[op.inputs[0]]
    if isinstance(params, Conv2DParams):
        params = as_fully_connected(params)
    if isinstance(params, FullyConnectedParams):
        return fully_connected_fields(op.name, op.name, params, x, arrays)
    if isinstance(params, LutParams):
        return lut_fields(op.name, params, arrays)
    if isinstance(params, AddParams) and x.dtype == "int16":
        aligned = aligned_add(params)
        assert aligned is not None
        return aligned
    return scalar_fields(op.name, params)
