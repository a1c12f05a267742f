"""ONNX GRU over the positions of one frame, both directions at once: a region of TFLite operators.

One state (1, 2H) holds [forward | backward]; step s takes position s for the forward half and position T - 1 - s for the
backward half, so one block-diagonal recurrence R (2H, 2H) serves both. The gate terms of the input, which need no state, are
computed for all positions before the first step. Each step is the cell of `gru.py`, with its formats.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import onnx

from ..float_graph import Hint
from ..graph import Region
from .context import Context, in_tree
from .gru import CELL, STATE, TERM, gates, stacked_bias

_MASKS = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)


def check_gru_sequence(context: Context, node: onnx.NodeProto) -> str | None:
    length, batch = context.shape(node.input[0])[:2]
    if context.attribute(node, "direction", "forward") != "bidirectional":
        return f"the input {context.shape(node.input[0])} holds {length} frames; a forward GRU takes one frame a call"
    if batch != 1:
        return f"a bidirectional GRU over a batch of {batch} is not supported; give (positions, 1, features)"
    if length < 2:
        return "a bidirectional GRU over one position is not supported"
    first = context.constant(node.input[5]) if len(node.input) > 5 and node.input[5] else np.zeros(1)
    if first is None or np.any(np.asarray(first) != 0):
        return "a bidirectional GRU runs over the positions of one frame: its initial_h must be constant zeros"
    if len(node.output) > 1 and node.output[1]:
        return "Y_h of a bidirectional GRU is not supported; take the last rows of Y"
    return None


@dataclass
class _Sequence:
    """What the steps add to: the region's roles by name (`3/ar`: the sum of the reset gate in step 3)."""

    context: Context
    name: str
    length: int
    size: int
    roles: dict[str, str] = field(default_factory=dict)

    def add(
        self, kind: str, role: str, inputs: tuple[str, ...], width: int, rows: int, hint: Hint, **options: object
    ) -> str:
        self.roles[role] = self.context.graph.add(
            kind, inputs, f"{self.name}/{role}", (rows, width), options=options, region=self.name, hint=hint
        )
        return self.roles[role]

    def constant(self, label: str, data: np.ndarray) -> str:
        return self.context.graph.add_constant(f"{self.name}/{label}", data)

    def reversed(self, role: str, tensor: str, hint: Hint) -> str:
        """The rows of (T, H) in reverse order."""
        arrays = {"begin": [self.length - 1, 0], "end": [-self.length - 1, self.size], "strides": [-1, 1]}
        constants = [self.constant(f"{role}/{key}", np.asarray(value, np.int32)) for key, value in arrays.items()]
        return self.add("STRIDED_SLICE", role, (tensor, *constants), self.size, self.length, hint, **_MASKS)

    def joined(self, role: str, parts: tuple[str, ...], axis: int, hint: Hint) -> str:
        """A CONCATENATION, as a tree where there are many parts."""
        return in_tree(parts, lambda suffix, some: self._concat(f"{role}{suffix}", some, axis, hint))

    def _concat(self, role: str, parts: tuple[str, ...], axis: int, hint: Hint) -> str:
        shape = list(self.context.graph.tensors[parts[0]].shape)
        shape[axis] = sum(self.context.graph.tensors[part].shape[axis] for part in parts)
        options = {"axis": axis, "fused_activation_function": "NONE"}
        return self.add("CONCATENATION", role, parts, shape[1], shape[0], hint, **options)


def lower_gru_sequence(context: Context, node: onnx.NodeProto) -> None:
    graph = context.graph
    w, r = (np.asarray(context.array(value), np.float64) for value in node.input[1:3])
    size = r.shape[2]
    value, factor = context.linear_operand(node.input[0])
    length = context.shape(node.input[0])[0]
    name = context.numbered("gru_sequence")
    x = context.reshaped(value, (length, w.shape[2]), f"{name}/x")
    sequence = _Sequence(context, name, length, size, {"x": x})
    bias = stacked_bias(context, node, 2, size)
    for gate in "rzn":
        _input_terms(
            sequence, gate, x, [gates(w[d])[gate] * factor for d in (0, 1)], [gates(b[: 3 * size])[gate] for b in bias]
        )
    recurrence = {gate: _recurrence(sequence, gate, r, bias) for gate in "rzn"}
    state = graph.add_tensor(f"{name}/zero", (1, 2 * size), np.zeros((1, 2 * size)), STATE)
    states = []
    for step in range(length):
        state = _step(sequence, step, state, recurrence)
        states.append(state)
    _outputs(sequence, tuple(states), node.output[0])
    graph.regions.append(Region(name, "gru_sequence", sequence.roles))


def _input_terms(s: _Sequence, gate: str, x: str, weights: list[np.ndarray], bias: list[np.ndarray]) -> None:
    """The terms of x for one gate and all steps: (T, 2H), then T rows; one format for all of them."""
    hint, parts = TERM, []
    for side, matrix, offset in zip(("forward", "backward"), weights, bias, strict=True):
        operands = (x, s.constant(f"x{gate}/{side}/weights", matrix), s.constant(f"x{gate}/{side}/bias", offset))
        options = {"fused_activation_function": "NONE"}
        parts.append(s.add("FULLY_CONNECTED", f"x{gate}/{side}", operands, s.size, s.length, hint, **options))
        hint = replace(TERM, like=parts[0])
    parts[1] = s.reversed(f"x{gate}/reversed", parts[1], hint)
    both = s.joined(f"x{gate}", tuple(parts), 1, hint)
    labels = [f"{s.name}/{step}/x{gate}" for step in range(s.length)]
    rows = s.context.graph.add_split(both, 0, labels, region=s.name)
    s.roles.update({f"{step}/x{gate}": row for step, row in enumerate(rows)})


def _recurrence(s: _Sequence, gate: str, r: np.ndarray, bias: np.ndarray) -> tuple[str, str]:
    """R (2H, 2H) and its bias (2H,) of one gate, forward and backward on the diagonal; stored once for all steps."""
    blocks = np.zeros((2 * s.size, 2 * s.size))
    for d in (0, 1):
        blocks[d * s.size : (d + 1) * s.size, d * s.size : (d + 1) * s.size] = gates(r[d])[gate]
    offset = np.concatenate([gates(b[3 * s.size :])[gate] for b in bias])
    return s.constant(f"h{gate}/weights", blocks), s.constant(f"h{gate}/bias", offset)


def _step(s: _Sequence, step: int, state: str, recurrence: dict[str, tuple[str, str]]) -> str:
    """One cell; every step has the formats of the first."""
    s.roles[f"{step}/h"] = state
    for role, (kind, operands, hint) in CELL.items():
        if role[0] == "x":
            continue
        inputs = tuple(s.roles[f"{step}/{operand}"] for operand in operands)
        if kind == "FULLY_CONNECTED":
            inputs = (*inputs, *recurrence[role[1]])
        if hint.like:
            hint = replace(hint, like=s.roles[f"0/{hint.like}"])
        elif step:
            hint = replace(hint, like=s.roles[f"0/{role}"])
        options = {} if kind in ("LOGISTIC", "TANH") else {"fused_activation_function": "NONE"}
        s.add(kind, f"{step}/{role}", inputs, 2 * s.size, 1, hint, **options)
    if step == 0:
        del s.roles["0/h"]
    return s.roles[f"{step}/h_out"]


def _outputs(s: _Sequence, states: tuple[str, ...], value: str) -> None:
    """The states as Y: (T, 2H), row t holds position t of both directions."""
    hint = replace(STATE, like=states[0])
    both = s.joined("states", states, 0, hint)
    halves = []
    for side, column in (("forward", 0), ("backward", s.size)):
        arrays = {"begin": [0, column], "end": [s.length, column + s.size], "strides": [1, 1]}
        if side == "backward":
            arrays = {"begin": [s.length - 1, column], "end": [-s.length - 1, 2 * s.size], "strides": [-1, 1]}
        constants = [s.constant(f"{side}/{key}", np.asarray(array, np.int32)) for key, array in arrays.items()]
        halves.append(s.add("STRIDED_SLICE", side, (both, *constants), s.size, s.length, hint, **_MASKS))
    out = s.joined("out", tuple(halves), 1, hint)
    shape = (s.length, 2, s.size) if s.size > 1 else (s.length, 2)
    s.context.bind(value, s.context.reshaped(out, shape, f"{s.name}/{value}"))
