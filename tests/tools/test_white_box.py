"""The parametric decoder of the white-box mastering design: a checkpoint becomes a network of integers, near enough for an ear."""

import numpy as np
import pytest
import torch
from stapes.firmware_sim.audio.white_box import controls_of
from stapes.firmware_sim.engines.network import run_network
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.models import white_box
from stapes.quantize.audio.white_box import frequency_scale_q31
from stapes.tools.bundle import load_bundle

LATENTS = 1000


def state_of(bands, adaptive, seed=0):
    """A decoder of seeded random weights; the heads are wider than they begin, so that parameters reach far."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        sizes = {"mlp.0": (512, 256), "mlp.3": (256, 256), **{f"{n}_head": (256, bands) for n in ("freq", "gain", "q")}}
        if adaptive:
            sizes |= {"band_selector.0": (512, 128), "band_selector.2": (128, bands)}
        layers = {name: torch.nn.Linear(*size) for name, size in sizes.items()}
    made = {}
    for name, layer in layers.items():
        made[f"{name}.weight"] = layer.weight.data * (3.0 if name.endswith(("head", ".2")) else 1.0)
        made[f"{name}.bias"] = layer.bias.data
    return made


def float_parameters(state, latents):
    """The design in double: (T, 512) -> frequencies, gains, Qs (T, bands)."""
    w = {name: value.double().numpy() for name, value in state.items()}

    def dense(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def sigmoid(x):
        return 1.0 / (1.0 + np.exp(-x))

    hidden = np.maximum(dense(np.maximum(dense(latents, "mlp.0"), 0), "mlp.3"), 0)
    weight = 1.0
    if "band_selector.0.weight" in w:
        weight = sigmoid(dense(np.maximum(dense(latents, "band_selector.0"), 0), "band_selector.2"))
    frequency = 20.0 + 19980.0 * sigmoid(dense(hidden, "freq_head"))
    return frequency, 12.0 * np.tanh(dense(hidden, "gain_head")) * weight, 0.5 + 4.5 * sigmoid(dense(hidden, "q_head"))


@pytest.fixture
def decoder(stapes, once):
    """(bands, adaptive, prefix) -> the folder of a decoder's bundle, only to be read."""

    def get(bands, adaptive=False, prefix=""):
        def fill(folder):
            folder.mkdir()
            state = {prefix + name: value for name, value in state_of(bands, adaptive).items()}
            torch.save(state, folder / "decoder.pt")
            latents = np.random.default_rng(0).standard_normal((400, 1, 512))
            np.savez(folder / "latents.npz", latent=latents.astype(np.float32))
            given = ("--calibration", folder / "latents.npz", "-o", folder / "bundle")
            done = stapes("quantize", folder / "decoder.pt", *given)
            assert done.code == 0, done

        return once(f"white_box_{bands}", fill) / "bundle"

    return get


@pytest.mark.parametrize(("bands", "adaptive", "prefix"), [(5, False, ""), (10, True, "parametric_decoder.")])
def test_parameters_of_a_thousand_latents(decoder, bands, adaptive, prefix):
    """Frequencies and Qs within 1 %, gains within 0.1 dB of double, as numbers and as the words that the device takes."""
    state = state_of(bands, adaptive)
    graph = load_bundle(decoder(bands, adaptive, prefix)).graph
    latents = np.random.default_rng(1).standard_normal((LATENTS, 512))
    codes = np.clip(np.round(latents / graph.tensors["latent"].scale[0]), -(2**15), 2**15 - 1).astype(np.int16)
    made = run_network(NumpyNetwork(graph), {"latent": codes.reshape(1, LATENTS, 1, 512)})
    outputs = {n: made[n].reshape(LATENTS, bands) * np.float64(graph.tensors[n].scale[0]) for n in graph.outputs}
    wanted = float_parameters(state, latents)
    assert np.ptp(wanted[1]) > 6
    codes = {n: made[n].reshape(LATENTS, bands) for n in graph.outputs}
    words = controls_of(codes, frequency_scale_q31(graph, "decoder"))
    assert set(words) == {"frequency_q8", "gain_db_q16", "quality_q16"}
    in_words = [values / 2.0 ** int(name.rpartition("_q")[2]) for name, values in words.items()]
    for frequency, gain, quality in (white_box.parameters(outputs), in_words):
        assert np.abs(frequency / wanted[0] - 1).max() < 0.01
        assert np.abs(gain - wanted[1]).max() < 0.1
        assert np.abs(quality / wanted[2] - 1).max() < 0.01


def refused(stapes, tmp_path, state, *options):
    torch.save(state, tmp_path / "part.pt")
    return stapes("quantize", tmp_path / "part.pt", "-o", tmp_path / "bundle", *options).error


def test_the_encoder_is_refused_by_name_with_the_reason(stapes, tmp_path):
    encoder = {"encoder.0.weight": torch.zeros(64, 1, 15), "encoder.3.weight": torch.zeros(128, 64, 15)}
    assert "the encoder of the white-box mastering design, which averages over the whole recording" in refused(
        stapes, tmp_path, encoder
    )


def test_the_residual_is_refused_by_name_with_the_reason(stapes, tmp_path):
    residual = {"film_layers.0.weight": torch.zeros(8, 8), "down.0.weight": torch.zeros(8, 8, 3)}
    assert "the Wave-U-Net residual of the white-box mastering design, which looks ahead" in refused(
        stapes, tmp_path, residual
    )


def test_a_decoder_of_other_widths_is_refused(stapes, tmp_path):
    state = state_of(5, False)
    state["mlp.3.weight"] = torch.zeros(256, 128)
    assert "tensor mlp.3.weight of the parametric decoder is (256, 128), not (256, 256)" in refused(
        stapes, tmp_path, state
    )
    other = state_of(11, False)
    assert "a parametric decoder of 11 bands; 1 to 10 are taken" in refused(stapes, tmp_path, other)
    damaged = state_of(5, False)
    damaged["q_head.bias"][0] = float("nan")
    assert "tensor q_head.bias holds NaN" in refused(stapes, tmp_path, damaged)
    lacking = state_of(5, False)
    del lacking["mlp.0.bias"]
    assert "tensor mlp.0.bias of the parametric decoder is missing" in refused(stapes, tmp_path, lacking)


def test_a_checkpoint_with_the_encoder_beside_gives_the_decoder_and_says_so(tmp_path):
    state = {f"decoder.{name}": value for name, value in state_of(5, False).items()}
    state["encoder.0.weight"] = torch.zeros(64, 1, 15)
    with pytest.warns(UserWarning, match="the parametric decoder alone is taken; 1 tensors"):
        assert white_box.decoder("x", state)["mlp.0.weight"].shape == (256, 512)
