"""UNIDIRECTIONAL_SEQUENCE_LSTM, written in operators of the table, to the bit.

    i, f, o = sigmoid(W x + b + R h)      g = tanh(W x + b + R h)      c' = f c + i g      h' = o tanh(c')

Source: `EvalLstm` of TFLite Micro (`lstm_eval.h`, `lstm_eval.cc`, `lstm_eval_common.cc`). Each product of weights is rounded to 16 bits
with a scale of 2^-12, the sums saturate, gates have 2^-15, the cell state is int16 with a power of two.

With int8 activations, x and h are widened first: their zero points go, and a FULLY_CONNECTED of int16 with a bias of int32 has the
sums and the rounding of the kernel. h' is a product rounded to the scale of h, then moved by the zero point of h.

Worked example of the clip: c' is held to +-20480 (10 at a scale of 2^-11). An ADD of 12287 saturates above 20480, a SUB of
24575 takes that back and goes on to saturate below -20480, an ADD of 12288 ends it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ....quantize.graph import State, Tensor
from .building import Building, RefusedError, same_format, told_format
from .file import FileOperator

GATE_SCALE, UNIT_SCALE = np.array([2.0**-12], np.float32), np.array([2.0**-15], np.float32)
# Each step of time is a cell of some thirty operators.
MOST_STEPS = 64
_INPUTS = 24
# Places of the operator's inputs, by gate.
_WEIGHTS, _RECURRENT, _BIAS = ({g: first + n for n, g in enumerate("ifco")} for first in (1, 5, 12))
_HIDDEN, _CELL = 18, 19
_VARIANTS = {
    "peepholes": (9, 10, 11),
    "a projection": (16, 17),
    "layer normalisation": (20, 21, 22, 23),
}
_LEAST, _LARGEST = -32768, 32767
_NONE = {"fused_activation_function": "NONE"}


@dataclass(frozen=True)
class _Lstm:
    """What the operator reads: T steps of I values, H values of the state; weights and bias by gate."""

    steps: int
    inputs: int
    size: int
    x: Tensor
    hidden: Tensor
    cell: Tensor
    weights: Mapping[str, Tensor]
    recurrent: Mapping[str, Tensor]
    bias: Mapping[str, Tensor]
    clip: int | None


def lstm(b: Building, op: FileOperator) -> None:
    """Append the operators of one LSTM and its two states, which run on from frame to frame as TFLite Micro's variables do."""
    read = _read(b, op)
    made = b.file.tensors[op.outputs[0]]
    y = b.format_of(op.outputs[0])
    name = made.name or "lstm"
    states = [b.take(replace(t, name=f"{name}/{label}")) for t, label in ((read.hidden, "h"), (read.cell, "c"))]
    rows = b.reshape(read.x.name, b.like(read.x, f"{name}/rows", (read.steps, read.inputs)))
    wide = _widened(b, rows, f"{name}/x")
    terms = {g: _product(b, f"{name}/x{g}", wide, read.weights[g], read.bias[g], read.x.dtype) for g in "ifco"}
    h, c, each = _flat(b, states[0], f"{name}/h_in"), _flat(b, states[1], f"{name}/c_in"), []
    for step in range(read.steps):
        label = f"{name}/{step}" if read.steps > 1 else name
        term = {g: _row(b, terms[g], step, read.steps, f"{label}/{g}_of_x") for g in "ifco"}
        h, c = _cell(b, read, label, term, h, c)
        each.append(h)
    for state, last in zip(states, (h, c), strict=True):
        told = b.tensors[state]
        b.states.append(State(state, b.reshape(last, b.like(told, f"{state}_out", told.shape))))
    if not same_format(y, read.hidden) or y.size != read.steps * read.size:
        raise RefusedError(
            f"its output is {told_format(y)}, its hidden state {told_format(read.hidden)}; they must be one"
        )
    joined = each[0]
    if read.steps > 1:
        joined = b.like(read.hidden, f"{name}/states", (read.steps, read.size))
        b.add("CONCATENATION", each, (joined,), {"axis": 0, **_NONE})
    b.reshape(joined, b.result(op.outputs[0]))


def _read(b: Building, op: FileOperator) -> _Lstm:
    """The operands, checked as `LstmTensors::ValidateTensorStatus` and `ValidateTensorSize` of TFLite Micro do."""
    options = op.options or {}
    if len(op.inputs) != _INPUTS:
        raise RefusedError(f"has {len(op.inputs)} inputs; the one of {_INPUTS} is read")
    for what, places in _VARIANTS.items():
        if any(op.inputs[place] >= 0 for place in places):
            raise RefusedError(f"has {what}, which TFLite Micro does not have")
    if options.get("fused_activation_function") != "TANH" or options.get("diagonal_recurrent_tensors"):
        raise RefusedError("is not the plain one, whose cell gate is a TANH")
    needed = [*range(9), *_BIAS.values(), _HIDDEN, _CELL]
    if any(op.inputs[place] < 0 for place in needed):
        raise RefusedError("lacks weights, a bias or a state")
    x = b.tensor(op.inputs[0])
    hidden, cell = (_state(b, op.inputs[place]) for place in (_HIDDEN, _CELL))
    if len(x.shape) != 3 or x.shape[1 if options.get("time_major") else 0] != 1:
        raise RefusedError(f"its input has the shape {x.shape}; one sequence a frame is read")
    steps, inputs, size = x.shape[0 if options.get("time_major") else 1], x.shape[2], hidden.size
    if steps > MOST_STEPS:
        raise RefusedError(f"runs over {steps} steps a frame; at most {MOST_STEPS} are read")
    if x.dtype not in ("int8", "int16") or hidden.dtype != x.dtype or cell.dtype != "int16" or cell.size != size:
        raise RefusedError(
            f"its states are {hidden.dtype} and {cell.dtype}; with {x.dtype} they must be {x.dtype} and int16"
        )
    scale = float(np.float32(cell.scale[0])) if cell.scale is not None else 0.0
    if math.frexp(scale)[0] != 0.5 or cell.zero_point:
        raise RefusedError(f"its cell state is {told_format(cell)}; its scale must be a power of two, its zero point 0")
    found = _Lstm(
        steps, inputs, size, x, hidden, cell,
        {g: _matrix(b, op.inputs[place], (size, inputs)) for g, place in _WEIGHTS.items()},
        {g: _matrix(b, op.inputs[place], (size, size)) for g, place in _RECURRENT.items()},
        {g: _bias(b, op.inputs[place], size, x.dtype) for g, place in _BIAS.items()},
        _clip(float(options.get("cell_clip", 0.0)), scale),
    )  # fmt: skip
    return found


def _state(b: Building, place: int) -> Tensor:
    if not b.file.tensors[place].is_variable:
        raise RefusedError(f"its state {b.file.tensors[place].name!r} is no variable")
    if place in b.names:
        raise RefusedError(f"its state {b.file.tensors[place].name!r} is read elsewhere too")
    state = b.format_of(place)
    # Another operator that reads it would see it change in the middle of a frame.
    b.names[place] = ""
    return state


def _matrix(b: Building, place: int, shape: tuple[int, int]) -> Tensor:
    weights = b.tensor(place)
    scales = 0 if weights.scale is None else weights.scale.size
    if weights.dtype != "int8" or weights.shape != shape or scales != 1 or weights.zero_point:
        raise RefusedError(
            f"its weights {weights.name!r} are {weights.dtype} {weights.shape} with {scales} scales; use int8 {shape} with one"
        )
    return weights


def _bias(b: Building, place: int, size: int, dtype: str) -> Tensor:
    bias, wanted = b.tensor(place), "int32" if dtype == "int8" else "int64"
    if bias.dtype != wanted or bias.shape != (size,):
        raise RefusedError(f"its bias {bias.name!r} is {bias.dtype} {bias.shape}; use {wanted} {(size,)}")
    return bias


def _clip(clip: float, scale: float) -> int | None:
    """The largest code of a cell state, cut off as the kernel does; None where nothing is held back."""
    if not clip > 0.0:
        return None
    return int(min(clip / scale, float(_LARGEST)))


def _widened(b: Building, x: str, name: str) -> str:
    """The same values in int16 without zero point; those of int16 as they are."""
    tensor = b.tensors[x]
    if tensor.dtype == "int16":
        return x
    wide = b.take(Tensor(name, tensor.shape, "int16", tensor.scale))
    return b.add("QUANTIZE", (x,), (wide,))


def _flat(b: Building, state: str, name: str) -> str:
    tensor = b.tensors[state]
    return b.reshape(state, b.like(tensor, name, (1, tensor.size)))


def _row(b: Building, rows: str, step: int, steps: int, name: str) -> str:
    if steps == 1:
        return rows
    tensor = b.tensors[rows]
    return b.part(rows, b.like(tensor, name, (1, tensor.shape[1])), 0, step, 1)


def _product(b: Building, name: str, x: str, weights: Tensor, bias: Tensor | None, dtype: str) -> str:
    """W x + b with the scale that a gate reads, rounded as the dtype of the activations has it."""
    tensor = b.tensors[x]
    y = b.take(Tensor(name, (tensor.shape[0], weights.shape[0]), "int16", GATE_SCALE))
    zeros = np.zeros(weights.shape[0], np.int32 if dtype == "int8" else np.int64)
    # The kernel does not look at the scale of a bias, FULLY_CONNECTED does.
    values = zeros if bias is None or bias.data is None else bias.data
    given = b.bias(f"{name}/bias", values, tensor, weights)
    return b.add("FULLY_CONNECTED", (x, weights.name, given), (y,), _NONE)


def _cell(b: Building, read: _Lstm, name: str, terms: Mapping[str, str], h: str, c: str) -> tuple[str, str]:
    """One step: h and c, each (1, H), after it."""
    wide = _widened(b, h, f"{name}/h_wide")
    shape = (1, read.size)

    def make(kind: str, label: str, inputs: tuple[str, ...], scale: np.ndarray) -> str:
        made = b.take(Tensor(f"{name}/{label}", shape, "int16", scale))
        return b.add(kind, inputs, (made,), {} if kind in ("LOGISTIC", "TANH") else _NONE)

    gates = {}
    for gate in "ifco":
        past = _product(b, f"{name}/h{gate}", wide, read.recurrent[gate], None, read.x.dtype)
        total = make("ADD", f"a{gate}", (terms[gate], past), GATE_SCALE)
        gates[gate] = make("TANH" if gate == "c" else "LOGISTIC", gate, (total,), UNIT_SCALE)
    assert read.cell.scale is not None
    assert read.hidden.scale is not None
    kept = make("MUL", "fc", (gates["f"], c), read.cell.scale)
    fresh = make("MUL", "ic", (gates["i"], gates["c"]), read.cell.scale)
    after = make("ADD", "c_new", (kept, fresh), read.cell.scale)
    if read.clip is not None:
        after = _clipped(b, name, after, read.clip)
    seen = make("TANH", "tanh_c", (after,), UNIT_SCALE)
    product = make("MUL", "oc", (seen, gates["o"]), read.hidden.scale)
    if read.hidden.dtype == "int16":
        return product, after
    narrow = b.take(replace(read.hidden, name=f"{name}/h_new", shape=shape))
    return b.add("QUANTIZE", (product,), (narrow,)), after


def _clipped(b: Building, name: str, c: str, largest: int) -> str:
    """A cell state held to +-largest by sums that saturate; a sum of two tensors of one scale is exact."""
    tensor = b.tensors[c]
    above, below = _LARGEST - largest, largest + _LEAST
    amounts = (("ADD", above), ("SUB", above - below), ("ADD", -below))
    steps = [(kind, part) for kind, amount in amounts for part in _parts(amount)]
    for number, (kind, amount) in enumerate(steps):
        data = np.full((1, 1), amount, np.int16)
        constant = b.take(Tensor(f"{name}/clip{number}/amount", (1, 1), "int16", tensor.scale, data=data))
        c = b.add(kind, (c, constant), (b.like(tensor, f"{name}/clip{number}", tensor.shape),), _NONE)
    return c


def _parts(amount: int) -> list[int]:
    """An amount as a sum of such that fit into int16.

    >>> _parts(0), _parts(40000)
    ([], [32767, 7233])
    """
    whole, rest = divmod(amount, _LARGEST)
    return [_LARGEST] * whole + [rest] * (rest > 0)
