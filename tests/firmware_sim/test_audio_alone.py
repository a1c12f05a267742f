"""Paths whose mask stands alone, complex features before a real mask, and features of the longest transforms."""

import numpy as np
import pytest
import torch
from stapes.firmware_sim.compare import first_difference
from stapes.models.errors import StapesError
from stapes.models.gru_mask import GruMask, GruMaskConfig
from stapes.models.pipeline import FloatPipeline, synthesise
from stapes.tools.bench.material import speech_in_noise
from stapes.tools.bundle import load_bundle
from stapes.tools.engines import make_engine
from stapes.tools.library.quantize import quantize

from tests.firmware_sim.audio_signals import extremes, pipeline_extremes
from tests.firmware_sim.test_audio_complex import run, snr_db, speech, whole_hops
from tests.helpers import sound_path_of
from tests.machine import lacking

ALONE = {"mask_on": "alone"}
PATHS = {
    "magnitude": sound_path_of(**ALONE, mask_floor_db=-20.0),
    "complex": GruMaskConfig(features="complex", **ALONE).sound_path(),
    "complex, behind the Wiener filter": GruMaskConfig(features="complex", mask_floor_db=-20.0).sound_path(),
    "complex, on the noisy spectrum": GruMaskConfig(n_fft=256, features="complex", mask_on="noisy").sound_path(),
    "2048 points, magnitude": sound_path_of(analysis=2048, synthesis=2048, hop=1024, **ALONE),
    "2048 points, asymmetric, complex": GruMaskConfig(
        n_fft=2048, synthesis=512, features="complex", **ALONE
    ).sound_path(),
}


def real_masks(sound_path, frames, seed=0):
    """Of any value, both ends of the format among them."""
    rng = np.random.default_rng(seed)
    masks = rng.integers(0, 2**15, (frames, sound_path.mask_size))
    masks[::5] = rng.choice([0, 2**15 - 1], masks[::5].shape)
    return masks


def test_a_path_has_no_stage_that_nobody_reads():
    kinds = {name: [stage.kind for stage in path.stages] for name, path in PATHS.items()}
    assert kinds["complex"] == ["transform", "complex", "mask", "inverse"]
    assert kinds["magnitude"] == ["transform", "power", "magnitude", "mask", "inverse"]
    assert "wiener" in kinds["complex, behind the Wiener filter"]


@pytest.mark.parametrize("level_db", [0.0, -30.0])
@pytest.mark.parametrize("name", PATHS)
def test_features_and_output_are_those_of_float(name, level_db):
    sound_path = PATHS[name]
    signals = speech(level_db, sound_path)[:, : 16 * 1024]
    masks = real_masks(sound_path, signals.shape[1] // sound_path.hop)
    output, frames = run(sound_path, signals, masks)
    reference = FloatPipeline(sound_path).analyse(signals / 2**15)
    assert snr_db(reference["features"], frames["features_q20"] / 2**20) > 60
    wanted = synthesise(sound_path, {**reference, "mask": np.broadcast_to(masks / 2**15, (len(signals), *masks.shape))})
    if sound_path.makes("gain_q15"):
        assert snr_db(wanted, output / 2**15) > 30
    else:
        assert np.abs(output - wanted * 2**15).max() < 0.6


@pytest.mark.parametrize("name", ["magnitude", "complex"])
def test_without_a_network_the_output_is_the_input(name):
    sound_path = PATHS[name]
    signals = whole_hops(np.stack(list(extremes(8_192).values())), sound_path)
    output, _ = run(sound_path, signals)
    assert np.array_equal(output[:, sound_path.delay :], signals[:, : -sound_path.delay])


@pytest.mark.parametrize("name", ["2048 points, magnitude", "2048 points, asymmetric, complex"])
def test_full_scale_has_room_in_the_features_of_the_longest_transforms(name):
    """A constant at full scale is the loudest: its first bin adds up the whole window, beyond 2^30."""
    sound_path = PATHS[name]
    signals = np.stack([np.full(4 * 2048, -(2**15), np.int16), np.full(4 * 2048, 2**15 - 1, np.int16)])
    _, frames = run(sound_path, signals)
    reference = FloatPipeline(sound_path).analyse(signals / 2**15)["features"]
    assert frames["features_q20"].max() > 2**30
    assert np.abs(frames["features_q20"]).max() < 2**31
    assert snr_db(reference, frames["features_q20"] / 2**20) > 80


NETWORKS = {
    "complex": ("w8a8", {"features": "complex"}),
    "2048 points": ("w8a16", {"n_fft": 2048, "synthesis": 1024}),
}


@pytest.fixture(scope="module")
def bundle(once, few_clips):
    """A small network of random weights whose mask stands alone."""

    def get(name):
        recipe, config = NETWORKS[name]
        torch.manual_seed(0)
        network = GruMask(GruMaskConfig(hidden_dim=8, num_layers=1, narrow_dim=8, fc_dim=0, **ALONE, **config)).eval()
        made = lambda path: quantize(network, path, recipe=recipe, calibration=few_clips[:1])  # noqa: E731
        return load_bundle(once(f"alone_{name}", made))

    return get


@pytest.mark.parametrize("name", NETWORKS)
def test_every_integer_engine_has_one_set_of_bits(name, bundle):
    of = bundle(name)
    hop = of.sound_path.hop
    extreme = np.stack([*pipeline_extremes(6 * hop).values()])
    audio = np.concatenate([speech_in_noise(1.0, seed=11)[None, : 6 * hop], extreme[::3]])
    reference = make_engine("numpy", of).run(audio, trace=True)
    assert len(np.unique(reference.audio_q15)) > 500
    for engine in ("native", "tflm", "cortex-m7"):
        if lacking(engine):
            continue
        made = make_engine(engine, of).run(audio, trace=True)
        difference = first_difference(engine, reference, made, hop)
        assert difference is None, str(difference)
        np.testing.assert_array_equal(made.audio_q15, reference.audio_q15)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gain_input": True}, 'gain_input: need the Wiener filter, which mask_on = "alone" leaves out'),
        ({"features": "log"}, "features 'log': need the Wiener filter"),
        ({"clear_snr_db": 3.0}, "clear_snr_db"),
        ({"mask_on": "nothing"}, "mask_on 'nothing': unknown; give one of wiener, noisy, alone"),
    ],
)
def test_what_needs_a_wiener_filter_is_refused_without_one(settings, words):
    with pytest.raises(StapesError, match=words):
        sound_path_of(**{**ALONE, **settings})


def test_complex_features_have_no_gains_behind_them():
    with pytest.raises(StapesError, match="complex features have no gains behind them; leave gain_input out"):
        GruMaskConfig(features="complex", gain_input=True)
