"""A GRU over the positions of a frame, both directions at once, as one kernel: a cell that takes two positions a step.

Step s takes position s for the forward half of the state and position P - 1 - s for the backward half. The roles are
those of `quantize/lowering/gru_sequence.py`; how values get from one operator to the next is followed, not assumed.
"""

from __future__ import annotations

import numpy as np

from ...quantize.graph import Graph, Operator, Region, Tensor
from .constants import Constants
from .fields import Fields, matrix_of
from .grouped import FORM
from .gru import MATRICES, PRODUCTS, GroupedCell, cell_fields, cell_of, grouped_cell, has_formats, product
from .kernels import Kernel
from .packing import Matrix, interleave, kernel, padded
from .regions import is_closed, is_kind, origins, producers

_SIDES = ("forward", "backward")


def is_gru_sequence(graph: Graph, region: Region) -> bool:
    """Whether a region computes what the fused kernel computes, to the bit, and nobody looks inside."""
    by_role = producers(graph, region)
    wanted = {f"{gate}/{side}" for gate in MATRICES["x"] for side in _SIDES} | {"out"}
    if not wanted | {"0/h_out"} <= set(by_role) or not is_closed(graph, region, ("out",)):
        return False
    positions = _positions(graph, region, by_role)
    if not {f"{step}/{role}" for step in range(positions) for role in _of_step(graph, by_role)} <= set(by_role):
        return False
    first = _cell(graph, by_role, "forward"), _cell(graph, by_role, "backward")
    if not all(_has_kinds(graph, cell) and has_formats(graph, cell) for cell in first):
        return False
    return (
        _takes_both_ends(graph, region, by_role, positions)
        and all(_same_cell(graph, by_role, step) for step in range(1, positions))
        and all(product(graph, first[0][role]).wide == product(graph, first[1][role]).wide for role in MATRICES["x"])
    )


def gru_sequence_kernel(graph: Graph, region: Region) -> str:
    """The kernel of a region, less its dtype: one for matrices of small groups, one for all."""
    return "gru_sequence" if _small(graph, region) is None else "gru_sequence_grouped"


def gru_sequence_fields(graph: Graph, region: Region, arrays: Constants) -> Fields:
    """Fields of `stapes_gru_sequence_s8_params`, or of int16 with or without small groups."""
    by_role, gates = producers(graph, region), _gates(graph, region)
    sizes = {"batch": 1, "hidden": gates["h"][0].weights.shape[1]}
    cell = _cell(graph, by_role, "forward")
    fields = cell_fields(graph, region.name, gates, cell, _small(graph, region), arrays)
    return {"positions": _positions(graph, region, by_role), "cell": {**sizes, **fields}}


def gru_sequence_scratch(graph: Graph, region: Region) -> tuple[str, int]:
    """What the cell needs, two positions and the state; with small groups all terms, a position and the state."""
    inputs, hidden = (matrices[0].weights.shape[1] for matrices in _gates(graph, region).values())
    if _small(graph, region) is not None:
        return "int16", inputs // 2 + 7 * hidden
    return "int16", padded(inputs) + padded(hidden) + inputs + hidden


def sequence_gate_kernels(graph: Graph, region: Region) -> dict[str, Kernel]:
    """Operator -> kernel of its matrix; the first operator of a matrix that several share tells what is stored."""
    gates, small = _gates(graph, region), _small(graph, region)
    kernels: dict[str, Kernel] = {}
    for name, roles in MATRICES.items():
        whole = kernel(region.name, interleave(gates[name]))
        if small is not None:
            whole = Kernel(FORM, whole.groups // small[0][name].groups, whole.groups)
        using = [op.name for role, op in producers(graph, region).items() if set(role.split("/")) & set(roles)]
        kernels |= {op: whole if op == using[0] else Kernel(whole.form) for op in using}
    return kernels


def _small(graph: Graph, region: Region) -> GroupedCell | None:
    """The cell with small groups, some forward and as many backward, or None."""
    cell = grouped_cell(graph, _cell(graph, producers(graph, region), "forward"), _gates(graph, region))
    return cell if cell is not None and cell[0]["x"].groups % 2 == 0 else None


def _gates(graph: Graph, region: Region) -> dict[str, list[Matrix]]:
    """The matrices of a step, gate by gate."""
    by_role = producers(graph, region)
    return {
        "x": [_both_sides(graph, by_role, gate) for gate in MATRICES["x"]],
        "h": [_matrix(graph, by_role[f"0/{gate}"]) for gate in MATRICES["h"]],
    }


def _cell(graph: Graph, by_role: dict[str, Operator], side: str) -> dict[str, Operator]:
    """The operators of the first step as those of a cell, with the products of the input of one side."""
    roles = (*MATRICES["x"], *_of_step(graph, by_role))
    return {role: by_role[f"{role}/{side}" if role in MATRICES["x"] else f"0/{role}"] for role in roles}


def _of_step(graph: Graph, by_role: dict[str, Operator]) -> dict[str, tuple[str, ...]]:
    """What each step computes by itself: role of the result -> roles of the operands."""
    cell = cell_of(graph, by_role["0/h_out"])
    return {role: operands for role, (_, operands) in cell.items() if role not in MATRICES["x"]}


def _positions(graph: Graph, region: Region, by_role: dict[str, Operator]) -> int:
    return int(graph.tensors[region.roles["x"]].size // product(graph, by_role["xr/forward"]).weights.shape[1])


def _has_kinds(graph: Graph, cell: dict[str, Operator]) -> bool:
    return all(is_kind(cell[role], kind) for role, (kind, _) in cell_of(graph, cell["h_out"]).items())


def _takes_both_ends(graph: Graph, region: Region, by_role: dict[str, Operator], positions: int) -> bool:
    """Whether every value comes from where the kernel takes it."""
    roles = region.roles
    value = {name: ids.reshape(-1) for name, ids in origins(graph, graph.in_region(region.name)).items()}
    terms = {gate: [value[roles[f"{gate}/{side}"]].reshape(positions, -1) for side in _SIDES] for gate in MATRICES["x"]}
    if any(by_role[f"{gate}/{side}"].inputs[0] != roles["x"] for gate in MATRICES["x"] for side in _SIDES):
        return False
    state = _zero_state(graph, by_role["0/hr"].inputs[0])
    if state is None:
        return False
    before, made = value[state.name], []
    for step in range(positions):
        here = {"h": before}
        for gate, (forward, backward) in terms.items():
            here[gate] = np.concatenate([forward[step], backward[positions - 1 - step]])
        for role, operands in _of_step(graph, by_role).items():
            op = by_role[f"{step}/{role}"]
            if not all(np.array_equal(value[op.inputs[i]], here[operand]) for i, operand in enumerate(operands)):
                return False
            here[role] = value[op.outputs[0]]
        before = here["h_out"]
        made.append(before.reshape(2, -1))
    rows = [np.concatenate([made[t][0], made[positions - 1 - t][1]]) for t in range(positions)]
    return np.array_equal(value[roles["out"]], np.concatenate(rows))


def _zero_state(graph: Graph, name: str) -> Tensor | None:
    """The tensor itself where it is a constant of real zeros."""
    tensor = graph.tensors[name]
    return tensor if tensor.data is not None and bool((tensor.data == 0).all()) and tensor.zero_point == 0 else None


def _same_cell(graph: Graph, by_role: dict[str, Operator], step: int) -> bool:
    """Whether a step computes with the constants and the formats of the first one."""
    for role in _of_step(graph, by_role):
        first, op = by_role[f"0/{role}"], by_role[f"{step}/{role}"]
        constants = 1 if role in PRODUCTS else len(op.inputs)
        if op.kind != first.kind or op.options != first.options or op.inputs[constants:] != first.inputs[constants:]:
            return False
        names = zip((*op.inputs[:constants], *op.outputs), (*first.inputs[:constants], *first.outputs), strict=True)
        if not all(_same_format(graph.tensors[a], graph.tensors[b]) for a, b in names):
            return False
    return True


def _same_format(a: Tensor, b: Tensor) -> bool:
    same = (a.dtype, a.size, a.zero_point) == (b.dtype, b.size, b.zero_point)
    return same and a.scale is not None and b.scale is not None and np.array_equal(a.scale, b.scale)


def _matrix(graph: Graph, op: Operator) -> Matrix:
    return matrix_of(op.name, product(graph, op), graph.tensors[op.inputs[0]])


def _both_sides(graph: Graph, by_role: dict[str, Operator], gate: str) -> Matrix:
    """The products of both directions as one matrix over two positions, one behind the other."""
    forward, backward = (_matrix(graph, by_role[f"{gate}/{side}"]) for side in _SIDES)
    (rows, inputs), weights = forward.weights.shape, np.zeros_like(forward.weights)
    joined = {
        name: np.concatenate([getattr(forward, name), getattr(backward, name)])
        for name in ("bias", "multiplier_q31", "shift", "zero_point")
    }
    top = np.concatenate([forward.weights, weights], axis=1)
    bottom = np.concatenate([weights, backward.weights], axis=1)
    assert top.shape == (rows, 2 * inputs)
    return Matrix(
        weights=np.concatenate([top, bottom]),
        wide=forward.wide,
        narrow=forward.narrow,
        largest_input=forward.largest_input,
        **joined,
    )
