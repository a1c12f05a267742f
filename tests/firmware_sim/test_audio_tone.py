"""The tone of the sound so far, and the equaliser that the network sets by it: integers against float, and C against numpy."""

import numpy as np
import pytest
from stapes.firmware_sim.audio.path import AudioPath
from stapes.models.audio import SoundPath, kinds
from stapes.models.audio.transform import Transform
from stapes.models.errors import StapesError
from stapes.models.pipeline import FloatPipeline, synthesise

from tests.firmware_sim.audio_c import BUILDS, assert_equal_stages
from tests.firmware_sim.audio_signals import extremes, to_q15
from tests.helpers import speech_like

WIDE = Transform(sample_rate=48000, analysis=960, synthesis=960, hop=480, window="vorbis")


def tone_path(transform=None, level=None, equaliser=None):
    """`level` and `equaliser` are settings of the two stages."""
    known = kinds()
    return SoundPath(
        (
            transform or Transform(),
            known["power"](),
            known["tone_level"](**(level or {})),
            known["through"](),
            known["wide_inverse"](),
            known["tone_equaliser"](**(equaliser or {})),
            known["output"](),
        )
    )


PATHS = {
    "as it is": tone_path(equaliser={"every_ms": 20.0, "glide_ms": 15.0}),
    "two bands, a short memory": tone_path(level={"bands": 2, "memory": 1}, equaliser={"frequencies": (300.0,)}),
    "48 kHz": tone_path(WIDE, {"bands": 32}, {"frequencies": (20.0, 20000.0), "every_ms": 31.0, "glide_ms": 30.0}),
}


def gains_q15(path, frames, batch, seed=0):
    """Anything, the ends, and zeros, each for some frames, (T, B, K)."""
    rng = np.random.default_rng(seed)
    shape = (frames // 5 + 1, batch, path.mask_size)
    values = rng.integers(-(2**15), 2**15, shape)
    values[1::3] = rng.choice([-(2**15), 2**15 - 1], values[1::3].shape)
    values[2::6] = 0
    return np.repeat(values, 5, axis=0)[:frames]


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("name", PATHS)
def test_c_equals_numpy(audio_library, build, name):
    path = PATHS[name]
    frames, reset_at = (13, 9) if name == "48 kHz" else (24, 17)  # of 480 samples or of 64
    signals = np.stack(list(extremes(frames * path.hop).values()))
    gains = gains_q15(path, frames, len(signals))
    assert_equal_stages(audio_library(build), path, signals, {"tone_gains_q15": gains}, reset_at=reset_at)


def test_c_equals_numpy_without_a_network(audio_library):
    path = PATHS["as it is"]
    assert_equal_stages(audio_library("sanitised"), path, np.stack(list(extremes(640).values())), None)


@pytest.mark.parametrize("level_db", [0.0, -50.0])
def test_features_follow_float(level_db):
    path = tone_path(level={"memory": 6})
    audio = to_q15(np.stack([speech_like(0.6, seed, -40.0, level_db=level_db - 1) for seed in range(3)]))
    twin, frames = AudioPath(path, 3), audio.shape[1] // 64
    made = np.stack([twin.analyse(audio[:, t * 64 : (t + 1) * 64])["tone_q20"] for t in range(frames)], axis=1)
    exact = FloatPipeline(path).analyse(audio / 2.0**15)["tone"][:, :frames]
    assert np.abs(made / 2.0**20 - exact).max() < (1e-4 if level_db == 0 else 3e-3)
    assert (np.diff(made[0, :, -1]) >= 0).all()
    assert made[0, -1, -1] / 2.0**20 == pytest.approx(np.log2(65) / 6, abs=1e-4)


def test_the_level_is_no_tone_and_silence_has_none():
    path = tone_path()
    loud = to_q15(speech_like(0.5, 1, -30.0, level_db=-1.0)[None])
    silent = np.zeros((1, 640), np.int16)
    found = []
    for signal in (loud, loud // 16, silent):
        twin = AudioPath(path, 1)
        frames = [twin.analyse(signal[:, t : t + 64])["tone_q20"][0] for t in range(0, signal.shape[1] - 63, 64)]
        found.append(frames[-1] / 2.0**20)
    assert np.abs(found[0][:12] - found[1][:12]).max() < 0.02
    assert not found[2].any()


def test_the_equaliser_follows_float():
    path = PATHS["as it is"]
    audio = to_q15(np.stack([speech_like(0.5, seed, -40.0, level_db=-20.0) for seed in range(2)]))
    frames = audio.shape[1] // 64
    gains = gains_q15(path, frames, 2, seed=4)
    twin, made = AudioPath(path, 2), []
    for t in range(frames):
        twin.analyse(audio[:, t * 64 : (t + 1) * 64])
        made.append(twin.synthesise({"tone_gains_q15": gains[t]}))
    values = FloatPipeline(path).analyse(audio / 2.0**15)
    values = {
        name: value[:, : frames if value.ndim == 3 else frames * 64]
        for name, value in values.items()
        if name == "sound" or value.ndim == 3
    }
    exact = synthesise(path, values | {"tone_gains": np.moveaxis(gains, 0, 1) / 2.0**15})
    error = np.concatenate(made, axis=1) / 2.0**15 - exact[:, : frames * 64]
    assert 10 * np.log10((exact**2).sum() / (error**2).sum()) > 60


def test_a_step_of_the_gains_makes_no_click():
    """A sine under a gain that goes from one end to the other is never steeper than the louder of the two sines."""
    path = tone_path(equaliser={"frequencies": (1000.0,)})
    sine = to_q15(0.05 * np.sin(2 * np.pi * 1000 * np.arange(19200) / 16000))[None]
    twin, made = AudioPath(path, 1), []
    for t in range(300):  # gains are taken every 50
        twin.analyse(sine[:, t * 64 : (t + 1) * 64])
        gain = -(2**15) if (t // 50) % 2 else 2**15 - 1
        made.append(twin.synthesise({"tone_gains_q15": np.array([[gain]])}))
    steps = np.abs(np.diff(np.concatenate(made, axis=1)[0].astype(int)))
    steepest = 0.05 * 2**15 * 10 ** (12 / 20) * 2 * np.sin(np.pi * 1000 / 16000)
    assert steps.max() <= 1.01 * steepest + 2
    held = steps[-64 * 8 :].max()
    assert held > 0.98 * steepest or held < 0.1 * steepest


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("tone_level", {"bands": 1}, "bands 1"),
        ("tone_level", {"memory": 17}, "memory 17"),
        ("tone_equaliser", {"frequencies": ()}, "0 of them"),
        ("tone_equaliser", {"frequencies": (7900.0,)}, "7900 Hz at 16000 Hz; give 7840"),
        ("tone_equaliser", {"frequencies": (float("nan"),)}, "nan Hz"),
        ("tone_equaliser", {"quality": 0.0}, "quality 0"),
        ("tone_equaliser", {"every_ms": 100.0}, "every_ms 100"),
    ],
)
def test_what_cannot_be_is_refused(kind, settings, message):
    with pytest.raises(StapesError, match=message):
        tone_path(**{"level" if kind == "tone_level" else "equaliser": settings})
