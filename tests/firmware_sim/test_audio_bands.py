"""Stage `bands`: edges as wide as the ear's, fixed point against float, C against Python."""

import numpy as np
import pytest
from stapes.firmware_sim.audio.path import AudioPath
from stapes.models.audio import SoundPath, kinds
from stapes.models.audio.bands import band_edges
from stapes.models.audio.transform import Transform
from stapes.models.errors import StapesError
from stapes.models.gru_mask import GruMask
from stapes.models.pipeline import FloatPipeline

from tests.firmware_sim.audio_c import CAudioPath
from tests.firmware_sim.audio_signals import NOISY, extremes, shipped, to_q15
from tests.helpers import OWN_CONFIG, sound_path_of

PATHS = {
    "of the Wiener filter": sound_path_of(features="bands"),
    "noisy, with gains": sound_path_of(features="bands", mask_on="noisy", gain_input=True),
    "analysis 512, with gains": sound_path_of(analysis=512, features="bands", gain_input=True),
}


def frames_of(sound_path, signals_q15):
    path, hop = AudioPath(sound_path, len(signals_q15)), sound_path.hop
    blocks = [signals_q15[:, t * hop : (t + 1) * hop] for t in range(signals_q15.shape[1] // hop)]
    return np.stack([path.analyse(block)["features_q20"] for block in blocks], axis=1)


@pytest.mark.parametrize("analysis", [64, 128, 512, 1024])
@pytest.mark.parametrize("bands", [1, 8, 24, 32])
def test_every_bin_is_of_one_band_and_bands_grow_with_frequency(analysis, bands):
    transform = Transform(analysis=analysis, synthesis=64, hop=32)
    edges = band_edges(bands, transform)
    assert (edges[0], edges[-1]) == (0, transform.bins)
    widths = np.diff(edges)
    assert widths.min() >= 1
    assert bands == 1 or analysis < 512 or widths[-1] > widths[0]


def test_edges_are_at_equal_steps_of_the_erb_rate_where_bins_are_narrow():
    edges = band_edges(16, Transform(analysis=1024, synthesis=128, hop=64))
    rate = 21.4 * np.log10(1 + 0.00437 * edges[1:-1] * 8000 / 512)
    assert np.abs(np.diff(rate) - np.diff(rate).mean()).max() < 0.35


@pytest.mark.parametrize("level_db", [0.0, -30.0])
@pytest.mark.parametrize("name", PATHS)
def test_features_are_those_of_float(name, level_db):
    clips = np.stack([shipped(clip)[:32_000] for clip in NOISY]) / 2**15
    signals_q15 = to_q15(clips / np.abs(clips).max() * 10 ** (level_db / 20))
    features = frames_of(PATHS[name], signals_q15) / 2**20
    reference = FloatPipeline(PATHS[name]).analyse(signals_q15 / 2**15)["features"]
    assert features.shape == reference.shape == (3, 500, PATHS[name].feature_size)
    error = 10 * np.log10(np.sum(reference**2) / np.sum((features - reference) ** 2))
    assert error > (55 if level_db == 0 else 45)


@pytest.mark.parametrize("name", PATHS)
def test_c_has_the_bits_of_python(audio_library, name):
    signals = np.stack(list(extremes(6_400).values()))
    expected, hop = frames_of(PATHS[name], signals), PATHS[name].hop
    for row, signal in enumerate(signals):
        stream = CAudioPath(audio_library("sanitised"), PATHS[name])
        for t in range(len(signal) // hop):
            frame = stream.analyse(signal[t * hop : (t + 1) * hop])
            assert np.array_equal(frame["features_q20"], expected[row, t]), f"{row}, {t}"
        assert stream.fences_stand()


def test_a_network_is_trained_on_them_by_their_name():
    network = GruMask({**OWN_CONFIG, "features": "bands"})
    assert network.feature_size == 48
    assert FloatPipeline(network.config.sound_path(), network).run(np.zeros(640)).shape == (640,)


def test_more_bands_than_bins_are_refused():
    stages = list(sound_path_of(analysis=32, synthesis=32, hop=16, features="log").stages)
    stages[3] = kinds()["bands"](bands=18)
    with pytest.raises(StapesError, match="bands 18: this transform has 17 bins"):
        SoundPath(tuple(stages))
    for bands in (0, 1):
        with pytest.raises(StapesError, match=f"bands {bands}: give at least 2"):
            kinds()["bands"](bands=bands)
