"""A bundle made of a file that takes a spectrum: one set of bits on every engine, and its float path is the file."""

import numpy as np
import onnx
import pytest
import stapes
from stapes.export.c.two_lines import is_two_lines
from stapes.firmware_sim.compare import first_difference, snr_db
from stapes.firmware_sim.engines.float_engine import FloatEngine
from stapes.models.audio.log_magnitude import LogMagnitude
from stapes.quantize.regions import declared
from stapes.tools.engines import make_engine

from tests.firmware_sim.audio_signals import NOISY, pipeline_extremes, shipped
from tests.machine import lacking
from tests.quantize.test_spectra import streamed
from tests.spectral_network import spectral_network


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spectra")
    network = spectral_network(folder / "net.onnx")
    with pytest.warns(stapes.Remark, match="become stages of a path"):
        return network, stapes.quantize(network, folder / "bundle", calibration=[shipped(NOISY[0])[:8000]]).bundle


def test_its_path_has_the_stages_that_the_file_held(made):
    _, bundle = made
    assert [stage.kind for stage in bundle.sound_path.stages] == ["transform", "log_magnitude", "mask", "inverse"]
    assert bundle.sound_path.stages[1] == LogMagnitude()
    assert len(bundle.graph.states) == 4
    assert {region.kind for region in bundle.graph.regions} == {"gru", "energy"}
    assert bundle.manifest["quality"]["vectors_snr_db"] > 35


def test_a_line_to_each_side_of_zero_is_one_kernel(made):
    _, bundle = made
    (region,) = [region for region, _ in declared(bundle.graph) if region.kind == "two_lines"]
    assert is_two_lines(bundle.graph, region)


def test_its_float_path_is_the_file(made):
    network, bundle = made
    rng = np.random.default_rng(2)
    wave = rng.standard_normal(60 * bundle.sound_path.hop) * 0.1
    trace = FloatEngine(bundle.float_onnx, bundle.sound_path).trace_float(wave)
    spectrum = trace["spectrum"][0]
    expected, _ = streamed(onnx.load(network), np.stack([spectrum.real, spectrum.imag], axis=-1))
    got = spectrum * trace["mask"][0]
    np.testing.assert_allclose(got.real, expected[..., 0], atol=1e-5 * np.abs(expected).max())
    np.testing.assert_allclose(got.imag, expected[..., 1], atol=1e-5 * np.abs(expected).max())


def test_engines_agree_in_every_tensor_at_the_extremes(made):
    _, bundle = made
    given = np.stack(list(pipeline_extremes(6000).values()))[:, :600]
    reference = make_engine("numpy", bundle).run(given, trace=True)
    for name in ("native", "tflm", "cortex-m7"):
        if lacking(name):
            continue
        some = slice(None) if name != "cortex-m7" else slice(0, 1)
        made_by = make_engine(name, bundle).run(given[some, : 600 if name != "cortex-m7" else 160], trace=True)
        wanted = reference if name != "cortex-m7" else make_engine("numpy", bundle).run(given[some, :160], trace=True)
        difference = first_difference(name, wanted, made_by, bundle.sound_path.hop)
        assert difference is None, str(difference)
        np.testing.assert_array_equal(made_by.audio_q15, wanted.audio_q15)
    assert reference.audio_q15.std() > 100


def test_the_sound_is_near_that_of_float(made):
    _, bundle = made
    rng = np.random.default_rng(3)
    noise_q15 = (rng.standard_normal((1, 6_000)) * 2000).astype(np.int16)
    expected = FloatEngine(bundle.float_onnx, bundle.sound_path).trace_float(noise_q15 / 2**15)["output"]
    got = make_engine("numpy", bundle).run(noise_q15).audio_q15
    assert snr_db(expected, got / 2**15) > 35


def test_int8_activations_are_taken_too(made, tmp_path):
    network, _ = made
    with pytest.warns(stapes.Remark):
        bundle = stapes.quantize(network, tmp_path / "b", recipe="w8a8", calibration=[shipped(NOISY[0])[:8000]]).bundle
    given = np.stack(list(pipeline_extremes(6000).values()))[:3, :400]
    reference = make_engine("numpy", bundle).run(given, trace=True)
    for name in ("native", "tflm"):
        if not lacking(name):
            difference = first_difference(
                name, reference, make_engine(name, bundle).run(given, trace=True), bundle.sound_path.hop
            )
            assert difference is None, str(difference)
