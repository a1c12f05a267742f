"""Networks over the positions of a frame, from ONNX to codes: every tensor of every frame is that of TFLite Micro."""

import numpy as np
import pytest
from onnx import helper
from stapes.export.tflite import to_bytes
from stapes.firmware_sim.engines.tflm import MAX_PRESERVED, TflmStream, import_runtime
from stapes.firmware_sim.network import NetworkSimulator
from stapes.quantize.calibrate import run_float
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.pipeline import quantise
from stapes.quantize.recipe import load_recipe
from stapes.quantize.tflm_builds import tflm_builds

from tests.export.programs import CNetwork
from tests.quantize.onnx_models import make
from tests.quantize.test_lowering import ints
from tests.quantize.test_lowering_positions import (
    CONVOLUTIONS,
    RNG,
    UPSAMPLING,
    convolution,
    normal,
    out_shape,
    sequence_model,
)

node = helper.make_node
pytest.importorskip("tflite_micro", reason="tflite_micro is not installed: no oracle on this machine")


def convolution_model(case):
    attributes, shape, kernel = CONVOLUTIONS[case]
    nodes, constants = convolution("Conv", attributes, shape, kernel)
    return make(nodes, {"x": shape}, {"y": out_shape(attributes, shape, kernel)}, constants)


def upsampling_model(case):
    attributes, width, kernel, out_width = UPSAMPLING[case]
    outputs = kernel[1] * attributes.get("group", 1)
    nodes, constants = convolution("ConvTranspose", attributes, None, kernel, outputs)
    rows = kernel[2]
    out_rows = 2 * rows - 1 - sum(attributes.get("pads", [0, 0])[::2])
    return make(nodes, {"x": (1, kernel[0], rows, width)}, {"y": (1, outputs, out_rows, out_width)}, constants)


def block_model():
    """A history, a depth-wise convolution, an attention over energies, a GRU with rows and a LayerNorm over all of it."""
    nodes = [
        node("Unsqueeze", ["x", "front"], ["now"]),
        node("Concat", ["history", "now"], ["all"], axis=0),
        node("Slice", ["all", "one", "end", "front"], ["history_out"]),
        node("Slice", ["all", "front", "end", "front", "two"], ["three"]),
        node("Transpose", ["three"], ["t"], perm=[2, 0, 1]),
        node("Unsqueeze", ["t", "front"], ["u"]),
        node("Conv", ["u", "kernel"], ["c"], pads=[0, 1, 0, 1], group=8),
        node("Squeeze", ["c", "outer"], ["s"]),
        node("Transpose", ["s"], ["bins"], perm=[1, 0]),
        node("LeakyRelu", ["bins"], ["h"], alpha=-0.3),
        node("Mul", ["h", "h"], ["square"]),
        node("ReduceMean", ["square", "front"], ["energy"], keepdims=1),
        node("MatMul", ["energy", "M"], ["linear"]),
        node("Sigmoid", ["linear"], ["gain"]),
        node("Mul", ["h", "gain"], ["attended"]),
        node("Unsqueeze", ["attended", "front"], ["rows"]),
        node("Unsqueeze", ["inter", "front"], ["start"]),
        node("GRU", ["rows", "W", "R", "B", "", "start"], ["", "last"], hidden_size=8, linear_before_reset=1),
        node("Squeeze", ["last", "front"], ["inter_out"]),
        node("LayerNormalization", ["inter_out", "gamma", "beta"], ["normal"], axis=0, epsilon=1e-8),
        node("Add", ["attended", "normal"], ["y"]),
    ]
    constants = {"kernel": normal(8, 1, 3, 3), "M": normal(8, 8), "gamma": 1 + normal(33, 8), "beta": normal(33, 8)}
    constants |= {"W": normal(1, 24, 8), "R": normal(1, 24, 8), "B": normal(1, 48)}
    constants |= {"front": ints(0), "one": ints(1), "two": ints(2), "end": ints(2**40), "outer": ints(0, 2)}
    shapes = {"x": (33, 8), "history": (4, 33, 8), "inter": (33, 8)}
    made = {"y": (33, 8), "history_out": (4, 33, 8), "inter_out": (33, 8)}
    return make(nodes, shapes, made, constants)


# Name: (model, least SNR in w8a16, in w8a8), dB against float over random frames.
MODELS = {
    **{f"Conv, {case}": (lambda case=case: convolution_model(case), 42, 28) for case in CONVOLUTIONS},
    **{f"ConvTranspose, {case}": (lambda case=case: upsampling_model(case), 42, 28) for case in UPSAMPLING},
    "sequence of 33": (lambda: sequence_model(33), 38, 22),
    "sequence of 80": (lambda: sequence_model(80), 38, 22),
    "block": (block_model, 38, 18),
}  # fmt: skip


FOR_CMSIS_NN = ("w8a16_cmsis_nn", "w8a16_tensor_cmsis_nn")
CASES = [(case, recipe) for case in MODELS for recipe in ("w8a16", "w8a8")]
CASES += [(case, recipe) for case in ("block", "sequence of 33", "Conv, two groups") for recipe in FOR_CMSIS_NN]


@pytest.mark.parametrize(("case", "recipe"), CASES)
def test_every_tensor_of_every_frame_is_that_of_tflm(case, recipe, tmp_path):
    make_model, *least = MODELS[case]
    RNG.bit_generator.state = np.random.default_rng(0).bit_generator.state  # whichever test came before
    model = make_model()
    source = check_model(model, "m")
    rng, frames = np.random.default_rng(0), 12
    sequence = {
        name: rng.normal(0, 1, (frames, int(np.prod(source.shapes[name])))).astype(np.float32) for name in source.inputs
    }
    graph = quantise(source, load_recipe(recipe), [sequence]).graph
    simulator = NetworkSimulator(graph, 1)
    interpreter = TflmStream(import_runtime(), to_bytes(graph), graph, trace=True)
    network = CNetwork(graph, tmp_path) if recipe in FOR_CMSIS_NN else None
    outputs = []
    for t in range(frames):
        codes = {name: quantised(graph.tensors[name], sequence[name][t]) for name in graph.inputs}
        made = simulator.step({name: value[None] for name, value in codes.items()}, keep="all")
        expected = interpreter.step(codes)
        for name, value in expected.items():
            if not np.array_equal(made[name][0].ravel(), np.ravel(value)):
                np.testing.assert_array_equal(made[name][0].ravel(), np.ravel(value), err_msg=f"{name}, frame {t}")
        if network is not None:
            np.testing.assert_array_equal(network.step(codes)["y"], made["y"][0], err_msg=f"C, frame {t}")
        outputs.append(made["y"][0].ravel())
    y = graph.tensors["y"]
    got = (np.array(outputs) - y.zero_point) * float(y.scale[0])
    float_y = run_float(model, source.states, [sequence], ["y"])[0]["y"]
    snr = 10 * np.log10(np.sum(float_y**2) / np.sum((float_y - got) ** 2))
    coarser = 12 if recipe == "w8a16_tensor_cmsis_nn" else 0
    assert snr > least[recipe == "w8a8"] - coarser
    if recipe in FOR_CMSIS_NN:
        assert tflm_builds(graph)[2].runs


def quantised(tensor, values):
    codes = np.round(values.reshape(tensor.shape) / np.float64(tensor.scale[0])) + tensor.zero_point
    return np.clip(codes, *tensor.limits).astype(np.int64)


def test_a_graph_of_more_tensors_than_the_planner_preserves_is_traced_too():
    source = check_model(sequence_model(80), "m")
    frames = {"x": np.ones((2, 80 * 16), np.float32)}
    graph = quantise(source, load_recipe("w8a16"), [frames]).graph
    made = [name for op in graph.operators for name in op.outputs]
    assert len(made) > MAX_PRESERVED
    zeros = {name: np.zeros(graph.tensors[name].shape, np.int64) for name in graph.inputs}
    assert list(TflmStream(import_runtime(), to_bytes(graph), graph, trace=True).step(zeros)) == made
