"""Small models of one recurrent layer: a cell of one frame with its states, or positions of a frame without any."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from tests.quantize.onnx_models import make

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def recurrent(
    kind: str, seed: int = 0, length: int = 1, rows: int = 1, inputs: int = 9, size: int = 8, **settings: object
) -> onnx.ModelProto:
    """x (T, B, I) -> y, tanh of all that the layer gives (T, D, B, H); states h, c (1, B, H) where there is one position."""
    rng = np.random.default_rng(seed)
    directions = 2 if settings.get("direction") == "bidirectional" else 1
    count = GATES[kind]
    constants = {
        "W": rng.normal(0, 0.5, (directions, count * size, inputs)),
        "R": rng.normal(0, 0.3, (directions, count * size, size)),
        "B": rng.normal(0, 0.3, (directions, 2 * count * size)),
    }
    states = [] if length > 1 else ["h", "c"] if kind == "LSTM" else ["h"]
    given = ["x", "W", "R", "B", *(["", *states] if states else [])]
    nodes = [
        helper.make_node(
            kind, given, ["Y", *(f"{state}_out" for state in states)], name="cell", hidden_size=size, **settings
        ),
        helper.make_node("Tanh", ["Y"], ["y"]),
    ]
    shape = (1, rows, size)
    inside = {"x": (length, rows, inputs), **dict.fromkeys(states, shape)}
    outside = {"y": (length, directions, rows, size), **{f"{state}_out": shape for state in states}}
    return make(nodes, inside, outside, constants)


CASES: dict[str, onnx.ModelProto] = {
    "LSTM": recurrent("LSTM"),
    "LSTM of many rows": recurrent("LSTM", rows=5),
    "LSTM over positions, both ways": recurrent("LSTM", length=5, direction="bidirectional"),
    "LSTM over positions, backward": recurrent("LSTM", length=4, rows=3, direction="reverse"),
    "RNN": recurrent("RNN"),
    "RNN of a rectifier": recurrent("RNN", activations=["Relu"]),
    "RNN over positions, both ways": recurrent("RNN", length=4, direction="bidirectional"),
    "GRU whose reset stands in front of the product": recurrent("GRU", linear_before_reset=0),
    "GRU over positions in front of the product": recurrent("GRU", length=4, direction="bidirectional"),
    "GRU over positions of many rows": recurrent("GRU", length=4, rows=2, direction="bidirectional", linear_before_reset=1),
    "GRU over positions, backward": recurrent("GRU", length=4, direction="reverse", linear_before_reset=1),
}  # fmt: skip
