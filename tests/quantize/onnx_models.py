"""Small streaming ONNX models for the tests of lowering, written by hand as a user's exporter might."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def make(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int | str, ...]],
    outputs: dict[str, tuple[int, ...]],
    constants: dict[str, np.ndarray] | None = None,
) -> onnx.ModelProto:
    """A model of opset 18 with float32 inputs and outputs."""

    def info(shapes):
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]

    initialisers = [
        numpy_helper.from_array(np.asarray(a, None if np.asarray(a).dtype.kind == "i" else np.float32), name)
        for name, a in (constants or {}).items()
    ]
    graph = helper.make_graph(nodes, "test", info(inputs), info(outputs), initialisers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def gru(rng: np.random.Generator, size: int = 12, hidden: int = 8, **attributes) -> onnx.ModelProto:
    """One GRU cell: x (1, 1, size), h (1, 1, hidden) -> y (1, 1, hidden), h_out."""
    constants = {
        "W": rng.normal(0, 0.5, (1, 3 * hidden, size)),
        "R": rng.normal(0, 0.5, (1, 3 * hidden, hidden)),
        "B": rng.normal(0, 0.3, (1, 6 * hidden)),
        "axes": np.array([1], np.int64),
    }
    settings = {"hidden_size": hidden, "linear_before_reset": 1, **attributes}
    nodes = [
        helper.make_node("GRU", ["x", "W", "R", "B", "", "h"], ["Y", "h_out"], name="cell", **settings),
        helper.make_node("Squeeze", ["Y", "axes"], ["Y3"]),
        helper.make_node("Tanh", ["Y3"], ["y"]),
    ]
    shape = (1, 1, hidden)
    return make(nodes, {"x": (1, 1, size), "h": shape}, {"y": shape, "h_out": shape}, constants)
