"""The streaming ONNX file: the same network, clean nodes only, the same bytes every time."""

import json
from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from stapes.models.audio import SoundPath
from stapes.models.errors import StapesError
from stapes.models.onnx_export import export_onnx

from tests.helpers import OWN_CONFIG, PUBLISHED_CONFIG, random_network

CONFIGS = {
    "published": PUBLISHED_CONFIG,
    "own": OWN_CONFIG,
    "three layers of 256": {
        **OWN_CONFIG,
        "n_fft": 256,
        "analysis": 256,
        "num_layers": 3,
        "hidden_dim": 40,
        "fc_dim": 24,
    },
}
RESHAPING = {"Unsqueeze", "Squeeze", "Reshape"}


@pytest.fixture(scope="module", params=CONFIGS)
def exported(request, tmp_path_factory):
    network = random_network(CONFIGS[request.param], seed=1)
    path = tmp_path_factory.mktemp("onnx") / "a.onnx"
    export_onnx(network, network.config.sound_path(), path)
    return network, path


def test_thousand_frames_in_onnxruntime_are_those_of_torch(exported):
    network, path = exported
    features = np.random.default_rng(0).normal(size=(1000, network.feature_size)).astype(np.float32)
    with torch.inference_mode():
        expected = network(torch.from_numpy(features)[None])[0][0].numpy()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    layers, hidden = network.config.num_layers, network.config.hidden_dim
    states = {f"h{i}": np.zeros((1, hidden), np.float32) for i in range(layers)}
    worst = 0.0
    for t in range(1000):
        mask, *new = session.run(None, {"features": features[t : t + 1], **states})
        states = dict(zip(states, new, strict=True))
        worst = max(worst, float(np.abs(mask[0] - expected[t]).max()))
    assert worst < 1e-5


def test_graph_has_one_gru_node_a_layer_and_no_node_that_does_nothing(exported):
    network, path = exported
    kinds = Counter(node.op_type for node in onnx.load(path).graph.node)
    assert kinds.pop("GRU") == network.config.num_layers
    assert set(kinds) - RESHAPING <= {"Gemm", "LayerNormalization", "Relu", "Sigmoid"}


def test_weights_are_constants_under_plain_names(exported):
    _, path = exported
    names = {item.name for item in onnx.load(path).graph.initializer}
    assert {"gru_0.W", "gru_0.R", "gru_0.B", "fc2.weight", "fc2.bias"} <= names


def test_inputs_outputs_and_metadata_are_as_promised(exported):
    network, path = exported
    proto = onnx.load(path)
    layers = range(network.config.num_layers)
    assert [value.name for value in proto.graph.input] == ["features", *(f"h{i}" for i in layers)]
    assert [value.name for value in proto.graph.output] == ["mask", *(f"h{i}_out" for i in layers)]
    metadata = {item.key: json.loads(item.value) for item in proto.metadata_props}
    assert SoundPath.from_tables(metadata["stapes.stages"]) == network.config.sound_path()
    assert metadata["stapes.states"] == [[f"h{i}", f"h{i}_out"] for i in layers]
    assert [(item.domain, item.version) for item in proto.opset_import] == [("", 18)]


def test_bytes_are_the_same_every_time_and_tell_nothing_of_the_machine(exported, tmp_path):
    network, path = exported
    export_onnx(network, network.config.sound_path(), tmp_path / "b.onnx")
    content = (tmp_path / "b.onnx").read_bytes()
    assert content == path.read_bytes()
    assert b".py" not in content
    assert b"site-packages" not in content
    assert b"stack_trace" not in content


def test_exporter_is_silent(tmp_path, capfd):
    network = random_network()
    export_onnx(network, network.config.sound_path(), tmp_path / "a.onnx")
    assert capfd.readouterr() == ("", "")


def test_failed_export_leaves_nothing(tmp_path):
    network = random_network()
    with pytest.raises(StapesError, match="cannot be written"):
        export_onnx(network, network.config.sound_path(), tmp_path / "absent" / "a.onnx")
    assert list(tmp_path.iterdir()) == []
