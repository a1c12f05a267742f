"""Operators that are tables, or others in other words: in float as onnxruntime has them, in integers near to that."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from stapes.export.c.program import build_program
from stapes.firmware_sim.network import NetworkSimulator
from stapes.models.errors import StapesError
from stapes.quantize.calibrate import run_float
from stapes.quantize.float_onnx import to_onnx
from stapes.quantize.graph import to_codes, to_real
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.pipeline import quantise
from stapes.quantize.recipe import load_recipe

from tests.export.programs import CNetwork
from tests.export.test_lowered_networks import FRAMES, assert_same, codes, in_numpy
from tests.firmware_sim.tflm import run_tflm_batch
from tests.quantize.onnx_models import make
from tests.quantize.written_operators import CASES, NORMS, frames, model, real

# Signal over the error that integers make, at least, for each recipe; what follows has poles or exponentials in it.
LEAST_DB = {"w8a16": 44.0, "w8a8": 22.0}
STEEP = {"Div by an activation", "Div of one", "Pow of -1.5", "Less, Not and And", "Cosh", "Reciprocal"}
STEEP_DB = {"w8a16": 32.0, "w8a8": 5.0}
# What C has kernels of its own for; all others become operators that are compared elsewhere.
IN_C = [
    "Exp",
    "Log",
    "Selu",
    "Reciprocal",
    "MaxPool of two axes",
    "ReduceMax over the middle",
    "Softmax over rows",
    "MatMul of two activations",
]


@pytest.mark.parametrize("name", CASES)
def test_an_operator_keeps_its_numbers(name):
    made, given = model([name], 18 if name in NORMS else 20), frames([name], 20)
    source = check_model(made, "m")
    lowered = lower(source)
    flat = {key: value.reshape(20, -1) for key, value in given.items()}
    expected = run_float(made, source.states, [flat], ["y0"])[0]["y0"]
    got = run_float(to_onnx(lowered), lowered.states, [flat], ["y0"])[0]["y0"]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=3e-3 if name in NORMS else 3e-6)


def integers(names, recipe):
    """(ONNX model, integer graph) of cases side by side."""
    made = model(names, 18 if set(names) <= set(NORMS) else 20)
    return made, quantise(check_model(made, "m"), load_recipe(recipe), [frames(names, 150)]).graph


@pytest.mark.parametrize("recipe", LEAST_DB)
@pytest.mark.parametrize("names", [[n for n in CASES if n not in NORMS], [*NORMS]], ids=["all", "norms"])
def test_integers_are_near_and_numpy_and_tflite_micro_agree(names, recipe):
    made, graph = integers(names, recipe)
    given = frames(names, 60, seed=5)
    flat = {key: value.reshape(60, -1) for key, value in given.items()}
    expected = run_float(made, (), [flat], list(graph.outputs))[0]
    got = NetworkSimulator(graph, 60).step({key: to_codes(graph.tensors[key], value) for key, value in given.items()})
    for index, name in enumerate(names):
        wanted, real = expected[f"y{index}"], to_real(graph.tensors[f"y{index}"], got[f"y{index}"]).reshape(60, -1)
        snr = 10 * np.log10(np.mean(wanted**2) / max(np.mean((wanted - real) ** 2), 1e-30))
        assert snr > (STEEP_DB if name in STEEP else LEAST_DB)[recipe], name
    wild = codes(graph)
    assert_same(graph, in_numpy(graph, wild), run_tflm_batch(graph, wild, 1 << 23))


@pytest.mark.parametrize("recipe", LEAST_DB)
def test_c_agrees_with_its_own_kernels_and_operator_by_operator(recipe, tmp_path):
    _, graph = integers(IN_C, recipe)
    given = codes(graph)
    expected = in_numpy(graph, given)
    curve = "stapes_curve_s16" if recipe == "w8a16" else "stapes_lut_s8"
    for fuse in (True, False):
        assert (curve in build_program(graph, "net", fuse=fuse).functions) == fuse
        (folder := tmp_path / str(fuse)).mkdir()
        compiled = CNetwork(graph, folder, "sanitised" if fuse else "gcc", fuse=fuse)
        made = [compiled.step({key: values[t] for key, values in given.items()}) for t in range(FRAMES)]
        assert_same(graph, expected, {key: np.stack([frame[key] for frame in made]) for key in graph.outputs})


def test_a_curve_that_is_looked_into_runs_operator_by_operator():
    _, graph = integers(["Log"], "w8a16")
    inner = graph.regions[0].roles["0/offset"]
    seen = replace(graph, outputs=(*graph.outputs, inner))
    assert "stapes_curve_s16" in build_program(graph, "net").functions
    assert "stapes_curve_s16" not in build_program(seen, "net").functions


def test_a_term_of_another_width_is_refused_by_its_node():
    node = onnx.helper.make_node("Gemm", ["x", "w", "h"], ["y"], name="sum")
    graph = make([node], {"x": [1, 4], "h": [1, 3]}, {"y": [1, 5]}, {"w": real(4, 5)})
    with pytest.raises(
        StapesError, match=r"^Gemm \(sum\): operands of shapes \(1, 5\) and \(1, 3\) do not fit together"
    ):
        lower(check_model(graph, "m"))
