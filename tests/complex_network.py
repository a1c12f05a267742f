"""A small network with a complex mask, as a user might bring it: spectra of 512 samples in, real and imaginary factors out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from stapes.models.onnx_export import STAGES_KEY

from tests.helpers import sound_path_of
from tests.quantize.onnx_models import make

FRONTEND = sound_path_of(analysis=512, synthesis=512, hop=256, features="complex")
HIDDEN = 16


def complex_network(path: Path, seed: int = 0) -> Path:
    """Write features (3, F) -> layer of 16 -> GRU of 16 -> mask (2, F) with seeded random weights and its front end; returns `path`."""
    rng = np.random.default_rng(seed)
    given, made = FRONTEND.feature_size, FRONTEND.mask_size
    constants = {
        "row": np.array([1, given], np.int64),
        "W_in": rng.normal(0, 0.02, (given, HIDDEN)),
        "b_in": rng.normal(0, 0.2, HIDDEN),
        "time": np.array([1, 1, HIDDEN], np.int64),
        "W": rng.normal(0, 0.6, (1, 3 * HIDDEN, HIDDEN)),
        "R": rng.normal(0, 0.4, (1, 3 * HIDDEN, HIDDEN)),
        "B": rng.normal(0, 0.3, (1, 6 * HIDDEN)),
        "flat": np.array([1, HIDDEN], np.int64),
        "W_out": rng.normal(0, 0.8, (HIDDEN, made)),
        "b_out": rng.normal(0, 0.3, made),
        "rows": np.array([2, FRONTEND.transform.bins], np.int64),
    }
    nodes = [
        helper.make_node("Reshape", ["features", "row"], ["x0"]),
        helper.make_node("MatMul", ["x0", "W_in"], ["x1"]),
        helper.make_node("Add", ["x1", "b_in"], ["x2"]),
        helper.make_node("Tanh", ["x2"], ["x3"]),
        helper.make_node("Reshape", ["x3", "time"], ["x4"]),
        helper.make_node(
            "GRU", ["x4", "W", "R", "B", "", "h"], ["", "h_out"], name="cell", hidden_size=HIDDEN, linear_before_reset=1
        ),
        helper.make_node("Reshape", ["h_out", "flat"], ["y0"]),
        helper.make_node("MatMul", ["y0", "W_out"], ["y1"]),
        helper.make_node("Add", ["y1", "b_out"], ["y2"]),
        helper.make_node("Tanh", ["y2"], ["y3"]),
        helper.make_node("Reshape", ["y3", "rows"], ["mask"]),
    ]
    state = (1, 1, HIDDEN)
    model = make(
        nodes,
        {"features": (3, FRONTEND.transform.bins), "h": state},
        {"mask": (2, FRONTEND.transform.bins), "h_out": state},
        constants,
    )
    helper.set_model_props(model, {STAGES_KEY: json.dumps(FRONTEND.to_tables())})
    onnx.save(model, str(path))
    return path
