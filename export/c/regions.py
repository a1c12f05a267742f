"""What the fused kernels ask of a region, whatever its kind."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from ...quantize.graph import Graph, Operator, Region
from ...quantize.prepare import ConcatenationParams, SliceParams, SplitParams, TransposeParams, prepare
from ...quantize.regions.compositions import Composition


def producers(graph: Graph, region: Region) -> dict[str, Operator]:
    """The operator that computes each role of a region."""
    by_output = {name: op for op in graph.in_region(region.name) for name in op.outputs}
    return {role: by_output[name] for role, name in region.roles.items() if name in by_output}


def is_composed(graph: Graph, region: Region, composition: Composition) -> bool:
    """Whether the operators of a region are those of a composition, wired as it says, and all else that they read is constant."""
    by_role, roles = producers(graph, region), region.roles
    inputs = {operand for _, operands in composition.values() for operand in operands} - set(composition)
    if set(roles) != {*inputs, *composition} or set(by_role) != set(composition):
        return False
    if len(graph.in_region(region.name)) != len(composition):
        return False
    return all(
        _is_composed(graph, by_role[role], kind, [roles[o] for o in os]) for role, (kind, os) in composition.items()
    )


def _is_composed(graph: Graph, op: Operator, kind: str, operands: Sequence[str]) -> bool:
    others = op.inputs[len(operands) :]
    return (
        is_kind(op, kind)
        and op.inputs[: len(operands)] == tuple(operands)
        and all(not name or graph.tensors[name].is_constant for name in others)
    )


def is_kind(op: Operator, kind: str) -> bool:
    """Whether an operator is of a kind; a CONV_2D, which must be of one value, may stand for a FULLY_CONNECTED."""
    return op.kind == kind or (op.kind, kind) == ("CONV_2D", "FULLY_CONNECTED")


def is_closed(graph: Graph, region: Region, results: Collection[str]) -> bool:
    """Whether nothing outside a region reads what its operators make, but for the roles in `results`."""
    inside = {name for op in graph.in_region(region.name) for name in op.outputs}
    inside -= {region.roles[role] for role in results}
    seen = {name for op in graph.operators if op.region != region.name for name in op.inputs}
    seen |= {*graph.outputs, *(state.output for state in graph.states)}
    return not inside & seen


def origins(graph: Graph, operators: Iterable[Operator]) -> dict[str, np.ndarray]:
    """Tensor -> int64 of its shape: equal numbers are the same value, followed through operators that only move values."""
    found: dict[str, np.ndarray] = {}
    count = 0

    def fresh(name: str) -> np.ndarray:
        nonlocal count
        tensor = graph.tensors[name]
        found[name] = np.arange(count, count + tensor.size).reshape(tensor.shape)
        count += tensor.size
        return found[name]

    for op in operators:
        operands = [found[name] if name in found else fresh(name) for name in op.inputs if name]
        moved = _moved(graph, op, operands)
        if moved is None:
            for name in op.outputs:
                fresh(name)
        else:
            found.update(zip(op.outputs, moved, strict=True))
    return found


def _moved(graph: Graph, op: Operator, operands: list[np.ndarray]) -> list[np.ndarray] | None:
    """The outputs of an operator that only moves values, None for another."""
    if op.kind == "RESHAPE":
        return [operands[0].reshape(graph.tensors[op.outputs[0]].shape)]
    if op.kind not in ("TRANSPOSE", "SLICE", "STRIDED_SLICE", "SPLIT", "CONCATENATION"):
        return None
    params = prepare(graph, op)
    if isinstance(params, TransposeParams):
        return [operands[0].transpose(params.permutation)]
    if isinstance(params, SliceParams):
        taken = zip(params.begin, params.size, params.stride, strict=True)
        indices = [begin + step * np.arange(size) for begin, size, step in taken]
        return [operands[0][np.ix_(*indices)].reshape(params.output_shape)]
    if isinstance(params, SplitParams):
        return np.split(operands[1], params.count, axis=params.axis)
    assert isinstance(params, ConcatenationParams)
    return [np.concatenate(operands, axis=params.axis)]
