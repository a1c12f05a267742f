"""A bundle whose path looks ahead: every command knows by how much its sound is late."""

import numpy as np
import pytest
import stapes
from stapes.firmware_sim.engines.float_engine import FloatEngine
from stapes.models.audio import SoundPath
from stapes.models.pipeline import FloatPipeline
from stapes.models.sound_files import float_to_q15, q15_to_float
from stapes.tools.engines import make_engine
from stapes.tools.enhance import enhance

from tests.deep_filter_network import deep_filter_network
from tests.firmware_sim.audio_signals import AUDIO, SPEECH
from tests.helpers import sound_path_of, speech_like

FRONT = [{"kind": "transform", "mixed_radix": True}, {"kind": "power"}, {"kind": "wiener"}, {"kind": "log"}]
FILTERS = [
    {"kind": "look_ahead", "bins": 20},
    {"kind": "band_gains", "bands": 16, "least": 1},
    {"kind": "deep_filter", "bins": 20},
    {"kind": "inverse"},
]
PATH = SoundPath.from_tables([*FRONT, *FILTERS])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deep")
    network = deep_filter_network(folder / "net.onnx", PATH)
    return stapes.quantize(network, folder / "bundle", front_end=PATH, calibration=[AUDIO / SPEECH[0]]).bundle


def test_inspect_tells_the_look_ahead(bundle):
    found = stapes.inspect(bundle)
    assert (found.latency_ms, found.hop_ms) == (16.0, 4.0)


def test_aligned_output_lies_over_the_input(bundle):
    audio = np.asarray(float_to_q15(speech_like(0.5)), np.int16)
    raw, aligned = (
        stapes.simulate(bundle, audio, engine="numpy", align=align).files[0].audio_q15 for align in (False, True)
    )
    assert len(raw) == len(aligned)
    assert np.array_equal(aligned[:-192], raw[192:])
    assert raw.std() > 100


def test_systems_that_are_compared_lie_over_each_other(bundle):
    """The Wiener filter in front does not look ahead, what stands behind the network does."""
    audio = np.asarray(float_to_q15(speech_like(0.5)), np.int16)
    made = enhance([audio], FloatEngine(bundle.folder / "float.onnx", PATH), make_engine("numpy", bundle))[0]
    alone = FloatPipeline(sound_path_of(features="log")).run(q15_to_float(np.pad(audio, (0, 64))))[64:]
    assert np.abs(made["wiener"] - alone).max() < 1e-6
    error = made["integer"] - made["float"]
    assert 10 * np.log10(np.sum(made["float"] ** 2) / np.sum(error**2)) > 30
