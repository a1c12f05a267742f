"""Systems side by side where the network has no Wiener filter before it."""

import numpy as np
from scipy.signal import resample_poly
from stapes.firmware_sim.compare import snr_db
from stapes.firmware_sim.engines.float_engine import FloatEngine
from stapes.models.onnx_export import export_onnx
from stapes.models.pipeline import FloatPipeline
from stapes.models.sound_files import float_to_q15, q15_to_float
from stapes.tools.enhance import SYSTEMS, enhance, usual_path

from tests.helpers import sound_path_of, speech_like
from tests.models.gtcrn.networks import random_gtcrn


def test_a_complex_mask_is_compared_with_the_usual_wiener_filter(tmp_path):
    network = random_gtcrn()
    sound_path = network.sound_path()
    export_onnx(network, sound_path, tmp_path / "a.onnx")
    engine = FloatEngine(tmp_path / "a.onnx", sound_path)
    noisy = [float_to_q15(speech_like(0.5, noise_db=-20.0)), float_to_q15(speech_like(0.3, seed=1))]
    for row, outputs in zip(noisy, enhance(noisy, engine, engine), strict=True):
        assert [len(outputs[system]) for system in SYSTEMS] == [len(row)] * 4
        audio = q15_to_float(np.concatenate([row, np.zeros(sound_path.delay, np.int16)]))
        wiener = FloatPipeline(sound_path_of()).run(audio)[64 : 64 + len(row)]
        np.testing.assert_allclose(outputs["wiener"], wiener, atol=1e-6)
        expected = FloatPipeline(sound_path, network).run(audio)[256 : 256 + len(row)]
        np.testing.assert_allclose(outputs["float"], expected, atol=1e-5)
        np.testing.assert_allclose(outputs["integer"], expected, atol=2.0**-15)


def test_the_usual_filter_runs_at_the_rate_of_the_sound():
    """A frame of 8 ms at 48 kHz: what the filter leaves below 8 kHz is what it leaves of the same sound at 16 kHz."""
    assert usual_path(16_000) == sound_path_of()
    assert usual_path(48_000).latency == 3 * usual_path(16_000).latency
    low = speech_like(1.0, noise_db=-20.0)
    high = resample_poly(low, 3, 1)
    outputs = [FloatPipeline(usual_path(rate)).run(x) for rate, x in ((16_000, low), (48_000, high))]
    again = resample_poly(outputs[1], 1, 3)
    assert snr_db(outputs[0], again) > 10
