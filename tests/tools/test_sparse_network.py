"""The shipped network with half of its blocks at zero: the same integers on every engine, fewer instructions, less flash."""

import functools
import json

import numpy as np
import pytest
from stapes.quantize.build import quantise_weights
from stapes.tools.bench.material import speech_in_noise
from stapes.tools.bench.report import NETWORK_PER_MAC, SPARSE
from stapes.tools.device_report import inspect_device
from stapes.tools.engines import make_engine

from tests.firmware_sim.audio_signals import extremes
from tests.helpers import count_few_hops
from tests.machine import require

RECIPES = ("w8a16", "w8a8")


@pytest.fixture(scope="module")
def heard(bundle_of):
    """Recipe -> speech in noise with all extremes behind it, and what the numpy engine makes of it."""

    @functools.cache
    def get(recipe):
        audio = np.concatenate([speech_in_noise(1.0, seed=4), *extremes(1600).values()])[None]
        expected = make_engine("numpy", bundle_of("sparse", recipe)).run(audio).audio_q15
        assert len(np.unique(expected)) > 100
        return audio, expected

    return get


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("engine", ["native", "tflm", "cortex-m7", "cortex-m7-qemu"])
def test_zeros_that_are_left_out_change_no_bit(engine, recipe, bundle_of, heard):
    """The interpreter runs the dense .tflite, which holds the zeros."""
    require(engine)
    audio, expected = heard(recipe)
    np.testing.assert_array_equal(make_engine(engine, bundle_of("sparse", recipe)).run(audio).audio_q15, expected)


@pytest.mark.needs("cortex-m7")
def test_the_network_costs_what_was_promised(bundle_of, monkeypatch):
    count_few_hops(monkeypatch)  # what the network takes does not hang on the sound
    found, whole = (inspect_device(bundle_of(network, "w8a16")).to_json() for network in ("sparse", "zoo"))
    assert found["instructions_per_mac"] <= NETWORK_PER_MAC[SPARSE["w8a16"]]
    assert found["flash_bytes"] < 0.7 * whole["flash_bytes"]
    assert found["ram_bytes"] == whole["ram_bytes"]


def test_inspect_tells_the_blocks_that_are_stored(stapes, bundle_of):
    document = json.loads(stapes("inspect", bundle_of("sparse", "w8a16").folder, "--json").stdout)
    products = [op for op in document["operators"] if op["blocks"]]
    assert len(products) == 14
    assert all("sparse" in op["kernel"] for op in products)
    stored, blocks = (sum(op[name] for op in products) for name in ("blocks_stored", "blocks"))
    assert stored == pytest.approx(blocks / 2, abs=20)


def test_a_row_of_zeros_has_the_largest_scale():
    codes, scales = quantise_weights(np.array([[1.0, -0.5], [0.0, 0.0], [254.0, 3.0]]), "channel")
    np.testing.assert_array_equal(scales, np.float32([1 / 127, 2, 2]))
    assert not codes[1].any()
    assert quantise_weights(np.zeros((2, 3)), "channel")[1].tolist() == [1.0, 1.0]
