"""The shipped network keeps its quality in integers, on speech that neither training nor calibration has heard."""

import pytest
from stapes.tools.audio import DEMO
from stapes.tools.bench.checks import closeness
from stapes.tools.bench.material import speech_in_noise
from stapes.tools.sound_regression import run_regression

# With states in int8, features in int16 bring this network nothing: PESQ is the same in all three (models/zoo/gru_mask_w8a8.md).
MASK_SNR_DB = {"w8a16": 50.0, "w8a8_features16": 28.0, "w8a8": 28.0}


@pytest.mark.parametrize("recipe", MASK_SNR_DB)
def test_the_integer_mask_stays_close_to_float(bundle_of, recipe):
    snr = closeness(bundle_of("zoo", recipe), speech_in_noise(8.0, seed=21).reshape(4, -1))
    assert snr["mask_snr_db"] >= MASK_SNR_DB[recipe], snr


def test_int16_activations_cost_nothing_that_one_hears(bundle_of):
    report = run_regression(bundle_of("zoo", "w8a16"), [DEMO / "machine_noisy.flac"], ["numpy"])
    assert report.passed, report.thresholds
    assert report.thresholds["output_snr_db"]["value"] >= 35.0
    assert report.thresholds["pesq_drop"]["value"] <= 0.01


@pytest.mark.parametrize("recipe", MASK_SNR_DB)
def test_hardly_a_value_saturates_in_calibration(bundle_of, recipe):
    manifest = bundle_of("zoo", recipe).manifest
    assert max(manifest["saturation"].values(), default=0.0) < 0.005, manifest["saturation"]
    assert manifest["quality"]["lowering_error"] < 1e-5
