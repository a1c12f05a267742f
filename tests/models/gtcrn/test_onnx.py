"""The streaming ONNX of GTCRN computes the network, and consists of the nodes that lowering relies on."""

import collections

import numpy as np
import onnx
import pytest
import torch
from stapes.models import checkpoint
from stapes.models.audio.complex import complex_features
from stapes.models.errors import StapesError
from stapes.models.gtcrn.onnx_graph import state_shapes
from stapes.models.onnx_export import export_onnx, to_proto
from stapes.models.pipeline import FloatPipeline
from stapes.quantize.calibrate import run_float
from stapes.quantize.onnx_reader import check_model, read_onnx

from tests.helpers import speech_like
from tests.models.gtcrn.networks import GOLDEN, OFFICIAL, needs_official, random_gtcrn, spectra

FRAMES = 14


def streamed(proto, features):
    """Mask (T, 514) and the states after the last frame, by name."""
    source = check_model(proto, "test")
    names = ["mask", *(state.output for state in source.states)]
    made = run_float(proto, source.states, [{"features": features.astype(np.float32)}], names)[0]
    return made["mask"], {state.input: made[state.output][-1] for state in source.states}


def in_official_layout(states):
    """States by name -> the three arrays of the official streaming model, without its axes of batch and layers."""
    conv, tra = np.zeros((2, 16, 16, 33)), np.zeros((2, 3, 16))
    slots = {1: slice(0, 2), 2: slice(2, 6), 5: slice(6, 16)}
    for half, blocks in enumerate(({"E2": 1, "E3": 2, "E4": 5}, {"D0": 5, "D1": 2, "D2": 1})):
        for place, (name, dilation) in enumerate(blocks.items()):
            conv[half, :, slots[dilation]] = states[f"history_{name}"].reshape(2 * dilation, 33, 16).transpose(2, 0, 1)
            tra[half, place] = states[f"tra_{name}"]
    return conv, tra, np.stack([states[f"inter_{k}"].reshape(33, 16) for k in (1, 2)])


@pytest.mark.parametrize("seed", [0, 1])
def test_frame_by_frame_it_is_the_network(seed):
    network = random_gtcrn(seed)
    x = complex_features(spectra(FRAMES, seed))
    mask, states = streamed(to_proto(network, network.sound_path()), x)
    with torch.inference_mode():
        expected, end = network.double()(torch.from_numpy(x)[None])
    assert np.abs(mask - expected[0].numpy()).max() < 2e-5
    conv, tra, inter = in_official_layout(states)
    assert np.abs(conv - end.conv[:, 0].numpy()).max() < 1e-5 * np.abs(end.conv.numpy()).max()
    assert np.abs(tra - end.tra[:, :, 0, 0].numpy()).max() < 2e-5
    assert np.abs(inter - end.inter[:, 0].numpy()).max() < 2e-5


@needs_official
def test_the_official_spectra_and_states_come_out():
    network, sound_path, _ = checkpoint.load(OFFICIAL)
    with np.load(GOLDEN, allow_pickle=False) as golden:
        spectrum = golden["spec_in"].astype(np.float64) @ [1, 1j]
        mask, states = streamed(to_proto(network, sound_path), complex_features(spectrum))
        real, imaginary = np.split(mask, 2, axis=1)
        assert np.abs(spectrum * (real + 1j * imaginary) - golden["spec_out"] @ [1, 1j]).max() < 1e-5
        conv, tra, inter = in_official_layout(states)
        assert np.abs(conv - golden["final_conv_cache"][:, 0]).max() < 3e-5  # beside values of 40
        assert np.abs(tra - golden["final_tra_cache"][:, :, 0, 0]).max() < 1e-5
        assert np.abs(inter - golden["final_inter_cache"][:, 0]).max() < 1e-5


def test_inputs_outputs_and_states():
    network = random_gtcrn()
    source = check_model(to_proto(network, network.sound_path()), "test")
    assert (source.inputs, source.outputs) == (("features",), ("mask",))
    assert (source.shapes["features"], source.shapes["mask"]) == ((3, 257), (2, 257))
    shapes = {state.input: source.shapes[state.input] for state in source.states}
    assert [state.output for state in source.states] == [f"{name}_out" for name in shapes]
    assert shapes == {
        **{
            f"history_{b}": (n, 33, 16) for b, n in (("E2", 2), ("E3", 4), ("E4", 10), ("D0", 10), ("D1", 4), ("D2", 2))
        },
        **{f"tra_{b}": (1, 16) for b in ("E2", "E3", "E4", "D0", "D1", "D2")},
        "inter_1": (33, 16),
        "inter_2": (33, 16),
    }
    assert shapes == state_shapes()


def test_the_nodes_are_those_that_lowering_knows():
    """And the reader's own folding leaves them alone."""
    network = random_gtcrn()
    nodes = check_model(to_proto(network, network.sound_path()), "test").nodes
    kinds = collections.Counter(node.op_type for node in nodes)
    assert not set(kinds) & {"ConvTranspose", "BatchNormalization", "PRelu", "Einsum", "Gather", "Where"}
    assert (kinds["Conv"], kinds["GRU"], kinds["LayerNormalization"], kinds["LeakyRelu"]) == (16, 10, 4, 15)
    attributes = [
        {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute} for node in nodes if node.op_type == "GRU"
    ]
    assert all(a["linear_before_reset"] == 1 for a in attributes)
    assert [a["direction"] for a in attributes].count(b"bidirectional") == 2
    convolutions = [
        {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute} for node in nodes if node.op_type == "Conv"
    ]
    assert collections.Counter((tuple(a["kernel_shape"]), a["strides"][1], a["group"]) for a in convolutions) == {
        ((1, 5), 2, 1): 1,
        ((1, 5), 2, 2): 1,
        ((1, 3), 1, 1): 8,
        ((3, 3), 1, 16): 6,
    }


def test_equal_weights_give_equal_bytes_and_the_front_end_comes_along(tmp_path):
    for name in ("a.onnx", "b.onnx"):
        network = random_gtcrn(5)
        export_onnx(network, network.sound_path(), tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    _, source = read_onnx(tmp_path / "a.onnx")
    assert '{"kind": "complex"}' in source.metadata["stapes.stages"]


def test_failed_export_leaves_nothing(tmp_path):
    network = random_gtcrn()
    with pytest.raises(StapesError, match="cannot be written"):
        export_onnx(network, network.sound_path(), tmp_path / "absent" / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_float_engine_plays_it(tmp_path):
    from stapes.firmware_sim.engines.float_engine import FloatEngine

    network = random_gtcrn(6)
    sound_path = network.sound_path()
    export_onnx(network, sound_path, tmp_path / "a.onnx")
    audio = speech_like(0.5)[: 256 * 30]
    trace = FloatEngine(tmp_path / "a.onnx", sound_path).trace_float(audio)
    expected = FloatPipeline(sound_path, network).trace(audio)
    assert trace["mask"].shape == (1, 30, 514)
    assert np.abs(trace["mask"] - expected["mask"]).max() < 2e-5
    assert np.abs(trace["output"] - expected["output"]).max() < 1e-5
    assert np.abs(expected["output"]).max() > 0.01
