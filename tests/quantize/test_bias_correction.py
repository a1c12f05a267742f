"""Bias correction takes the mean error of rounding and clipping from the products, and nothing else."""

import numpy as np
import pytest
from onnx import helper
from stapes.firmware_sim.network import NetworkSimulator
from stapes.quantize.bias_correction import MeanErrors
from stapes.quantize.build import quantise_weights
from stapes.quantize.calibrate import calibrate, run_float
from stapes.quantize.graph import Tensor
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.pipeline import assemble
from stapes.quantize.recipe import parse_recipe

from tests.quantize.onnx_models import make
from tests.quantize.test_equalise import point_depth_point

node = helper.make_node


def lopsided(frames, size, seed=5):
    """Frames (T, size) whose mean is not zero and whose tails are long, so that clipping moves the mean."""
    return (np.random.default_rng(seed).exponential(0.7, (frames, size)) - 0.3).astype(np.float32)


def observed(model, frames):
    lowered = lower(check_model(model, "m"))
    return lowered, calibrate(lowered, [{"x": frames}])


def output_errors(model, frames, correct):
    """Mean error of each channel of y, integer against float, with coarse int8 formats."""
    lowered, seen = observed(model, frames)
    # What the output's own format clips, no bias gives back.
    choices = {"activations": {"clip": 0.3}, "tensor": [{"match": "y", "clip": 1.5}]}
    recipe = parse_recipe({"weights": {"bias_correction": correct}, **choices}, "r")
    graph = assemble(lowered, seen, recipe).graph
    given, made = graph.tensors["x"], graph.tensors["y"]
    codes = np.clip(np.round(frames / given.scale[0]) + given.zero_point, *given.limits).astype(np.int64)
    simulator = NetworkSimulator(graph, 1)
    out = np.array([simulator.step({"x": frame.reshape(1, *given.shape)})["y"][0] for frame in codes])
    source = check_model(model, "m")
    expected = run_float(model, source.states, [{"x": frames}], ["y"])[0]["y"].reshape(out.shape)
    difference = (out - made.zero_point) * float(made.scale[0]) - expected
    return difference.reshape(-1, out.shape[-1]).mean(axis=0)


def one_layer():
    rng = np.random.default_rng(8)
    nodes = [node("MatMul", ["x", "A"], ["p"]), node("MatMul", ["p", "B"], ["y"])]
    constants = {"A": np.abs(rng.normal(0, 0.3, (12, 8))), "B": rng.normal(0, 0.3, (8, 5))}
    return make(nodes, {"x": (1, 12)}, {"y": (1, 5)}, constants)


# Rectifiers and edges keep some of the error in the second.
@pytest.mark.parametrize(("model", "size", "left"), [(one_layer(), 12, 0.5), (point_depth_point(np.ones(8)), 54, 0.7)])
def test_the_mean_of_the_output_comes_back(model, size, left):
    frames = lopsided(300, size)
    plain, corrected = (np.abs(output_errors(model, frames, correct)) for correct in (False, True))
    assert corrected.max() < left * plain.max()


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_the_error_is_that_of_the_means(dtype):
    frames = lopsided(200, 12)
    lowered, seen = observed(one_layer(), frames)
    op = next(op for op in lowered.operators if op.inputs[0] == "x")
    exact = lowered.tensors[op.inputs[1]].data
    codes, scales = quantise_weights(exact, "channel")
    weights = Tensor("w", exact.shape, "int8", scales, 0, 0, codes)
    x = Tensor("x", (1, 12), dtype, np.array([0.004], np.float32), 0)
    held = np.clip(np.round(frames[1:] / np.float32(0.004)), *x.limits) * 0.004
    wanted = (codes * scales[:, None].astype(np.float64)) @ held.mean(axis=0) - exact @ frames[1:].mean(axis=0)
    got = MeanErrors(lowered, seen).of(op, x, x, weights)
    np.testing.assert_allclose(got, wanted, atol=np.abs(wanted).max() / 200)
    assert (np.abs(got).max() > 0.1) == (dtype == "int8")


def test_a_copy_in_finer_steps_has_the_error_of_what_it_copies():
    lowered, seen = observed(one_layer(), lopsided(200, 12))
    op = next(op for op in lowered.operators if op.inputs[0] == "x")
    exact = lowered.tensors[op.inputs[1]].data
    codes, scales = quantise_weights(exact, "channel")
    weights = Tensor("w", exact.shape, "int8", scales, 0, 0, codes)
    coarse = Tensor("x", (1, 12), "int8", np.array([0.004], np.float32), 0)
    fine = Tensor("x/int16", (1, 12), "int16", np.array([2.0**-12], np.float32), 0)
    errors = MeanErrors(lowered, seen)
    np.testing.assert_allclose(errors.of(op, coarse, fine, weights), errors.of(op, coarse, coarse, weights), atol=1e-2)
    assert np.abs(errors.of(op, coarse, fine, weights)).max() > 10 * np.abs(errors.of(op, fine, fine, weights)).max()


def test_without_it_nothing_changes():
    frames = lopsided(100, 12)
    lowered, seen = observed(one_layer(), frames)
    plain, off, on = (
        assemble(lowered, seen, parse_recipe({"weights": weights}, "r")).graph
        for weights in ({}, {"bias_correction": False}, {"bias_correction": True})
    )
    biases = [op.inputs[2] for op in plain.operators if op.kind == "FULLY_CONNECTED"]
    assert biases
    for name in biases:
        np.testing.assert_array_equal(plain.tensors[name].data, off.tensors[name].data)
        assert np.any(plain.tensors[name].data != on.tensors[name].data)
