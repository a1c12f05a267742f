"""The steered equaliser: coefficients made on the device, glides without clicks, one set of bits under random controls."""

import re

import numpy as np
import pytest
from stapes.export.c import export_c
from stapes.export.c.runtime import runtime_file
from stapes.firmware_sim.audio.path import AudioPath
from stapes.firmware_sim.audio.peaking import coefficients_q30
from stapes.firmware_sim.audio.scalar import log2_q16
from stapes.firmware_sim.audio.twin import start
from stapes.firmware_sim.engines.compiled import CompiledPipeline
from stapes.firmware_sim.engines.cortex_m7 import CortexM7
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.firmware_sim.engines.pipeline import Pipeline
from stapes.models.audio import SoundPath
from stapes.models.audio.biquad import Section, response_db
from stapes.models.audio.controls import with_controls
from stapes.models.audio.steered_equaliser import HIGHEST_PART, SteeredEqualiser
from stapes.models.audio.transform import Transform
from stapes.models.errors import StapesError
from stapes.quantize.audio.controls import integers, rest_words
from stapes.quantize.audio.peaking import ROOT_OCTAVES_Q32, peaking_tables
from stapes.tools.bench.material import random_controls

from tests.export.networks import network
from tests.export.programs import STAMP
from tests.firmware_sim.audio_c import BUILDS, CAudioPath
from tests.firmware_sim.audio_signals import extremes
from tests.helpers import sound_path_of

ONE_Q25 = 1 << 25
PATH = with_controls(sound_path_of(features="complex"), ["steered_equaliser"])


def parameters(count, rate, seed=0):
    """Frequencies, gains and Qs over all of their ranges, the corners first: what controls hold, and as real numbers."""
    rng = np.random.default_rng(seed)
    highest = min(20000.0, HIGHEST_PART * rate)
    f = 20.0 * (highest / 20.0) ** rng.random(count)
    g, q = rng.uniform(-12, 12, count), 0.5 * 10.0 ** rng.random(count)
    corners = [(a, b, c) for a in (20.0, rate / 4, highest) for b in (-12.0, 0.0, 12.0) for c in (0.5, 5.0)]
    f[: len(corners)], g[: len(corners)], q[: len(corners)] = np.array(corners).T
    words = [np.floor(v * 2.0**bits).astype(np.int64) for v, bits in ((f, 8), (g, 16), (q, 16))]
    return words, [word / 2.0**bits for word, bits in zip(words, (8, 16, 16), strict=True)]


@pytest.mark.parametrize("rate", [16000, 24000, 44100, 48000])
def test_coefficients_are_within_a_fiftieth_of_a_decibel_and_stable(rate):
    """The response of 1,000 peaks at 240 frequencies, around the peak more closely."""
    (f, g, q), real = parameters(1000, rate)
    tables = peaking_tables(Transform(sample_rate=rate))
    made = coefficients_q30(tables, log2_q16(f) - (8 << 16), g, log2_q16(q) - (16 << 16))
    grid = 20.0 * (0.499 * rate / 20.0) ** np.linspace(0, 1, 200)
    for frequency, gain, quality, coefficients in zip(*real, made / 2.0**30, strict=True):
        near = frequency * 2.0 ** np.linspace(-1, 1, 41)
        points = np.concatenate([grid, near[near < 0.499 * rate]])
        exact = Section("peaking", frequency, gain, quality).design(rate)
        difference = response_db(coefficients * [1, 1, 1, -1, -1], points, rate) - response_db(exact, points, rate)
        assert np.abs(difference).max() < 0.02, (frequency, gain, quality)
    a1, a2 = made[:, 3], made[:, 4]
    assert (np.abs(a2) < 1 << 30).all()
    assert (np.abs(a1) < (1 << 30) - a2).all()
    assert np.abs(made).max() < 2**31
    assert np.abs(made).sum(axis=1).max() < 8 << 30


def test_the_constant_in_c_is_that_of_python():
    text = runtime_file("stapes_peaking.c").read_text()
    assert int(re.search(r"ROOT_OCTAVES_Q32 (\d+)", text)[1]) == ROOT_OCTAVES_Q32


def track_of(blocks, seed=0, path=PATH):
    """Random controls: to the limits, back to rest, and anywhere; some while a glide is under way."""
    rng = np.random.default_rng(seed)
    track = random_controls(path, blocks, seed)
    for start_at in (3, 5, 6, 20, 60):
        if start_at < blocks:
            (f, g, q), _ = parameters(40, path.sample_rate, seed + start_at)
            chosen = rng.permutation(40)[:10]
            track[start_at:] = np.concatenate([f[chosen], g[chosen], q[chosen]])
    return track


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("bands", [5, 10])
def test_c_equals_numpy_under_random_controls(audio_library, build, bands):
    path = SoundPath(tuple(SteeredEqualiser(bands, 30.0) if s.controls else s for s in PATH.stages))
    signals = np.stack(list(extremes(40 * 64).values()))
    track = track_of(40, path=path)
    python = AudioPath(path, len(signals))
    streams = [CAudioPath(audio_library(build), path) for _ in signals]
    for t, words in enumerate(track):
        block = signals[:, t * 64 : (t + 1) * 64]
        python.set_controls(words)
        python.analyse(block)
        expected = python.synthesise()
        twin = python.stages["steered_equaliser"]
        for row, stream in enumerate(streams):
            stream.set_controls(words)
            stream.analyse(block[row])
            assert np.array_equal(stream.synthesise(), expected[row]), (row, t)
            assert np.array_equal(stream.arrays["coefficients_q30"], twin.coefficients_q30.reshape(-1)), (row, t)
            assert np.array_equal(stream.arrays["past_q25"], twin.cascade.past_q25[row].reshape(-1)), (row, t)
    assert all(stream.fences_stand() for stream in streams)


def run(sound_q25, track):
    """The stage alone in integers and in float, (B, S) each, under the same controls."""
    settings = next(stage for stage in PATH.stages if stage.controls)
    twin, flt = (make(settings, PATH.transform, len(sound_q25)) for make in (start, type(settings).start))
    made, exact = [], []
    for t, words in enumerate(track):
        block = sound_q25[:, t * 64 : (t + 1) * 64]
        twin.controls = integers(PATH, words)["steered_equaliser"]
        flt.controls = {
            name: twin.controls[f"{name}_q{bits}"] / 2.0**bits
            for name, bits in (("frequency", 8), ("gain_db", 16), ("quality", 16))
        }
        made.append(twin.step({"sound_q25": block})["sound_q25"])
        exact.append(flt.step({"sound": block / 2.0**25})["sound"])
    return np.concatenate(made, axis=1), np.concatenate(exact, axis=1)


def test_integers_follow_float_at_rest_and_while_they_glide():
    """Under way the position of a glide has 15 bits, of up to ten octaves."""
    sound = np.round(np.random.default_rng(0).standard_normal((2, 6400)) * ONE_Q25 * 0.1).astype(np.int64)
    made, exact = run(sound, track_of(100))
    assert 20 * np.log10(np.abs(made / ONE_Q25 - exact).max() / np.abs(exact).max()) < -35
    made, exact = run(sound, np.tile(track_of(100)[-1], (100, 1)))
    assert 20 * np.log10(np.abs(made / ONE_Q25 - exact).max() / np.abs(exact).max()) < -60


def sines_under(changed, back):
    """Steps between neighbouring samples (4, S - 1) of sines of 100, 440, 1000 and 3000 Hz, the largest before, after and at all times."""
    samples, at = 24_000, 12_032
    sines = np.stack([0.2 * np.sin(2 * np.pi * f * np.arange(samples) / 16000) for f in (100, 440, 1000, 3000)])
    track = np.tile(rest_words(PATH), (samples // 64, 1))
    track[:, :5] = np.array([100, 440, 1000, 3000, 6000]) << 8
    changed(track[at // 64 :])
    if back:
        track = track[::-1].copy()
    made, _ = run(np.round(sines * ONE_Q25).astype(np.int64), track)
    steps = np.abs(np.diff(made / ONE_Q25, axis=1))
    return steps[:, 6000 : at - 2000].max(axis=1), steps[:, -4000:].max(axis=1), steps[:, 6000:].max(axis=1)


@pytest.mark.parametrize("back", [False, True])
def test_a_step_of_the_gains_makes_no_click(back):
    """From 0 to 12 dB in all bands and back: no sample differs from its neighbour by more than in the louder of both sounds."""

    def louder(track):
        track[:, 10:15] = 12 << 16

    before, after, whole = sines_under(louder, back)
    assert (np.maximum(before, after) > 2 * np.minimum(before, after)).all()
    assert (whole <= 1.001 * np.maximum(before, after)).all()


@pytest.mark.parametrize("back", [False, True])
def test_a_peak_that_moves_makes_no_click(back):
    """A peak of 12 dB from 100 to 6000 Hz passes all sines: none is ever louder than such a peak makes it."""

    def moved(track):
        track[:, 0] = 6000 << 8

    def setting(track):
        track[:, 10] = 12 << 16

    def both(track):
        setting(track)
        moved(track)

    _, _, whole = sines_under(both, back)
    slopes = 0.2 * 2 * np.sin(np.pi * np.array([100, 440, 1000, 3000]) / 16000)
    assert (whole <= 1.02 * 10 ** (12 / 20) * slopes).all()


def test_at_rest_a_sample_is_at_most_one_from_that_of_a_path_without():
    """Its sections run on with gains of zero, and each of them rounds."""
    signals = np.stack(list(extremes(1280).values()))
    paths = [AudioPath(path, len(signals)) for path in (sound_path_of(features="complex"), PATH)]
    for t in range(20):
        for path in paths:
            path.analyse(signals[:, t * 64 : (t + 1) * 64])
        plain, steered = (path.synthesise() for path in paths)
        assert np.abs(plain.astype(int) - steered).max() <= 1


@pytest.mark.needs("cortex-m7")
def test_the_device_agrees_and_what_a_hop_costs(tmp_path):
    from stapes.firmware_sim.cortex_m7.calls import Hops
    from stapes.firmware_sim.cortex_m7.measure import measure

    net = network("small")
    path = with_controls(net.sound_path, ["steered_equaliser"])
    export_c(net.graph, tmp_path / "ear", name="ear", sound_path=path, stamp=STAMP)
    signal, track = net.audio_in_q15[None, :1600], track_of(25, seed=3, path=path)
    expected = Pipeline(path, NumpyNetwork(net.graph)).run(signal, controls=track).audio_q15
    made = CompiledPipeline(CortexM7(qemu=False), tmp_path / "ear", net.graph, path).run(signal, controls=track)
    assert np.array_equal(made.audio_q15, expected)
    report = measure(tmp_path / "ear", Hops(net.graph, path, signal[0]), counted_hops=5)
    # The worst hop begins a glide; coefficients of a band take 255.
    assert report.instructions_by_stage["equaliser"] <= 14 * 5 * 64 + 800
    assert report.instructions_by_stage["coefficients"] <= 260 * 5


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"bands": 0}, "bands 0: give 1 to 10"), ({"bands": 11}, "bands 11"), ({"glide_ms": 0.0}, "glide_ms 0")],
)
def test_settings_that_cannot_work_are_refused(settings, words):
    with pytest.raises(StapesError, match=words):
        SteeredEqualiser(**settings)
