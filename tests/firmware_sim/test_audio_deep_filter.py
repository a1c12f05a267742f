"""The filter stages of DeepFilterNet: look-ahead, gains of bands, deep filter, post-filter, limit; integers against float, and C against numpy."""

import numpy as np
import pytest
from stapes.firmware_sim.audio.path import AudioPath
from stapes.models.errors import StapesError
from stapes.models.pipeline import FloatPipeline
from stapes.quantize.audio import path_params

from tests.firmware_sim.audio_c import BUILDS, assert_equal_stages
from tests.firmware_sim.audio_signals import extremes, to_q15
from tests.firmware_sim.deep_filter_paths import GOLDEN, PATHS, deep_path, needs_golden
from tests.helpers import speech_like

ONE_Q20 = 1 << 20


def random_asked(sound_path, frames, batch, seed):
    """What a network could give, by the names of `SoundPath.asked`: frames of noise, of extremes and of zeros in turn, (T, B, size)."""
    rng = np.random.default_rng(seed)
    found = {}
    for quantity in sound_path.asked:
        low, high = quantity.known_limits
        shape = (frames, batch, quantity.size(sound_path.transform))
        values = rng.integers(low, high, shape, endpoint=True)
        if quantity.plain == "coefs":
            values[0::4] = rng.normal(0, 0.3 * ONE_Q20, values[0::4].shape).astype(np.int64)
        values[1::4] = rng.choice([low, high], values[1::4].shape)
        values[2::4] = 0
        values[5::8] = high
        values[9::8] = low
        found[quantity.name] = values
    return found


def all_signals(samples):
    return np.stack(list(extremes(samples).values()))


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("name", PATHS)
def test_c_equals_numpy_in_every_quantity_behind_the_network(audio_library, build, name):
    sound_path = PATHS[name]
    signals = all_signals(24 * sound_path.hop)
    asked = random_asked(sound_path, 24, len(signals), seed=3)
    assert_equal_stages(audio_library(build), sound_path, signals, asked, reset_at=19)


def test_c_equals_numpy_without_a_network(audio_library):
    assert_equal_stages(audio_library("sanitised"), PATHS["all, 48 kHz"], all_signals(12 * 480), None)


def noisy_speech(level_db, seconds=1.0):
    """Two clips at 48 kHz, peak at the level, float (2, S)."""
    clips = [speech_like(3 * seconds, seed, noise_db, level_db=-1.0) for seed, noise_db in ((0, -30.0), (1, -50.0))]
    audio = np.stack([clip[: int(48000 * seconds)] for clip in clips])
    return to_q15(audio / np.abs(audio).max() * 10 ** (level_db / 20)).astype(np.float64) / 2**15


def exact_asked(sound_path, frames, batch, seed=0):
    """What a network could give, exact in its formats: float (B, T, size) by plain names, integers (T, B, size) by full ones."""
    rng = np.random.default_rng(seed)
    integers = {}
    for quantity in sound_path.asked:
        shape = (frames, batch, quantity.size(sound_path.transform))
        spread = {"coefs": 0.4 * ONE_Q20, "gains": 2**15, "lsnr": 40 * 256}[quantity.plain]
        smooth = rng.normal(0, spread, shape) if quantity.plain != "gains" else rng.uniform(0, spread, shape)
        integers[quantity.name] = np.clip(np.round(smooth), *quantity.known_limits).astype(np.int64)
    floats = {q.plain: np.moveaxis(integers[q.name], 0, 1) / 2.0**q.fraction_bits for q in sound_path.asked}
    return floats, integers


def spectrum_behind(path, asked):
    """What the filters give to the inverse, complex (B, F), in the units of float."""
    values = path.frame | asked
    for stage in path.sound_path.after[:-1]:
        values |= path.stages[stage.kind].step({n: values[n] for n in stage.reads if n in values})
    transform = path.sound_path.transform
    scale = 2.0**-30 * 2.0 ** (transform.analysis - 1).bit_length() * 2.0 ** -values["exponent"][:, None]
    return (values["filtered"][..., 0] + 1j * values["filtered"][..., 1]) * scale


def float_behind(sound_path, audio, floats):
    """The same in float, (B, T, F)."""
    found = FloatPipeline(sound_path).analyse(audio) | floats
    for stage in sound_path.after[:-1]:
        found |= stage.start(sound_path.transform, len(audio)).run(found)
    return found["filtered"]


def snr_db(reference, value):
    return 10 * np.log10(np.sum(np.abs(reference) ** 2) / np.sum(np.abs(value - reference) ** 2))


@pytest.mark.parametrize("level_db", [0.0, -20.0, -40.0])
@pytest.mark.parametrize(
    ("name", "least_db"), [("all, 48 kHz", 100.0), ("switched", 125.0), ("no future", 125.0), ("no past", 125.0)]
)
def test_the_integers_follow_the_float_definition(name, least_db, level_db):
    sound_path, audio = PATHS[name], noisy_speech(level_db)
    frames = audio.shape[1] // sound_path.hop
    floats, integers = exact_asked(sound_path, frames, len(audio))
    path, hop, made = AudioPath(sound_path, len(audio)), sound_path.hop, []
    for t in range(frames):
        path.analyse(np.round(audio[:, t * hop : (t + 1) * hop] * 2**15).astype(np.int16))
        made.append(spectrum_behind(path, {name: rows[t] for name, rows in integers.items()}))
    expected = float_behind(sound_path, audio, floats)
    assert snr_db(expected, np.stack(made, axis=1)) > least_db


@pytest.mark.parametrize("name", ["all, 48 kHz", "no future", "16 taps in every bin"])
def test_no_coefficients_and_no_sound_overflow(name):
    """All taps and all coefficients at their ends: sums stay in 64 bits, what is given on in 32, and the output saturates."""
    sound_path = PATHS[name]
    hop, order = sound_path.hop, sound_path.quantities["coefs_q20"].shape[1]
    square = np.where(np.arange(20 * hop) // (hop // 2) % 2, 2**15 - 1, -(2**15)).astype(np.int16)[None]
    largest = {q.name: np.full((1, q.size(sound_path.transform)), q.known_limits[1]) for q in sound_path.asked}
    path = AudioPath(sound_path, 1)
    for t in range(20):
        path.analyse(square[:, t * hop : (t + 1) * hop])
        values = path.frame | largest
        for stage in sound_path.after:
            values |= path.stages[stage.kind].step({n: values[n] for n in stage.reads if n in values})
            if stage.kind == "deep_filter":
                # abs(Re(x c)) <= abs(Re x) abs(Re c) + abs(Im x) abs(Im c): what is summed at most, as Python's own integers.
                bins = values["taps_q31"][0].astype(object)
                assert int(np.abs(bins).sum(axis=(0, 2)).max()) * 128 * ONE_Q20 < 2**61
                assert np.abs(values["filtered"]).max() < 2**31
        assert np.abs(path.stages["inverse"].overlap_q25).max() < 2**30
    assert order <= 16
    assert np.abs(values["output_q15"].astype(int)).max() >= 2**15 - 1


def test_with_gains_of_one_the_output_is_the_input_later():
    """Bit for bit, whatever the signal: the exponents of the frames around do not reach what sounds."""
    sound_path = deep_path("look_ahead", {"kind": "band_gains", "lsnr_max_db": 0.0})
    signals = all_signals(48 * 480)
    path = AudioPath(sound_path, len(signals))
    asked = {"gains_q15": np.zeros((len(signals), 32), np.int64), "lsnr_q8": np.full((len(signals), 1), 256)}
    output = []
    for t in range(48):
        path.analyse(signals[:, t * 480 : (t + 1) * 480])
        output.append(path.synthesise(asked))
    made = np.concatenate(output, axis=1)
    assert sound_path.delay == 1440
    assert np.array_equal(made[:, 1440:], signals[:, :-1440])
    assert not made[:, :1440].any()


def test_a_deep_filter_wants_the_transform_that_takes_any_spectrum():
    usual = deep_path(
        "look_ahead",
        "band_gains",
        "deep_filter",
        transform={"analysis": 256, "synthesis": 128, "hop": 64, "window": "asymmetric"},
    )
    with pytest.raises(
        StapesError, match="analysis 256: a deep filter needs the transform of mixed radix; set mixed_radix = true"
    ):
        path_params(usual)


@needs_golden
def test_the_integers_give_the_official_spectra():
    """With gains and coefficients of the official network, rounded to their formats."""
    golden = np.load(GOLDEN)
    sound_path = deep_path("look_ahead", "band_gains", "deep_filter")
    path, made = AudioPath(sound_path, 1), []
    asked = {q.name: np.round(golden[q.plain].reshape(40, 1, -1) * 2.0**q.fraction_bits) for q in sound_path.asked}
    for t in range(40):
        path.analyse(to_q15(golden["wave_in"][None, t * 480 : (t + 1) * 480]))
        values = {q.name: np.clip(asked[q.name][t], *q.known_limits).astype(np.int64) for q in sound_path.asked}
        made.append(spectrum_behind(path, values)[0] / 960)
    expected = golden["spec_enh"][..., 0] + 1j * golden["spec_enh"][..., 1]
    assert snr_db(expected[:, :96], np.stack(made)[:, :96]) > 100
    assert snr_db(expected, np.stack(made)) > 80
