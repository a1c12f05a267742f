"""A small network of several outputs, as DeepFilterNet's: gains of bands, coefficients of a deep filter, SNR; with its path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from stapes.models.audio import SoundPath

from tests.quantize.onnx_models import make

HIDDEN = 12


def deep_filter_network(path: Path, sound_path: SoundPath, seed: int = 0) -> Path:
    """Write features -> layer of 12 with a state -> each output that the path asks for, seeded random weights; returns `path`."""
    rng = np.random.default_rng(seed)
    given = sound_path.feature_size
    constants = {
        "row": np.array([1, given], np.int64),
        "W_in": rng.normal(0, 0.05, (given, HIDDEN)),
        "half": np.array(0.5),
        "b_in": rng.normal(0, 0.2, HIDDEN),
    }
    nodes = [
        helper.make_node("Reshape", ["features", "row"], ["x0"]),
        helper.make_node("MatMul", ["x0", "W_in"], ["x1"]),
        helper.make_node("Add", ["x1", "b_in"], ["x2"]),
        helper.make_node("Mul", ["h", "half"], ["x3"]),
        helper.make_node("Add", ["x2", "x3"], ["x4"]),
        helper.make_node("Tanh", ["x4"], ["h_out"]),
    ]
    outputs = {}
    for quantity in sound_path.asked:
        name, size = quantity.tensor, quantity.size(sound_path.transform)
        width, shift = {"gains": (1.5, 0.0), "coefs": (0.6, 0.0), "lsnr": (12.0, 10.0)}[name]
        constants |= {f"W_{name}": rng.normal(0, width, (HIDDEN, size)), f"b_{name}": np.full(size, shift)}
        nodes += [
            helper.make_node("MatMul", ["h_out", f"W_{name}"], [f"{name}_0"]),
            helper.make_node("Add", [f"{name}_0", f"b_{name}"], [f"{name}_1" if name == "gains" else name]),
        ]
        if name == "gains":
            nodes.append(helper.make_node("Sigmoid", ["gains_1"], ["gains"]))
        outputs[name] = (1, size)
    state = (1, HIDDEN)
    model = make(nodes, {"features": (1, given), "h": state}, outputs | {"h_out": state}, constants)
    onnx.save(model, str(path))
    return path
