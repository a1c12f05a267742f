"""DNSMOS, HASPI and HASQI order recordings as ears do, give the same figure twice, and leave numpy's generator alone."""

import numpy as np
import pytest
from stapes.models.errors import StapesError
from stapes.models.sound_files import read_audio
from stapes.tools import dnsmos, hearing, metrics, rnnoise
from stapes.tools.audio import DEMO


def needs(module):
    try:
        module.require()
    except StapesError as error:
        return pytest.mark.skipif(True, reason=str(error))
    return pytest.mark.skipif(False, reason="installed")


@pytest.fixture(scope="module")
def clean():
    return read_audio(DEMO / "machine_clean.flac")[8000:40_000].astype(np.float64)


@pytest.fixture(scope="module")
def noisy():
    return read_audio(DEMO / "machine_noisy.flac")[8000:40_000].astype(np.float64)


@needs(dnsmos)
def test_dnsmos_prefers_clean_speech(clean, noisy):
    names = tuple(name for name in metrics.SLOW_METRICS if name.startswith("dnsmos"))
    good, bad = metrics.scores(clean, clean, names), metrics.scores(clean, noisy, names)
    assert all(1.0 <= bad[name].value < good[name].value <= 5.0 for name in names)


@needs(hearing)
def test_the_ear_prefers_clean_speech_and_gives_the_same_figure_twice(clean, noisy):
    names = ("haspi_moderate", "hasqi_moderate")
    np.random.seed(7)
    before = np.random.get_state()[1].copy()
    good, bad = metrics.scores(clean, clean, names), metrics.scores(clean, noisy, names)
    assert good["hasqi_moderate"].value > 0.99
    assert good["haspi_moderate"].value > 0.9
    assert all(bad[name].value < good[name].value - 0.1 for name in names)
    assert metrics.scores(clean, noisy, ("haspi_moderate",))["haspi_moderate"] == bad["haspi_moderate"]
    assert (np.random.get_state()[1] == before).all()


@needs(hearing)
def test_the_ear_does_not_see_the_recording_level_but_what_the_processing_takes_away(clean, noisy):
    figure = hearing.hasqi("severe")
    assert figure(0.1 * clean, 0.1 * noisy) == pytest.approx(figure(clean, noisy), abs=1e-6)
    assert figure(clean, 0.05 * clean) < figure(clean, clean) - 0.1


@needs(hearing)
def test_too_short_a_recording_has_a_reason(clean):
    score = metrics.scores(clean[:200], clean[:200], ("haspi_normal",))["haspi_normal"]
    assert score.value is None
    assert "model of the ear fails" in score.reason


@needs(rnnoise)
def test_rnnoise_is_in_time_with_its_input_and_takes_noise_away(clean, noisy):
    output = rnnoise.rnnoise(clean)
    assert output.shape == clean.shape
    lags = range(-40, 41)
    likeness = [np.dot(np.roll(output, lag)[100:-100], clean[100:-100]) for lag in lags]
    assert abs(lags[int(np.argmax(likeness))]) <= 1
    assert metrics.pesq_wb(clean, rnnoise.rnnoise(noisy).astype(np.float64)) > metrics.pesq_wb(clean, noisy)
