"""Networks of the field, from torch to integers: streams where they are none, lowered, near to float, the same bits in numpy and TFLite Micro."""

import contextlib
import io
import warnings

import numpy as np
import onnx
import pytest
import torch
from stapes.export.tflite import to_bytes
from stapes.firmware_sim.engines.network import run_network
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.firmware_sim.engines.tflm import TflmNetwork
from stapes.quantize.calibrate import run_float
from stapes.quantize.graph import DTYPES, to_codes, to_real
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.pipeline import quantise
from stapes.quantize.recipe import load_recipe
from stapes.quantize.streaming import make_streaming

from tests.export.device import network
from tests.quantize.field_networks import FRAMES, RECORDINGS

# Of outputs whose mean is taken off; masks lie between zero and one.
LEAST_DB = {"w8a16": 40.0, "w8a8": 15.0}
# Weights of int8 cost some 45 dB a layer, and these are deep at widths that average little.
DEEP_DB = {"NSNet2": 35.0, "PercepNet": 32.0, "DPCRN": 35.0, "FSMN": 38.0, "Mamba": 38.0}
GAIN = 3.0**0.5
CALIBRATED, HEARD, COMPARED = 400, 150, 25


def trained_like(network):
    """Weights that keep the size of what they are given, as training makes them; torch begins with a third of that power."""
    with torch.no_grad():
        for name, values in network.named_parameters():
            if values.dim() > 1 and "weight" in name:
                values *= GAIN
    return network


def exported(name, dynamo, path):
    """One frame a call, as ONNX: made a stream, or exported as one."""
    torch.manual_seed(5)
    make, shape, *rest = (*FRAMES[name],) if name in FRAMES else RECORDINGS[name]
    model = trained_like(make()).eval()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        if name in FRAMES:
            names = ["x", *(f"s{i}" for i in range(len(shape) - 1))]
            outs = ["y", *(f"s{i}_out" for i in range(len(shape) - 1))]
            given = tuple(torch.randn(size) for size in shape)
            torch.onnx.export(model, given, path, dynamo=dynamo, input_names=names, output_names=outs, verbose=False)
            return onnx.load(path)
        axes = {"x": {rest[0]: "T"}}
        if dynamo:
            time = torch.export.Dim("T", min=2, max=4096)
            torch.onnx.export(
                model, (torch.randn(shape),), path, dynamo=True, dynamic_shapes=({rest[0]: time},), verbose=False
            )
        else:
            torch.onnx.export(model, (torch.randn(shape),), path, dynamo=False, input_names=["x"], dynamic_axes=axes)
    return make_streaming(onnx.load(path), "n").model


def sound(source, count, seed):
    """Frames that change slowly, with a loudness that comes and goes: input name -> (T, *shape)."""
    rng = np.random.default_rng(seed)
    given = {}
    for name in source.inputs:
        noise = rng.normal(size=(count + 8, *source.shapes[name]))
        smooth = np.stack([noise[i : i + count] for i in range(8)]).mean(axis=0) * 2.0
        loudness = 0.6 + 0.4 * np.sin(np.arange(count) / 9.0)
        given[name] = (smooth * loudness.reshape(-1, *(1,) * (smooth.ndim - 1))).astype(np.float32)
    return given


def require_near_and_equal(name, model, recipe):
    """Integers are near to float; all outputs of all frames are the same in TFLite Micro; returns graph, codes and what numpy made."""
    source = check_model(model, "n")
    graph = quantise(source, load_recipe(recipe), [sound(source, CALIBRATED, 1)]).graph
    given = sound(source, HEARD, 2)
    flat = {name: values.reshape(HEARD, -1) for name, values in given.items()}
    expected = run_float(model, source.states, [flat], list(source.outputs))[0]
    coded = {
        name: to_codes(graph.tensors[name], values).astype(DTYPES[graph.tensors[name].dtype])[None]
        for name, values in given.items()
    }
    made = run_network(NumpyNetwork(graph), coded)
    least = DEEP_DB.get(name, LEAST_DB[recipe]) if recipe == "w8a16" else LEAST_DB[recipe]
    for output, wanted in expected.items():
        error = to_real(graph.tensors[output], made[output][0]) - wanted
        centred = wanted - wanted.mean(axis=0)
        snr = 10 * np.log10(np.mean(centred**2) / np.mean(error**2))
        assert snr >= least, f"{output}: {snr:.1f} dB"
    few = {key: values[:, :COMPARED] for key, values in coded.items()}
    oracle = run_network(TflmNetwork(to_bytes(graph), graph), few)
    for output in oracle:
        np.testing.assert_array_equal(oracle[output], made[output][:, :COMPARED], err_msg=output)
    return graph, few, made


@pytest.mark.parametrize("name", [*RECORDINGS, *FRAMES])
def test_a_network_of_the_field_becomes_integers(name, tmp_path):
    """By torch's older exporter."""
    require_near_and_equal(name, exported(name, False, tmp_path / "n.onnx"), "w8a16")


# It takes seconds a network, and fixes the length that a recurrence was traced with.
@pytest.mark.parametrize("name", ["TCN", "squeeze and excite", "Mamba"])
def test_a_network_of_the_field_becomes_integers_by_the_default_exporter(name, tmp_path):
    require_near_and_equal(name, exported(name, True, tmp_path / "n.onnx"), "w8a16")


@pytest.mark.parametrize(
    ("name", "recipe", "build"),
    [
        ("a GRU and attention over frequency", "w8a8", "gcc"),
        ("Mamba", "w8a16", "device"),
        ("DTLN, second stage", "w8a16", "gcc"),
        ("DTLN, second stage", "w8a8", "device"),
    ],
)
def test_c_gives_the_same_bits(name, recipe, build, tmp_path):
    graph, given, made = require_near_and_equal(name, exported(name, False, tmp_path / "n.onnx"), recipe)
    compiled = network(graph, tmp_path, build)
    for frame in range(COMPARED):
        outputs = compiled.step({key: values[0, frame] for key, values in given.items()})
        for output, values in outputs.items():
            np.testing.assert_array_equal(
                values.reshape(-1), made[output][0, frame], err_msg=f"{output}, frame {frame}"
            )
