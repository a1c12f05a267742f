"""Engines around a complex mask: one set of bits in every tensor, on speech and at the extremes, on the host and on the device."""

import numpy as np
import pytest
from stapes.export.c.costs import costs
from stapes.firmware_sim.audio.twin import twin_class
from stapes.firmware_sim.compare import first_difference
from stapes.firmware_sim.cortex_m7.calls import Hops
from stapes.firmware_sim.cortex_m7.measure import measure
from stapes.firmware_sim.cortex_m7.stages import ORDER
from stapes.firmware_sim.engines.compiled import CompiledPipeline
from stapes.firmware_sim.engines.cortex_m7 import CortexM7
from stapes.models.audio import kinds
from stapes.tools.bench.material import speech_in_noise
from stapes.tools.engines import make_engine
from stapes.tools.library.export import exported_c

from tests.firmware_sim.audio_signals import pipeline_extremes
from tests.machine import lacking

RECIPES = ("w8a16", "w8a8")
HOP = 256
QUANTITIES = {"exponent", "spectrum_q31", "features_q20", "features", "mask_q15"}
WIENER = {"power_q40", "noise_q40", "gain_q15", "speech"}
needs_device = pytest.mark.needs("cortex-m7")


def hold(bundle, engines, audio_q15):
    """Every engine, traced, against numpy; returns numpy's run."""
    reference = make_engine("numpy", bundle).run(audio_q15, trace=True)
    assert set(reference.tensors) >= QUANTITIES
    for engine in engines:
        run = engine.run(audio_q15, trace=True)
        assert set(run.tensors) >= QUANTITIES
        assert not set(run.tensors) & WIENER
        difference = first_difference(engine.name, reference, run, HOP)
        assert difference is None, str(difference)
        np.testing.assert_array_equal(run.audio_q15, reference.audio_q15)
    return reference


@pytest.mark.parametrize("recipe", RECIPES)
def test_engines_agree_in_every_tensor_on_speech_and_at_the_extremes(bundle_of, recipe):
    bundle = bundle_of("complex", recipe)
    engines = [make_engine(name, bundle) for name in ("native", "tflm") if not lacking(name)]
    speech = speech_in_noise(8.0, seed=11).reshape(8, -1)
    run = hold(bundle, engines, speech)
    mask = run.tensors["mask_q15"]
    assert mask.shape[2] == 2 * 257
    assert mask.min() < -10_000
    assert mask.max() > 10_000
    assert len(np.unique(run.audio_q15)) > 5000
    given = pipeline_extremes(32 * HOP + 5)
    output = hold(bundle, engines, np.stack(list(given.values()))).audio_q15
    assert not dict(zip(given, output, strict=True))["silence"].any()


@needs_device
@pytest.mark.parametrize("recipe", RECIPES)
def test_the_device_gives_the_bits_of_numpy_at_the_extremes(bundle_of, recipe):
    bundle = bundle_of("complex", recipe)
    given = pipeline_extremes(8 * HOP)
    names = (
        "silence",
        "square",
        "white, full scale",
        "random signs, full scale",
        "DC",
        "impulses",
        "real speech in noise",
    )
    with exported_c(bundle) as folder:
        device = CompiledPipeline(CortexM7(), folder, bundle.graph, bundle.sound_path, program=bundle.name, trace=True)
    hold(bundle, [device], np.stack([given[name] for name in names]))


@needs_device
def test_what_the_device_takes_is_what_was_stated_and_no_wiener_filter_is_in_it(bundle_of):
    bundle = bundle_of("complex", "w8a16")
    with exported_c(bundle) as folder:
        report = measure(folder, Hops(bundle.graph, bundle.sound_path, speech_in_noise(0.4, seed=2)), counted_hops=3)
        sources = {path.name for path in (folder / "runtime").rglob("*.[ch]")}
    assert report.ram_by_object["context"] == costs(bundle.graph, bundle.name, bundle.sound_path).ram_bytes
    stages = {stage.partition(":")[0] for stage in report.instructions_by_stage}
    others = {label for kind in kinds() for label in twin_class(kind).work.values()}
    own = {label for stage in bundle.sound_path.stages for label in twin_class(stage.kind).work.values()}
    assert stages == set(ORDER) - (others - own)
    assert report.hop_seconds == 0.016
    assert "stapes_wiener.c" not in sources
    assert "stapes_complex.c" in sources
