"""A small network of several inputs and outputs, as DeepFilterNet's: gains of bands, coefficients of a deep filter, SNR; with its path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from stapes.models.audio import SoundPath

from tests.quantize.onnx_models import make

HIDDEN = 12


def deep_filter_network(path: Path, sound_path: SoundPath, seed: int = 0) -> Path:
    """Write features -> layer of 12 with a state -> each output that the path asks for, seeded random weights; returns `path`.

    Where the path feeds several inputs, each has a product of its own, and there is an output `loudness` that no path asks for.
    """
    rng = np.random.default_rng(seed)
    sizes = {quantity.tensor or "features": quantity.size(sound_path.transform) for quantity in sound_path.given}
    constants = {"half": np.array(0.5), "b_in": rng.normal(0, 0.2, HIDDEN)}
    nodes, added = [], "b_in"
    for index, (name, size) in enumerate(sizes.items()):
        row, weights, made, total = (f"{part}{index}" for part in ("row", "W_in", "x1_", "x2_"))
        constants |= {row: np.array([1, size], np.int64), weights: rng.normal(0, 0.05, (size, HIDDEN))}
        nodes += [
            helper.make_node("Reshape", [name, row], [f"x0_{index}"]),
            helper.make_node("MatMul", [f"x0_{index}", weights], [made]),
            helper.make_node("Add", [made, added], [total]),
        ]
        added = total
    nodes += [
        helper.make_node("Mul", ["h", "half"], ["x3"]),
        helper.make_node("Add", [added, "x3"], ["x4"]),
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
    if len(sizes) > 1:
        constants["W_loudness"] = rng.normal(0, 0.3, (HIDDEN, 1))
        nodes.append(helper.make_node("MatMul", ["h_out", "W_loudness"], ["loudness"]))
        outputs["loudness"] = (1, 1)
    state, inputs = (1, HIDDEN), {name: (1, size) for name, size in sizes.items()}
    model = make(nodes, inputs | {"h": state}, outputs | {"h_out": state}, constants)
    onnx.save(model, str(path))
    return path
