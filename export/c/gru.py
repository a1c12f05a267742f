"""A GRU cell as one kernel: which regions are one to the bit, and the parameters of the kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ...quantize.graph import Graph, Operator, Region
from ...quantize.prepare import (
    AddParams,
    Conv2DParams,
    FullyConnectedParams,
    LutParams,
    MulParams,
    Params,
    SigmoidParams,
    prepare,
)
from ...quantize.regions.compositions import GATES, GRU_CELLS, Composition
from .constants import Constants
from .fields import (
    Fields,
    as_fully_connected,
    is_pointwise,
    lut_fields,
    matrix_fields,
    matrix_of,
    scalar_fields,
)
from .grouped import FORM, Grouped, grouped, grouped_fields
from .kernels import Kernel
from .packing import Matrix, interleave, kernel, pack, padded
from .regions import is_closed, is_composed, producers

MATRICES = {"x": ("xr", "xz", "xn"), "h": ("hr", "hz", "hn")}
PRODUCTS = (*MATRICES["x"], *MATRICES["h"])
_GATE_SUMS = ("ar", "az", "an")

# A multiplier that is a power of two has this mantissa.
_HALF_Q31 = 2**30
_EXACT = (_HALF_Q31, 0)
_S8, _S16 = (-128, 127), (-(2**15), 2**15 - 1)
# The parameters that the kernels have built in; `stapes_recurrences.h` names the formats that lead to them.
_BUILT_IN: dict[str, dict[str, Params]] = {
    "int8": {
        "zn": MulParams(-128, 0, _HALF_Q31, -7, 0, *_S8),
        "fresh": AddParams(20, 0, _HALF_Q31, 0, 0, _HALF_Q31, 0, _HALF_Q31, -18, 0, *_S8, True),
        "zh": MulParams(-128, 0, _HALF_Q31, -7, 0, *_S8),
        "h_out": AddParams(20, 0, _HALF_Q31, 0, 0, _HALF_Q31, 0, _HALF_Q31, -18, 0, *_S8, False),
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
    an exact first half where both shifts are at least -13. Common powers of two are cut or added so that the division
    is a multiplication by a power of at most 2^30.

    >>> aligned_add(AddParams(15, 0, 2**30, 0, 0, 2**30, -1, 2**30, -15, 0, -32768, 32767, False))
    {'factor_1': 2, 'factor_2': 1, 'power': 536870912}
    """
    plain = AddParams(
        15, 0, _HALF_Q31, params.shift_1, 0, _HALF_Q31, params.shift_2, _HALF_Q31, params.output_shift, 0, *_S16, False
    )
    left_1, left_2, right = 13 + params.shift_1, 13 + params.shift_2, -params.output_shift
    if params != plain or min(left_1, left_2, right) < 0 or max(params.shift_1, params.shift_2) > 0:
        return None
    common = min(left_1, left_2, right - 2)
    factor_1, factor_2 = 2 ** (left_1 - common), 2 ** (left_2 - common)
    if (factor_1 + factor_2) * 2**15 >= 2**31:
        return None
    return {"factor_1": factor_1, "factor_2": factor_2, "power": 2 ** (32 - (right - common))}


def quick_add(params: AddParams) -> dict[str, int | bool] | None:
    """`stapes_quick_add_params` of an ADD of int8: requantise_double by upper halves of products, or None.

    The operand of the larger scale has a multiplier of one half exactly, so that it is only shifted on the common
    scale; where the other one has too, it is shifted by two bits more, and back.
    """
    plain = (params.left_shift, params.activation_min, params.activation_max, params.subtract) == (20, *_S8, False)
    first = (params.zero_point_1, params.multiplier_1_q31, params.shift_1)
    second = (params.zero_point_2, params.multiplier_2_q31, params.shift_2)
    exact, other = (first, second) if first[1:] == _EXACT else (second, first)
    factor, right = (2**23, 2) if other[1:] == _EXACT else (2**21, -other[2])
    if not plain or exact[1:] != _EXACT or not 1 <= right <= 31 or not 2 <= -params.output_shift <= 31:
        return None
    return {
        "second_is_exact": exact is second,
        "exact_offset": -exact[0] * 2**20,
        "factor": factor,
        "offset": -other[0] * factor,
        "multiplier": other[1],
        "nudge": 2 ** (right - 1),
        "right": right,
        "output_multiplier": params.output_multiplier_q31,
        "output_power": 2 ** (32 + params.output_shift),
        "output_zero_point": params.output_zero_point,
    }


def quick_mul(params: MulParams) -> dict[str, int] | None:
    """`stapes_quick_mul_params` of a MUL of int8 by a gate (zero point -128), or None for another."""
    plain = (params.zero_point_1, params.activation_min, params.activation_max) == (-128, *_S8)
    if not plain or not 2 <= -params.shift <= 31:
        return None
    return {
        "zero_point_2": params.zero_point_2,
        "multiplier": params.multiplier_q31,
        "power": 2 ** (32 + params.shift),
        "zero_point": params.output_zero_point,
    }


# Matrices by name, and the other numbers of the kernel for small groups.
GroupedCell = tuple[dict[str, Grouped], dict[str, int]]

# The curves that the kernel for small groups has built in: three times the input is a position of its table.
_GROUPED_CURVES: dict[str, tuple[Params, ...]] = {
    "r": tuple(SigmoidParams(6 << shift, shift, False) for shift in range(13)),
    "z": tuple(SigmoidParams(6 << shift, shift, False) for shift in range(13)),
    "n": tuple(SigmoidParams(3 << shift, shift, True) for shift in range(13)),
}


def is_gru(graph: Graph, region: Region) -> bool:
    """Whether a region computes what the fused kernel computes, to the bit, and nobody looks inside."""
    by_role = producers(graph, region)
    cell = cell_of(graph, by_role["h_out"])
    if not is_composed(graph, region, cell) or not is_closed(graph, region, ("h_out",)):
        return False
    hidden = graph.tensors[region.roles["h"]].size
    same = all(graph.tensors[region.roles[role]].size == hidden for role in cell)
    return same and has_formats(graph, by_role)


def cell_of(graph: Graph, state: Operator) -> Composition:
    """The cell that makes its state by this operator: role of the result -> (kind, roles of the operands)."""
    return GRU_CELLS[graph.tensors[state.outputs[0]].dtype]


def has_formats(graph: Graph, by_role: Mapping[str, Operator]) -> bool:
    """Whether the operators of a cell, by the roles of their results, have the formats that the kernel has built in."""
    params = {role: prepare(graph, op) for role, op in by_role.items()}
    dtype = graph.tensors[by_role["h_out"].outputs[0]].dtype
    if dtype not in _BUILT_IN or any(params[role] != wanted for role, wanted in _BUILT_IN[dtype].items()):
        return False
    if not all(_is_gate_product(params[role]) for role in PRODUCTS):
        return False
    if any(len({params[role].wide for role in roles}) > 1 for roles in MATRICES.values()):  # type: ignore[union-attr]
        return False
    sums = [params[role] for role in _GATE_SUMS]
    if dtype == "int8" and quick_mul(params["rhn"]) is None:  # type: ignore[arg-type]
        return False
    return all((quick_add if dtype == "int8" else aligned_add)(p) is not None for p in sums)  # type: ignore[arg-type]


def _is_gate_product(params: Params) -> bool:
    """Whether a product has no activation of its own."""
    if isinstance(params, Conv2DParams) and not is_pointwise(params):
        return False
    assert isinstance(params, FullyConnectedParams | Conv2DParams)
    return (params.activation_min, params.activation_max) in (_S8, _S16)


def vector_sizes(graph: Graph, region: Region) -> tuple[int, int]:
    """Values in an input vector and in a state of the cell, which may run over several rows."""
    by_role = producers(graph, region)
    return tuple(product(graph, by_role[role]).weights.shape[1] for role in ("xr", "hr"))


def product(graph: Graph, op: Operator) -> FullyConnectedParams:
    params = prepare(graph, op)
    return as_fully_connected(params) if isinstance(params, Conv2DParams) else params  # type: ignore[return-value]


def gru_kernel(graph: Graph, region: Region) -> str:
    """The kernel of a region, less its dtype: one for matrices of small groups, one for all."""
    small = grouped_cell(graph, producers(graph, region), gate_matrices(graph, region))
    return "gru" if small is None else "gru_grouped"


def gru_fields(graph: Graph, region: Region, arrays: Constants) -> Fields:
    """Fields of `stapes_gru_s8_params`, `stapes_gru_s16_params` or `stapes_gru_grouped_s16_params`."""
    by_role, gates = producers(graph, region), gate_matrices(graph, region)
    hidden = vector_sizes(graph, region)[1]
    batch = graph.tensors[region.roles["h"]].size // hidden
    sizes = {"batch": batch, "hidden": hidden}
    return {**sizes, **cell_fields(graph, region.name, gates, by_role, grouped_cell(graph, by_role, gates), arrays)}


def gru_scratch(graph: Graph, region: Region) -> tuple[str, int]:
    """A vector of the input and one of the state, of one row; before the cell of small groups all terms."""
    inputs, hidden = vector_sizes(graph, region)
    small = gru_kernel(graph, region) != "gru"
    return "int16", inputs + 7 * hidden if small else padded(inputs) + padded(hidden)


def cell_fields(
    graph: Graph,
    label: str,
    gates: Mapping[str, Sequence[Matrix]],
    by_role: Mapping[str, Operator],
    small: GroupedCell | None,
    arrays: Constants,
) -> Fields:
    """Fields of a cell's parameters from its matrices, gate by gate, and the operators behind them."""
    if small is not None:
        matrices, scalars = small
        return {n: grouped_fields(f"{label} {n}", m, arrays) for n, m in matrices.items()} | scalars
    built_in = _BUILT_IN[graph.tensors[by_role["h_out"].outputs[0]].dtype]
    others = [role for role in GATES if role not in built_in and role not in PRODUCTS]
    return {
        **{name: matrix_fields(label, f"{label} {name}", interleave(gates[name]), arrays) for name in MATRICES},
        **{role: _role_fields(graph, by_role[role], arrays) for role in others},
    }


def grouped_cell(
    graph: Graph, by_role: Mapping[str, Operator], gates: Mapping[str, Sequence[Matrix]]
) -> GroupedCell | None:
    """Matrices and numbers of `stapes_gru_grouped_s16_params`, or None for a cell that it does not compute."""
    if graph.tensors[by_role["h_out"].outputs[0]].dtype != "int16":
        return None
    if any(prepare(graph, by_role[role]) not in curves for role, curves in _GROUPED_CURVES.items()):
        return None
    sums = _common_power([aligned_add(prepare(graph, by_role[role])) for role in _GATE_SUMS])  # type: ignore[arg-type]
    matrices = {name: grouped(gates[name]) for name in MATRICES}
    if sums is None or any(matrix is None for matrix in matrices.values()):
        return None
    factors, power = sums
    scalars = dict(zip(("r_factors", "z_factors", "n_factors"), factors, strict=True)) | {"power": power}
    return {name: matrix for name, matrix in matrices.items() if matrix is not None}, scalars


def _common_power(sums: Sequence[dict[str, int] | None]) -> tuple[list[int], int] | None:
    """Both factors of each sum in one word, and the power behind all of them."""
    known = [fields for fields in sums if fields is not None]
    power = min(fields["power"] for fields in known)
    words = []
    for fields in known:
        first, second = (fields[name] * (fields["power"] // power) for name in ("factor_1", "factor_2"))
        if max(first, second) >= 2**15 or (first + second) * 2**15 >= 2**31:
            return None
        words.append(second * 2**16 + first)
    return (words, power) if len(known) == len(sums) else None


def gate_matrix(graph: Graph, region: Region, name: str) -> Matrix:
    """The products of a cell with `x` or with `h` as one matrix."""
    return interleave(gate_matrices(graph, region)[name])


def gate_matrices(graph: Graph, region: Region) -> dict[str, list[Matrix]]:
    """The products of a cell with `x` and with `h`, gate by gate."""
    by_role = producers(graph, region)
    return {name: [_matrix(graph, by_role[role]) for role in roles] for name, roles in MATRICES.items()}


def _matrix(graph: Graph, op: Operator) -> Matrix:
    return matrix_of(op.name, product(graph, op), graph.tensors[op.inputs[0]])


def gate_kernels(graph: Graph, region: Region) -> dict[str, Kernel]:
    """Operator -> kernel of its matrix for the products of a cell; gates that share a matrix share the choice."""
    by_role, gates = producers(graph, region), gate_matrices(graph, region)
    small = grouped_cell(graph, by_role, gates)
    kernels = {}
    for name, roles in MATRICES.items():
        joined = interleave(gates[name])
        sparse, form = pack(region.name, joined).sparse, kernel(region.name, joined).form
        for role, gate in zip(roles, gates[name], strict=True):
            own = kernel(by_role[role].name, gate, sparse)
            if small is not None:
                own = Kernel(FORM, own.groups // small[0][name].groups, own.groups)
            kernels[by_role[role].name] = own if small is not None else replace(own, form=form)
    return kernels


def _role_fields(graph: Graph, op: Operator, arrays: Constants) -> Fields:
    params = prepare(graph, op)
    if isinstance(params, LutParams):
        return lut_fields(op.name, params, arrays)
    if isinstance(params, AddParams):
        fields = aligned_add(params) if graph.tensors[op.inputs[0]].dtype == "int16" else quick_add(params)
        assert fields is not None
        return fields
    if isinstance(params, MulParams):
        fields = quick_mul(params)
        assert fields is not None
        return fields
    return scalar_fields(op.name, params)
