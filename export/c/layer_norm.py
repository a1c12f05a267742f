"""A LayerNorm as one kernel: which regions are one to the bit, and the parameters of the kernel.

The operators are those of `quantize/regions/compositions.py`, as `quantize/lowering/layer_norm.py` makes them.
"""

from __future__ import annotations

import numpy as np

from ...models.errors import StapesError
from ...quantize.arithmetic import requantise_double
from ...quantize.graph import Graph, Operator, Region
from ...quantize.prepare import (
    AddParams,
    Conv2DParams,
    FullyConnectedParams,
    MulParams,
    ReluParams,
    prepare,
)
from ...quantize.regions.compositions import LAYER_NORM
from .constants import Constants
from .fields import Fields, as_fully_connected, scalar_fields
from .regions import is_closed, is_composed, producers

FORM = "LayerNorm"
# What runs over all values, in the forms of `stapes_quick_s16.h`.
_QUICK = ("c", "c1", "normalised", "scaled", "out")
# As many as the kernel has room for.
_MOST_OCTAVES = 32
# Sums whose weights are all equal: the values are summed, the sum is multiplied.
_PLAIN_SUMS = ("minus_mean", "m")
_S16 = (-(2**15), 2**15 - 1)
_SAME = ReluParams(0, 2**30, 1, 0, 0, _S16[1])


def is_layer_norm(graph: Graph, region: Region) -> bool:
    """Whether a region computes what `stapes_layer_norm_s16` computes, to the bit, and nobody looks inside."""
    roles, by_role = region.roles, producers(graph, region)
    if not is_composed(graph, region, LAYER_NORM):
        return False
    if graph.tensors[roles["x"]].size != graph.tensors[roles["out"]].size:
        return False
    gamma = graph.tensors[by_role["scaled"].inputs[1]].data
    if gamma is None or gamma.min() == _S16[0]:  # the kernel doubles it
        return False
    return _has_formats(graph, by_role) and is_closed(graph, region, ("out",))


def _has_formats(graph: Graph, by_role: dict[str, Operator]) -> bool:
    if any(graph.tensors[name].dtype != "int16" for op in by_role.values() for name in (op.inputs[0], *op.outputs)):
        return False
    for role, op in by_role.items():
        params = _params(graph, op)
        if isinstance(params, AddParams | MulParams | FullyConnectedParams) and _is_limited(params):
            return False
        if role in _QUICK and not _is_quick(params):
            return False
        if isinstance(params, FullyConnectedParams) and not _is_weighted_sum(role, params):
            return False
    widest = max(graph.tensors[by_role[role].outputs[0]].size for role in ("octaves", "v_octaves"))
    return widest <= _MOST_OCTAVES and _params(graph, by_role["positive"]) == _SAME


def _is_limited(params: AddParams | MulParams | FullyConnectedParams) -> bool:
    return (params.activation_min, params.activation_max) != _S16


def _is_quick(params: object) -> bool:
    """`stapes_quick_add_fits` and `stapes_quick_mul_fits`, less the activation and the zero points."""
    if isinstance(params, MulParams):
        return -31 <= params.shift <= -2
    assert isinstance(params, AddParams)
    operands = max(params.shift_1, params.shift_2) <= 0 and min(params.shift_1, params.shift_2) >= -30
    return not params.subtract and operands and -30 <= params.output_shift <= -2


def _is_weighted_sum(role: str, params: FullyConnectedParams) -> bool:
    equal = role not in _PLAIN_SUMS or bool((params.weights == params.weights[0, 0]).all())
    return equal and params.wide and len(params.weights) == 1


def _params(graph: Graph, op: Operator) -> object:
    params = prepare(graph, op)
    return as_fully_connected(params) if isinstance(params, Conv2DParams) else params


def layer_norm_fields(graph: Graph, region: Region, arrays: Constants) -> Fields:
    """Fields of `stapes_layer_norm_s16_params`."""
    by_role = producers(graph, region)
    fields: dict[str, object] = {"size": graph.tensors[region.roles["x"]].size}
    for role, (kind, _) in LAYER_NORM.items():
        op = by_role[role]
        params = _params(graph, op)
        if isinstance(params, FullyConnectedParams):
            fields[role] = _sum_fields(f"{region.name} {role}", role, params, arrays)
        elif kind != "RELU":
            fields[role] = {k: v for k, v in scalar_fields(op.name, params).items() if k != "depth"}
        if kind in ("MUL", "ADD") and graph.tensors[op.inputs[1]].is_constant:
            data = graph.tensors[op.inputs[1]].data
            assert data is not None
            if role == "out":
                fields["twice_beta"] = arrays.add(f"{region.name} twice beta", _twice_common(params, data))
            else:
                fields[f"{role}_by"] = arrays.add(f"{op.inputs[1]}", np.asarray(data, np.int16).reshape(-1))
    fields["octave_count"] = graph.tensors[region.roles["octaves"]].size
    fields["v_octave_count"] = graph.tensors[region.roles["v_octaves"]].size
    return fields


def _twice_common(params: object, data: np.ndarray) -> np.ndarray:
    """int32: twice the second operand of an ADD on the common scale, as its kernel has it in front of the sum."""
    assert isinstance(params, AddParams)
    shifted = data.astype(np.int64).reshape(-1) << params.left_shift
    return (2 * requantise_double(shifted, params.multiplier_2_q31, params.shift_2)).astype(np.int32)


def _sum_fields(what: str, role: str, params: FullyConnectedParams, arrays: Constants) -> Fields:
    shift = int(params.shift[0])
    if not -31 <= shift <= 14:
        raise StapesError(f"operator '{what}': scales differ by more than 2^14; use closer scales")
    scaling = {
        "bias": int(params.bias[0]),
        "multiplier_q31": int(params.multiplier_q31[0]),
        "shift": shift,
    }
    if role in _PLAIN_SUMS:
        return {"weight": int(params.weights[0, 0]), **scaling}
    return {"weights": arrays.add(f"{what} weights", params.weights), "size": params.weights.shape[1], **scaling}
