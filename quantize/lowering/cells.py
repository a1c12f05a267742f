"""LSTM and RNN cells, and GRUs that are no region: products of weights, ADD, MUL, LOGISTIC, TANH, one after the other.

    LSTM   i, o, f = sigmoid(W x + R h + b)     g = tanh(W x + R h + b)     c' = f c + i g     h' = o tanh(c')
    RNN    h' = tanh(W x + R h + b), or its rectifier
    GRU    as `gru.py` says; with linear_before_reset = 0   n = tanh(W_n x + b + R_n (r h) + b')

Source: the operators of ONNX. The cell state c is int16 in every recipe, with a scale of its own, a power of two; f c has the same one, so
a gate of one keeps the state as it is. Several positions of one frame are several cells, in either direction or both; what of them needs
no state is computed for all positions first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import onnx

from ..float_graph import Hint
from .context import Context, in_tree
from .elementwise import SIGMOID, TANH
from .gru import DIFFERENCE, STATE, SUM_OF_CANDIDATE, SUM_OF_GATE, TERM

GATES = {"LSTM": "iofc", "GRU": "zrn", "RNN": "h"}
ACTIVATIONS: dict[str, set[tuple[str, ...]]] = {
    "LSTM": {("Sigmoid", "Tanh", "Tanh")},
    "GRU": {("Sigmoid", "Tanh")},
    "RNN": {("Tanh",), ("Relu",)},
}
_WIDE = "int16"
_CELL_STATE = Hint(power_of_two=True, dtype=_WIDE)
_GATED = Hint(fixed={_WIDE: (2.0**-15, 0)}, dtype=_WIDE)


def activations(context: Context, node: onnx.NodeProto) -> set[tuple[str, ...]]:
    """The activations of the directions."""
    given = [a.decode() if isinstance(a, bytes) else a for a in context.attribute(node, "activations", [])]
    count = len(next(iter(ACTIVATIONS[node.op_type])))
    return {tuple(given[i : i + count]) for i in range(0, len(given), count)}


def check_cells(context: Context, node: onnx.NodeProto) -> str | None:
    """Why a node is none of these cells, in a few words; what they have in common with a GRU is judged before."""
    (length, _, _), direction = context.shape(node.input[0]), context.attribute(node, "direction", b"forward")
    first = [context.constant(name) for name in node.input[5:7] if name]
    if node.op_type == "LSTM":
        if len(node.input) > 7 and node.input[7]:
            return "peepholes are not supported"
        if context.attribute(node, "input_forget", 0):
            return "input_forget is not supported"
    if direction in (b"forward", "forward"):
        if length != 1:
            return f"the input {context.shape(node.input[0])} holds {length} frames; a forward {node.op_type} takes one frame a call"
        if (
            len(node.input) < 6
            or not node.input[5]
            or (node.op_type == "LSTM" and not (len(node.input) > 6 and node.input[6]))
        ):
            what = "initial_h and initial_c are" if node.op_type == "LSTM" else "initial_h is"
            return f"{what} missing: the states must be inputs of the model"
        return None
    if length < 2:
        return f"direction {_text(direction)} over one position is not supported"
    if any(data is None or np.any(data != 0) for data in first):
        return f"a {node.op_type} of direction {_text(direction)} runs over the positions of one frame: its first states must be constant zeros"
    return None


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@dataclass
class _Run:
    """One direction: its weights by gate, and how operators are added to it. T positions, B rows, H values of the state."""

    context: Context
    name: str
    rows: int
    size: int
    inputs: dict[str, tuple[np.ndarray, np.ndarray]]
    recurrences: dict[str, tuple[np.ndarray, np.ndarray]]
    activation: str
    first: dict[str, str] = field(default_factory=dict)
    constants: dict[str, tuple[str, str]] = field(default_factory=dict)

    def add(self, kind: str, role: str, step: int, inputs: tuple[str, ...], hint: Hint) -> str:
        """An operator of one step; all steps have the formats of the first."""
        if role in self.first:
            hint = replace(hint, like=self.first[role])
        options = {} if kind in ("LOGISTIC", "TANH", "RELU") else {"fused_activation_function": "NONE"}
        label = f"{self.name}/{step}/{role}" if step >= 0 else f"{self.name}/{role}"
        made = self.context.graph.add(kind, inputs, label, (self.rows, self.size), options=options, hint=hint)
        self.first.setdefault(role, made)
        return made

    def recurrent(self, gate: str, step: int, h: str) -> str:
        if gate not in self.constants:
            weights, bias = self.recurrences[gate]
            graph = self.context.graph
            self.constants[gate] = (
                graph.add_constant(f"{self.name}/h{gate}/weights", weights),
                graph.add_constant(f"{self.name}/h{gate}/bias", bias),
            )
        return self.add("FULLY_CONNECTED", f"h{gate}", step, (h, *self.constants[gate]), TERM)

    def summed(self, gate: str, step: int, term: str, h: str) -> str:
        """W x + R h + b of a gate."""
        bounded = {"c": SUM_OF_CANDIDATE, "n": SUM_OF_CANDIDATE}.get(gate, SUM_OF_GATE)
        if gate == "h":
            bounded = SUM_OF_CANDIDATE if self.activation == "Tanh" else Hint()
        return self.add("ADD", f"a{gate}", step, (term, self.recurrent(gate, step, h)), bounded)


States = dict[str, str]


def _lstm(run: _Run, step: int, terms: dict[str, str], states: States) -> States:
    made = {}
    for gate in "iofc":
        kind, hint = ("TANH", TANH) if gate == "c" else ("LOGISTIC", SIGMOID)
        made[gate] = run.add(kind, gate, step, (run.summed(gate, step, terms[gate], states["h"]),), hint)
    kept = run.add("MUL", "fc", step, (made["f"], states["c"]), _CELL_STATE)
    fresh = run.add("MUL", "ic", step, (made["i"], made["c"]), _GATED)
    c = run.add("ADD", "c_out", step, (kept, fresh), replace(_CELL_STATE, like=kept))
    seen = run.add("TANH", "tanh_c", step, (c,), TANH)
    return {"h": run.add("MUL", "h_out", step, (made["o"], seen), STATE), "c": c}


def _rnn(run: _Run, step: int, terms: dict[str, str], states: States) -> States:
    total = run.summed("h", step, terms["h"], states["h"])
    kind, hint = ("TANH", TANH) if run.activation == "Tanh" else ("RELU", Hint())
    return {"h": run.add(kind, "h_out", step, (total,), hint)}


def _gru(run: _Run, step: int, terms: dict[str, str], states: States) -> States:
    """In int16 whatever the recipe: a state that moves slowly would stall in steps of int8."""
    h, wide = states["h"], {"dtype": _WIDE}
    z, r = (
        run.add("LOGISTIC", gate, step, (run.summed(gate, step, terms[gate], h),), replace(SIGMOID, **wide))  # type: ignore[arg-type]
        for gate in "zr"
    )
    if run.activation == "before":
        reset = run.add("MUL", "rh", step, (r, run.recurrent("n", step, h)), TERM)
        total = run.add("ADD", "an", step, (terms["n"], reset), SUM_OF_CANDIDATE)
    else:
        total = run.summed("n", step, terms["n"], run.add("MUL", "rh", step, (r, h), replace(STATE, **wide)))  # type: ignore[arg-type]
    n = run.add("TANH", "n", step, (total,), replace(TANH, **wide))  # type: ignore[arg-type]
    d = run.add("SUB", "d", step, (h, n), replace(DIFFERENCE, **wide))  # type: ignore[arg-type]
    zd = run.add("MUL", "zd", step, (z, d), replace(DIFFERENCE, **wide))  # type: ignore[arg-type]
    return {"h": run.add("ADD", "h_out", step, (n, zd), replace(STATE, **wide))}  # type: ignore[arg-type]


_STEPS: dict[str, Callable[[_Run, int, dict[str, str], States], States]] = {"LSTM": _lstm, "RNN": _rnn, "GRU": _gru}


def lower_cells(context: Context, node: onnx.NodeProto) -> None:
    name = context.numbered(node.op_type.lower())
    length, rows, _ = context.shape(node.input[0])
    w, r = (np.asarray(context.array(value), np.float64) for value in node.input[1:3])
    directions, size = len(w), r.shape[2]
    value, factor = context.linear_operand(node.input[0])
    x = context.reshaped(value, (length * rows, w.shape[2]), f"{name}/x")
    gates, given = GATES[node.op_type], len(node.input) > 3 and node.input[3]
    bias = (
        np.asarray(context.array(node.input[3]), np.float64) if given else np.zeros((directions, 2 * len(gates) * size))
    )
    every, last = [], []
    for direction in range(directions):
        backward = direction == 1 or _text(context.attribute(node, "direction", b"forward")) == "reverse"
        halves = np.split(bias[direction], 2)
        run = _Run(
            context,
            f"{name}/backward" if backward else name,
            rows,
            size,
            _by_gate(gates, w[direction] * factor, halves[0]),
            _by_gate(gates, r[direction], halves[1]),
            _activation(context, node),
        )
        states = _first_states(context, node, run)
        terms = {gate: _terms(run, gate, x, length) for gate in gates}
        made: list[str] = [""] * length
        for step in range(length):
            place = length - 1 - step if backward else step
            seen = {gate: rows_of[place] for gate, rows_of in terms.items()}
            states = _STEPS[node.op_type](run, step if length > 1 else -1, seen, states)
            made[place] = states["h"]
        every.append(_joined(context, f"{run.name}/states", made, rows, size))
        last.append(states)
    _outputs(context, node, name, every, last, (length, rows, size))


def _activation(context: Context, node: onnx.NodeProto) -> str:
    if node.op_type == "GRU":
        return "before" if context.attribute(node, "linear_before_reset", 0) else "after"
    given = activations(context, node)
    return next(iter(given))[-1] if given else "Tanh"


def _by_gate(gates: str, weights: np.ndarray, bias: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    parts = zip(np.split(weights, len(gates)), np.split(bias, len(gates)), strict=True)
    return dict(zip(gates, parts, strict=True))


def _first_states(context: Context, node: onnx.NodeProto, run: _Run) -> States:
    states = {}
    for index, state in enumerate("hc" if node.op_type == "LSTM" else "h"):
        given = node.input[5 + index] if len(node.input) > 5 + index else ""
        shape = (run.rows, run.size)
        if given and context.constant(given) is None:
            states[state] = context.reshaped(context.tensor(given), shape, f"{run.name}/{state}")
        else:
            hint = STATE if state == "h" else Hint()
            states[state] = context.graph.add_tensor(f"{run.name}/{state}/zero", shape, np.zeros(shape), hint)
    return states


def _terms(run: _Run, gate: str, x: str, length: int) -> list[str]:
    """W x + b of a gate for every position."""
    graph, (weights, bias), label = run.context.graph, run.inputs[gate], f"{run.name}/x{gate}"
    operands = (x, graph.add_constant(f"{label}/weights", weights), graph.add_constant(f"{label}/bias", bias))
    shape, options = (length * run.rows, run.size), {"fused_activation_function": "NONE"}
    made = graph.add("FULLY_CONNECTED", operands, label, shape, options=options, hint=TERM)
    return [made] if length == 1 else list(graph.add_split(made, 0, [f"{label}/{step}" for step in range(length)]))


def _joined(context: Context, label: str, states: list[str], rows: int, size: int) -> str:
    """The states of all positions (T, B * H)."""
    if len(states) == 1:
        return context.reshaped(states[0], (1, rows * size), label)
    flat = tuple(context.reshaped(state, (1, rows * size), f"{label}/{step}") for step, state in enumerate(states))
    return _concatenated(context, label, flat, 0)


def _concatenated(context: Context, label: str, parts: tuple[str, ...], axis: int) -> str:
    graph = context.graph

    def join(suffix: str, some: tuple[str, ...]) -> str:
        shape = list(graph.tensors[some[0]].shape)
        shape[axis] = sum(graph.tensors[part].shape[axis] for part in some)
        options = {"axis": axis, "fused_activation_function": "NONE"}
        return graph.add("CONCATENATION", some, f"{label}{suffix}", tuple(shape), options=options)

    return in_tree(parts, join) if len(parts) > 1 else parts[0]


def _outputs(
    context: Context,
    node: onnx.NodeProto,
    name: str,
    every: list[str],
    last: list[States],
    sizes: tuple[int, int, int],
) -> None:
    """Y (T, D, B, H), Y_h and Y_c (D, B, H)."""
    _, rows, size = sizes
    for index, output in enumerate(node.output):
        if not output:
            continue
        if index == 0:
            context.bind(output, _concatenated(context, f"{name}/{output}/all", tuple(every), 1))
            continue
        states = [
            context.reshaped(one["hc"[index - 1]], (1, rows * size), f"{name}/{output}/{d}")
            for d, one in enumerate(last)
        ]
        context.bind(output, _concatenated(context, f"{name}/{output}/last", tuple(states), 0))
