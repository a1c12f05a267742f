"""A network with half of its blocks at zero: the same integers on every engine, fewer instructions, less flash."""

import json

import numpy as np
import pytest

from models import checkpoint
from quantize.build import quantise_weights
from tests.conftest import ZOO
from tests.tools.test_bench_rows import needs_device
from tools.bench.material import pruned_checkpoint, speech_in_noise
from tools.bench.report import NETWORK_PER_MAC, SPARSE
from tools.device_report import device_document
from tools.engines import make_engine, unavailable


@pytest.fixture(scope="module")
def sparse(once):
    """The shipped network, pruned without training."""
    from quantize.recipe import load_recipe
    from tools.bundle import load_bundle
    from tools.commands.quantize import make_bundle

    def make(path):
        path.mkdir()
        make_bundle(pruned_checkpoint(ZOO, path / "pruned.pt"), path / "bundle", recipe=load_recipe("w8a16"))

    return load_bundle(once("sparse_zoo", make) / "bundle")


def test_the_pruned_network_is_the_shipped_one_but_for_its_zeros(tmp_path):
    before, after = (checkpoint.load(path)[0].state_dict() for path in (ZOO, pruned_checkpoint(ZOO, tmp_path / "p.pt")))
    zeros = total = 0
    for name, weights in after.items():
        kept = weights != 0
        assert (weights[kept] == before[name][kept]).all()
        if weights.ndim == 2:
            zeros, total = zeros + int((~kept).sum()), total + weights.numel()
    assert 0.49 < zeros / total < 0.51


@pytest.mark.parametrize("engine", ["native", "tflm", "cortex-m7"])
def test_zeros_that_are_left_out_change_no_bit(engine, sparse):
    if engine in unavailable():
        pytest.skip(unavailable()[engine])
    audio = speech_in_noise(0.5, seed=4)[None]
    expected = make_engine("numpy", sparse).run(audio).audio_q15
    assert len(np.unique(expected)) > 100
    np.testing.assert_array_equal(make_engine(engine, sparse).run(audio).audio_q15, expected)


@needs_device
def test_the_network_costs_what_was_promised(sparse, bundle_of):
    found, whole = (device_document(bundle) for bundle in (sparse, bundle_of("zoo", "w8a16")))
    assert found["instructions_per_mac"] <= NETWORK_PER_MAC[SPARSE]
    assert found["flash_bytes"] < 0.7 * whole["flash_bytes"]
    assert found["ram_bytes"] == whole["ram_bytes"]


def test_inspect_tells_the_blocks_that_are_stored(stapes, sparse):
    products = [op for op in json.loads(stapes("inspect", sparse.folder, "--json").stdout)["operators"] if op["blocks"]]
    assert len(products) == 14
    assert all("sparse" in op["kernel"] for op in products)
    stored, blocks = (sum(op[name] for op in products) for name in ("blocks_stored", "blocks"))
    assert stored == pytest.approx(blocks / 2, abs=20)


def test_a_row_of_zeros_has_the_largest_scale():
    codes, scales = quantise_weights(np.array([[1.0, -0.5], [0.0, 0.0], [254.0, 3.0]]), "channel")
    np.testing.assert_array_equal(scales, np.float32([1 / 127, 2, 2]))
    assert not codes[1].any()
    assert quantise_weights(np.zeros((2, 3)), "channel")[1].tolist() == [1.0, 1.0]
