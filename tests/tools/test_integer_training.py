"""Training through the integer graph: its forward pass is the engine's, bit for bit, and its gradients lead somewhere."""

import json

import numpy as np
import pytest
import torch
from stapes.models import checkpoint
from stapes.models.errors import StapesError
from stapes.tools.training.agreement import compare, masks_of, quantised
from stapes.tools.training.fake_quant import FakeQuantisedMask, Ranges
from stapes.tools.training.integer import IntegerForward
from stapes.tools.zoo import GRU_MASK_W8A8

from tests.helpers import OWN_CONFIG, random_network
from tests.tools.test_fake_quant import features_of
from tests.tools.test_training import RECIPE, corpus, run  # noqa: F401  (corpus is a fixture)

SMALL = {**OWN_CONFIG, "hidden_dim": 24, "narrow_dim": 16, "fc_dim": 0}
ENGINE = '\n[quantisation]\nimitate = "engine"\n'


@pytest.fixture(scope="module")
def shipped():
    """The zoo network, and features of noisy recordings (3, 300, F)."""
    model, sound_path, _ = checkpoint.load(GRU_MASK_W8A8)
    return model, torch.from_numpy(features_of("demo", sound_path, 300))


def test_forward_is_the_quantised_checkpoint_in_every_bit(shipped):
    """`quantize` of the stored network, from the same frames, must compute what training computed."""
    model, features = shipped
    forward = IntegerForward(model, "w8a8")
    forward.calibrate(features)
    with torch.no_grad():
        ours = forward(features).numpy()
    graph = quantised(model, features.numpy())
    assert np.array_equal(ours, masks_of(graph, features.numpy()))


def test_agreement_is_counted_in_frames(shipped):
    model, features = shipped
    rows = compare(model, features.numpy()[:2, :150])
    assert rows["engine"] == {"frames": 300, "equal_frames": 300, "equal_values": 1.0, "largest_difference": 0}
    assert rows["activations"]["equal_frames"] < 300
    assert rows["float"]["equal_values"] < rows["activations"]["equal_values"] < 1.0


def test_formats_stay_while_weights_move(shipped):
    model, features = shipped
    network = random_network(model.config.to_dict())
    network.load_state_dict(model.state_dict())
    forward = IntegerForward(network, "w8a8_features16")
    forward.calibrate(features[:, :100])
    before = forward.graph()
    with torch.no_grad():
        network.gru.weight_hh_l0 *= 0.9
    after = forward.graph()
    restored = IntegerForward(network, "w8a8_features16")
    restored.restore(json.loads(json.dumps(forward.formats())))
    for name, tensor in before.tensors.items():
        if tensor.data is None:
            assert (tensor.dtype, tensor.scale, tensor.zero_point) == (
                after.tensors[name].dtype, after.tensors[name].scale, after.tensors[name].zero_point
            )  # fmt: skip
    assert before.tensors["features"].dtype == "int16"
    assert not np.array_equal(before.tensors["gru0/hr/weights"].scale, after.tensors["gru0/hr/weights"].scale)
    again = restored.graph()
    assert all(np.array_equal(t.data, again.tensors[n].data) for n, t in after.tensors.items() if t.data is not None)


def test_gradients_are_near_those_of_the_float_network():
    """In int8 a gradient is noisier, not another one."""
    torch.manual_seed(0)
    network = random_network(SMALL).train()
    features = 0.5 * torch.randn(4, 60, network.feature_size)
    forward = IntegerForward(network, "w8a8")
    forward.calibrate(features)
    wanted = torch.linspace(-1, 1, network.bins)
    gradients = []
    for function in (forward, lambda x: FakeQuantisedMask(network, Ranges())(x, int8=False)):
        network.zero_grad()
        (function(features) * wanted).sum().backward()
        gradients.append([p.grad.clone().flatten() for p in network.parameters()])
    for a, b in zip(*gradients, strict=True):
        assert float(torch.dot(a, b) / (a.norm() * b.norm())) > 0.9


def test_interrupted_training_through_the_engine_ends_in_the_same_bytes(corpus, tmp_path):  # noqa: F811
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        RECIPE.replace("steps = 8", "steps = 4").replace("crop_seconds = 1.0", "crop_seconds = 0.3") + ENGINE
    )
    whole = run(recipe, corpus, tmp_path / "whole")
    for stop in (3, None):
        pieces = run(recipe, corpus, tmp_path / "pieces", stop_after=stop)
    assert (whole / "model.pt").read_bytes() == (pieces / "model.pt").read_bytes()


def test_networks_that_the_engine_pass_does_not_follow_are_refused():
    for config in (None, {**SMALL, "fc_dim": 24}):
        with pytest.raises(StapesError, match="narrow_dim and without fc_dim"):
            IntegerForward(random_network(config), "w8a8")
