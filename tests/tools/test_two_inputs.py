"""A bundle whose path feeds two inputs and reads two of three outputs, as DeepFilterNet's: one set of bits on every engine."""

import numpy as np
import pytest
import stapes
from stapes.export.c.costs import costs
from stapes.firmware_sim.compare import first_difference, snr_db
from stapes.firmware_sim.cortex_m7.calls import Hops
from stapes.firmware_sim.cortex_m7.measure import measure
from stapes.firmware_sim.engines.float_engine import FloatEngine
from stapes.models.audio import SoundPath
from stapes.models.errors import StapesError
from stapes.models.sound_files import q15_to_float
from stapes.quantize.audio.ends import network_ends
from stapes.tools.engines import make_engine
from stapes.tools.library.export import exported_c

from tests.deep_filter_features import small_path, with_setting
from tests.deep_filter_network import deep_filter_network
from tests.firmware_sim.audio_signals import AUDIO, NOISY, SPEECH, pipeline_extremes, shipped
from tests.machine import lacking

FILTERS = [
    {"kind": "look_ahead", "bins": 40},
    {"kind": "band_gains", "bands": 16},
    {"kind": "deep_filter", "bins": 40},
    {"kind": "inverse"},
]
PATH = SoundPath.from_tables([*small_path(form="level").to_tables()[:-2], *FILTERS])
MADE = {"feat_erb_q20", "feat_spec_q20", "erb_mean_q24", "unit_mean_q31", "gains_q15"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    network = deep_filter_network(folder / "net.onnx", PATH)
    return stapes.quantize(network, folder / "bundle", front_end=PATH, calibration=[AUDIO / SPEECH[0]]).bundle


def audio(hops, kept=slice(None)):
    return np.stack(list(pipeline_extremes(6000).values())[kept])[:, : hops * PATH.hop + 7]


def test_each_tensor_of_the_network_is_one_quantity_and_an_output_may_stay_unread(bundle):
    ends = network_ends(bundle.graph, bundle.sound_path)
    assert [(end.tensor.name, end.quantity.name) for end in ends.inputs] == [
        ("feat_erb", "feat_erb_q20"),
        ("feat_spec", "feat_spec_q20"),
    ]
    assert {end.tensor.name for end in ends.outputs} == {"gains", "coefs"}
    assert set(bundle.graph.outputs) == {"gains", "coefs", "loudness"}


def test_engines_agree_in_every_tensor_at_the_extremes(bundle):
    given = audio(25)
    reference = make_engine("numpy", bundle).run(given, trace=True)
    assert set(reference.tensors) >= {*MADE, *bundle.graph.inputs, *bundle.graph.outputs}
    for name in ("native", "tflm"):
        if not lacking(name):
            made = make_engine(name, bundle).run(given, trace=True)
            difference = first_difference(name, reference, made, PATH.hop)
            assert difference is None, str(difference)
            np.testing.assert_array_equal(made.audio_q15, reference.audio_q15)
            assert set(made.tensors) >= MADE
    assert reference.audio_q15.std() > 100


@pytest.mark.needs("cortex-m7")
def test_the_device_gives_the_bits_of_numpy_and_says_what_it_takes(bundle):
    given = audio(6, slice(None, None, 4))
    reference = make_engine("numpy", bundle).run(given, trace=True)
    made = make_engine("cortex-m7", bundle).run(given, trace=True)
    difference = first_difference("cortex-m7", reference, made, PATH.hop)
    assert difference is None, str(difference)
    with exported_c(bundle) as folder:
        report = measure(folder, Hops(bundle.graph, PATH, shipped(NOISY[0])[: 8 * PATH.hop]), counted_hops=4)
    assert report.ram_by_object["context"] == costs(bundle.graph, bundle.name, PATH).ram_bytes
    assert "features" in report.instructions_by_stage


def test_regress_finds_the_engines_equal_and_the_output_near_float(bundle):
    found = stapes.regress(bundle, [AUDIO / SPEECH[1]], engine=["numpy"] if lacking("native") else ["numpy", "native"])
    assert found.identical
    noisy = shipped(NOISY[0])[None, :32000]
    expected = FloatEngine(bundle.folder / "float.onnx", PATH).trace_float(q15_to_float(noisy))
    made = make_engine("numpy", bundle).run(noisy)
    assert snr_db(expected["output"], q15_to_float(made.audio_q15)) > 30


def test_a_path_that_does_not_feed_every_input_is_refused(bundle, tmp_path):
    network = deep_filter_network(tmp_path / "net.onnx", PATH)
    for setting, message in (
        (
            {"kind": "erb_level", "input": "erb"},
            "names the input 'erb', which the network has not: feat_erb, feat_spec",
        ),
        ({"kind": "erb_level", "bands": 20}, "20 values for the network's input 'feat_erb', which has 16"),
    ):
        with pytest.raises(StapesError, match=message):
            stapes.quantize(network, tmp_path / "bundle", front_end=with_setting(PATH, **setting))
    assert not (tmp_path / "bundle").exists()
