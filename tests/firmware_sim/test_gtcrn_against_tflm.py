"""GTCRN as a whole, from ONNX to codes: every tensor of every frame is that of TFLite Micro, and the sound is that of float."""

import functools

import numpy as np
import pytest
from stapes.export.tflite import to_bytes
from stapes.firmware_sim.engines.tflm import TflmStream, import_runtime
from stapes.firmware_sim.network import NetworkSimulator
from stapes.models import checkpoint
from stapes.models.audio.complex import complex_features
from stapes.models.onnx_export import to_proto
from stapes.quantize.calibrate import run_float
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.pipeline import quantise
from stapes.quantize.proof import overflow_free
from stapes.quantize.recipe import load_recipe
from stapes.tools.auto_recipe import share_of_int16

from tests.models.gtcrn.networks import GOLDEN, OFFICIAL, needs_official, random_gtcrn, spectra

pytest.importorskip("tflite_micro", reason="tflite_micro is not installed: no oracle on this machine")


def codes(tensor, values):
    rounded = np.round(values.reshape(tensor.shape) / np.float64(tensor.scale[0])) + tensor.zero_point
    return np.clip(rounded, *tensor.limits).astype(np.int64)


def run_both(graph, features):
    """Masks (T, 514) in real numbers, after every tensor of every frame was found equal."""
    simulator = NetworkSimulator(graph, 1)
    interpreter = TflmStream(import_runtime(), to_bytes(graph), graph, trace=True)
    masks = []
    for t, frame in enumerate(features):
        given = codes(graph.tensors["features"], frame)
        made = simulator.step({"features": given[None]}, keep="all")
        for name, value in interpreter.step({"features": given}).items():
            # 1,400 tensors a frame: what tells where they differ takes longer than the network.
            if not np.array_equal(made[name][0].ravel(), np.ravel(value)):
                np.testing.assert_array_equal(made[name][0].ravel(), np.ravel(value), err_msg=f"{name}, frame {t}")
        masks.append(made["mask"][0].ravel())
    mask = graph.tensors["mask"]
    return (np.array(masks) - mask.zero_point) * float(mask.scale[0])


@functools.cache
def random_source():
    """The graph of random weights and features of 8 frames, for all recipes."""
    network = random_gtcrn(3)
    source = check_model(to_proto(network, network.sound_path()), "m")
    return source, complex_features(spectra(8, 1)).astype(np.float32)


@functools.cache
def official_source():
    """The graph of the official weights, golden spectra and features, and the masks of float, for all recipes."""
    network, sound_path, _ = checkpoint.load(OFFICIAL)
    model = to_proto(network, sound_path)
    source = check_model(model, "m")
    with np.load(GOLDEN, allow_pickle=False) as golden:
        spectrum = golden["spec_in"][..., 0] + 1j * golden["spec_in"][..., 1]
    features = complex_features(spectrum).astype(np.float32)
    expected = run_float(model, source.states, [{"features": features}], ["mask"])[0]["mask"]
    return source, spectrum, features, expected


@pytest.mark.parametrize(
    ("recipe", "share"), [("gtcrn_w8a16", 1.0), ("gtcrn_mixed", 0.25), ("gtcrn_w8a8", 0.18), ("gtcrn_w8a8_pure", 0.1)]
)
def test_random_network_has_the_bits_of_tflm_and_the_regions_that_c_fuses(recipe, share):
    source, features = random_source()
    result = quantise(source, load_recipe(recipe), [{"features": features}])
    run_both(result.graph, features)
    kinds = [region.kind for region in result.graph.regions]
    assert {kind: kinds.count(kind) for kind in kinds} == {"energy": 6, "gru": 8, "gru_sequence": 2, "layer_norm": 4}
    assert len(result.graph.operators) < 1500
    assert overflow_free(result.graph)
    assert share_of_int16(result.graph) <= share
    if recipe == "gtcrn_w8a8_pure":
        wide = {t.name.split("/")[0].rstrip("0123456789") for t in result.graph.activations if t.dtype == "int16"}
        copies = {t.name for t in result.graph.activations if t.name.endswith("/int16")}
        assert wide - {name.split("/")[0].rstrip("0123456789") for name in copies} <= {"layer_norm", "energy"}


# Least SNR of the enhanced spectra in dB. The first frame after the reset is left out, as it is in calibration: it starts in
# the middle of speech with a past of zeros, and saturates.
@needs_official
@pytest.mark.parametrize(
    ("recipe", "least_db"),
    [("gtcrn_w8a16", 29.0), ("gtcrn_mixed", 26.0), ("gtcrn_w8a8", 21.0), ("gtcrn_w8a8_pure", 16.0)],
)
def test_official_network_sounds_like_float_on_the_golden_frames(recipe, least_db):
    source, spectrum, features, expected = official_source()
    graph = quantise(source, load_recipe(recipe), [{"features": features}]).graph
    got = run_both(graph, features)
    wanted, made = (spectrum * (mask[:, :257] + 1j * mask[:, 257:]) for mask in (expected, got))
    error = np.sum(np.abs(wanted[1:] - made[1:]) ** 2)
    assert 10 * np.log10(np.sum(np.abs(wanted[1:]) ** 2) / error) > least_db
