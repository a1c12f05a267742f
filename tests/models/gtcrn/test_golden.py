"""The official checkpoint gives the official outputs: spectra, states, and every block in between."""

import numpy as np
import pytest
import torch
from stapes.models import checkpoint
from stapes.models.audio.complex import complex_features
from stapes.models.audio.inverse import istft
from stapes.models.audio.transform import stft
from stapes.models.gtcrn.blocks import neighbours
from stapes.models.gtcrn.erb import erb_matrix
from stapes.models.pipeline import synthesise

from tests.helpers import sound_path_of
from tests.models.gtcrn.networks import GOLDEN, OFFICIAL, needs_official

pytestmark = needs_official
# The figures stand in float32 beside spectra of up to 20: their own round-off is 5e-6, and that of a convolution block of up to 100
# some 1e-5.
TOLERANCE = 1e-5
CACHES = ("conv_cache", "tra_cache", "inter_cache")


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="module")
def network():
    return checkpoint.load(OFFICIAL)[0]


def official(frames):
    """(T, 257, 2) -> (1, 257, T, 2)."""
    return torch.from_numpy(frames).transpose(0, 1)[None]


def test_every_tensor_of_the_checkpoint_is_loaded(network):
    stored = torch.load(OFFICIAL, map_location="cpu", weights_only=True)["model"]
    assert list(network.state_dict()) == list(stored)
    assert all(torch.equal(value, stored[name]) for name, value in network.state_dict().items())
    assert np.abs(network.erb.erb_fc.weight.numpy() - erb_matrix()).max() < 3.1e-8


def test_checkpoint_is_recognised_by_its_names():
    _, sound_path, info = checkpoint.load(OFFICIAL)
    assert (info["network"], info["format"], info["parameters"]) == ("gtcrn", "published", 48_245)
    assert sound_path == sound_path_of(analysis=512, synthesis=512, hop=256, features="complex")
    assert checkpoint.load(OFFICIAL, "gtcrn")[2] == info


def test_whole_sequences(network, golden):
    for given, made in (("spec_in", "spec_out"), ("wave_spec_in", "wave_spec_out")):
        with torch.inference_mode():
            enhanced, _ = network.enhance(official(golden[given]))
        assert np.abs(enhanced[0].transpose(0, 1).numpy() - golden[made]).max() < TOLERANCE


def test_frame_by_frame_with_its_states(network, golden):
    states = None
    with torch.inference_mode():
        for k, frame in enumerate(golden["spec_in"]):
            enhanced, states = network.enhance(official(frame[None]), states)
            assert np.abs(enhanced[0, :, 0].numpy() - golden["spec_out"][k]).max() < TOLERANCE
            if k in (0, 10):
                for name, state in zip(CACHES, states, strict=True):
                    assert off(state.numpy(), golden[f"cache_after_f{k}/{name}"]) < TOLERANCE
    for name, state in zip(CACHES, states, strict=True):
        assert off(state.numpy(), golden[f"final_{name}"]) < TOLERANCE


def off(state, expected):
    """The largest difference, of full scale: states reach far beyond one, and their last bits are those of a processor."""
    return np.abs(state - expected).max() / max(1.0, np.abs(expected).max())


def watched(network):
    """Golden name -> module whose output it is, with its index where that is a tuple."""
    blocks = {f"en{i}": block for i, block in enumerate(network.encoder.en_convs)}
    blocks |= {f"de{i}": block for i, block in enumerate(network.decoder.de_convs)}
    blocks |= {name: getattr(network, name) for name in ("dpgrnn1", "dpgrnn2")}
    inner = dict(blocks)
    for name, block in blocks.items():
        if hasattr(block, "depth_conv"):
            inner |= {f"{name}.pc1": block.point_act, f"{name}.dc": block.depth_act, f"{name}.pc2": block.point_bn2}
            inner |= {f"{name}.tra_gru": block.tra.att_gru}
        if hasattr(block, "intra_rnn"):
            parts = ("intra_rnn", "intra_fc", "intra_ln", "inter_rnn", "inter_fc", "inter_ln")
            inner |= {f"{name}.{part}": getattr(block, part) for part in parts}
    return inner


def test_every_block(network, golden):
    seen, handles = {}, []
    for name, module in watched(network).items():

        def keep(module, given, made, name=name):
            seen[name] = (made[0] if isinstance(made, tuple) else made).detach().numpy()

        handles.append(module.register_forward_hook(keep))
    states, worst, compared = None, 0.0, 0
    try:
        with torch.inference_mode():
            for k, frame in enumerate(golden["spec_in"]):
                _, states = network.enhance(official(frame[None]), states)
                for name, value in seen.items():
                    expected = golden.get(f"f{k}/{name}")
                    if expected is not None:
                        difference = np.abs(value.reshape(expected.shape) - expected).max()
                        # Relative to a block's size where that is beyond 1: de1.pc2 reaches 104.
                        worst = max(worst, float(difference / max(1.0, np.abs(expected).max())))
                        compared += 1
    finally:
        for handle in handles:
            handle.remove()
    assert compared == 3 * 48
    assert worst < TOLERANCE


@pytest.mark.parametrize("k", [0, 10, 39])
def test_features_and_mask(network, golden, k):
    frame = golden["spec_in"][k].astype(np.float64)
    features = torch.from_numpy(complex_features(frame[:, 0] + 1j * frame[:, 1]).reshape(1, 3, 1, 257)).float()
    with torch.inference_mode():
        compressed = network.erb.compress(features)
        made = {
            "feat": features,
            "feat_erb": compressed,
            "feat_sfe": neighbours(compressed),
            "mask": network.erb.expand(torch.from_numpy(golden[f"f{k}/de4"])),
        }
    for name, value in made.items():
        expected = golden[f"f{k}/{name}"]
        assert np.abs(value.numpy().reshape(expected.shape) - expected).max() < TOLERANCE


def test_the_path_around_the_network(golden):
    sound_path = sound_path_of(analysis=512, synthesis=512, hop=256, features="complex")
    assert (
        np.abs(sound_path.transform.windows()[0] - golden["window"]).max() < 1e-6
    )  # float32 loses that much beside a root of 0
    # The first frame of the official transform holds reflected samples, ours holds zeros; the rest is the same.
    spectrum = stft(golden["wave_in"][None], sound_path.transform)[0]
    expected = golden["wave_spec_in"][..., 0] + 1j * golden["wave_spec_in"][..., 1]
    assert np.abs(spectrum[1:187] - expected[1:187]).max() < TOLERANCE
    enhanced = golden["wave_spec_out"][..., 0] + 1j * golden["wave_spec_out"][..., 1]
    audio = istft(enhanced[None], sound_path.transform)[0]
    assert np.abs(audio[256 : 256 + 47_872] - golden["wave_out"]).max() < 1e-6


def test_the_official_audio_comes_out_of_the_complex_mask(network, golden):
    sound_path = network.sound_path()
    spectrum = (golden["wave_spec_in"][..., 0] + 1j * golden["wave_spec_in"][..., 1]).astype(np.complex128)[None]
    with torch.inference_mode():
        mask, _ = network(torch.from_numpy(complex_features(spectrum)).float())
    audio = synthesise(sound_path, {"spectrum": spectrum, "mask": mask.numpy()})[0]
    assert np.abs(audio[256 : 256 + 47_872] - golden["wave_out"]).max() < TOLERANCE
