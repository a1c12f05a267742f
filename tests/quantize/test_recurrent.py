"""Recurrent layers of every kind: the numbers of onnxruntime in float, over time, and the same bits in all integer engines."""

import numpy as np
import pytest
from stapes.export.tflite import to_bytes
from stapes.firmware_sim.engines.network import run_network
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.firmware_sim.engines.tflm import TflmNetwork
from stapes.models.errors import StapesError
from stapes.quantize.graph import DTYPES
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import check_model

from tests.export.test_lowered_networks import codes, quantised
from tests.quantize.recurrent_models import CASES, recurrent
from tests.quantize.test_lowering import both


@pytest.mark.parametrize("name", CASES)
def test_a_recurrent_layer_keeps_its_numbers_over_time(name):
    expected, got, _ = both(CASES[name], frames=60)
    for output, values in expected.items():
        np.testing.assert_allclose(got[output], values, atol=3e-6, err_msg=output)


@pytest.mark.parametrize("recipe", ["w8a8", "w8a16"])
@pytest.mark.parametrize("name", CASES)
def test_numpy_and_tflite_micro_agree_on_a_recurrent_layer(name, recipe):
    graph = quantised(CASES[name], recipe)
    frames = {key: values.astype(DTYPES[graph.tensors[key].dtype])[None] for key, values in codes(graph).items()}
    expected, got = (
        run_network(engine, frames, trace=True) for engine in (NumpyNetwork(graph), TflmNetwork(to_bytes(graph), graph))
    )
    for tensor, values in expected.items():
        np.testing.assert_array_equal(got[tensor], values, err_msg=tensor)


def test_the_state_of_an_lstm_cell_is_int16_in_steps_of_a_power_of_two_in_every_recipe():
    for recipe in ("w8a8", "w8a16"):
        tensor = quantised(CASES["LSTM"], recipe).tensors["c"]
        assert tensor.dtype == "int16"
        assert float(np.log2(tensor.scale[0])).is_integer()


REFUSED = {
    "direction": ({"direction": "reverse"}, "LSTM", "over one position"),
    "clip": ({"clip": 1.0}, "LSTM", "clip"),
    "activations": ({"activations": ["Sigmoid", "Tanh", "Relu"]}, "LSTM", "activations"),
    "input_forget": ({"input_forget": 1}, "LSTM", "input_forget"),
    "frames": ({"length": 3}, "LSTM", "without states"),
    "frames of a GRU": ({"length": 3, "linear_before_reset": 1}, "GRU", "without states"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_layers_are_refused_with_the_reason(case):
    settings, kind, reason = REFUSED[case]
    with pytest.raises(StapesError, match=reason):
        lower(check_model(recurrent(kind, **settings), "m"))


def test_peepholes_are_refused():
    model = recurrent("LSTM")
    model.graph.node[0].input.append("P")
    model.graph.initializer.append(model.graph.initializer[2])
    model.graph.initializer[3].name = "P"
    model.graph.initializer[3].dims[:] = [1, 24]
    model.graph.initializer[3].raw_data = np.zeros(24, np.float32).tobytes()
    with pytest.raises(StapesError, match="peepholes"):
        lower(check_model(model, "m"))
