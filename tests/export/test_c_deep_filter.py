"""Programs whose network has several outputs and whose path looks ahead: every engine gives the bits of numpy."""

import functools

import numpy as np
import pytest
from stapes.export.c import export_c
from stapes.export.c.costs import costs
from stapes.export.stamp import Stamp
from stapes.firmware_sim.compare import first_difference
from stapes.firmware_sim.cortex_m7.calls import Hops
from stapes.firmware_sim.cortex_m7.measure import measure
from stapes.firmware_sim.engines.compiled import CompiledPipeline
from stapes.firmware_sim.engines.cortex_m7 import CortexM7
from stapes.firmware_sim.engines.native import Native
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.firmware_sim.engines.pipeline import Pipeline
from stapes.models.pipeline import FloatPipeline
from stapes.quantize.onnx_reader import read_onnx
from stapes.quantize.pipeline import quantise
from stapes.quantize.recipe import load_recipe

from tests.deep_filter_network import deep_filter_network
from tests.firmware_sim.audio_signals import pipeline_extremes
from tests.firmware_sim.deep_filter_paths import PATHS
from tests.helpers import speech_like

FRAMES = 30


@functools.cache
def pipeline(name, folder):
    """The numpy engine around a network of random weights, calibrated on a second of a made-up voice."""
    sound_path = PATHS[name]
    _, source = read_onnx(deep_filter_network(folder / "net.onnx", sound_path))
    features = FloatPipeline(sound_path).analyse(speech_like(1.0)[None])["features"][0].astype(np.float32)
    graph = quantise(source, load_recipe("w8a16"), [{"features": features}]).graph
    return Pipeline(sound_path, NumpyNetwork(graph))


def compiled(engine, machine, folder):
    """The engine's program, exported and compiled."""
    export_c(
        engine.graph, folder, name="deep", sound_path=engine.sound_path, stamp=Stamp("0" * 64, "0", "x"), vectors=None
    )
    return CompiledPipeline(machine, folder, engine.graph, engine.sound_path, program="deep", trace=True)


def signals(hop, frames=FRAMES):
    return np.stack([signal[: frames * hop] for signal in pipeline_extremes(max(frames * hop, 4000)).values()])


@pytest.mark.parametrize("name", ["switched", "16 taps in every bin"])
def test_the_c_gives_the_bits_of_numpy_in_every_tensor(name, tmp_path):
    engine = pipeline(name, tmp_path)
    audio = signals(engine.sound_path.hop)
    reference = engine.run(audio, trace=True)
    asked = {quantity.name for quantity in engine.sound_path.asked} - {"lsnr_q8"}
    assert set(reference.tensors) >= asked
    assert reference.audio_q15.std() > 100
    made = compiled(engine, Native(("-O2",)), tmp_path / "deep").run(audio, trace=True)
    assert set(made.tensors) >= asked
    difference = first_difference("native", reference, made, engine.sound_path.hop)
    assert difference is None, str(difference)
    np.testing.assert_array_equal(made.audio_q15, reference.audio_q15)


@pytest.mark.needs("cortex-m7")
def test_the_device_gives_the_bits_of_numpy_and_takes_what_was_stated(tmp_path):
    engine = pipeline("all, 48 kHz", tmp_path)
    sound_path, hop = engine.sound_path, engine.sound_path.hop
    audio = signals(hop, frames=7)[::3]
    reference = engine.run(audio, trace=True)
    made = compiled(engine, CortexM7(), tmp_path / "deep").run(audio, trace=True)
    difference = first_difference("cortex-m7", reference, made, hop)
    assert difference is None, str(difference)
    loud = np.random.default_rng(0).integers(-(2**15), 2**15, 8 * hop).astype(np.int16)
    report = measure(tmp_path / "deep", Hops(engine.graph, sound_path, loud), counted_hops=4)
    assert report.ram_by_object["context"] == costs(engine.graph, "deep", sound_path).ram_bytes
    assert {"look-ahead", "deep filter", "post filter", "attenuation limit"} <= set(report.instructions_by_stage)
