"""The Wiener gain: its start, its floors, its escape from a wrong noise estimate, and its independence between utterances."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from stapes.models.audio.transform import stft
from stapes.models.audio.wiener import Wiener

from tests.helpers import sound_path_of, speech_like


def frames_of(audio, sound_path=None):
    """What the Wiener filter makes of every frame and the noise after it, for audio (B, S)."""
    sound_path = sound_path or sound_path_of()
    _, power, wiener = (stage.start(sound_path.transform, len(audio)) for stage in sound_path.before[:3])
    powers = power.run({"spectrum": stft(audio, sound_path.transform)})["power"]
    return [
        (SimpleNamespace(power=powers[:, t], **wiener.step({"power": powers[:, t]})), wiener.noise.copy())
        for t in range(powers.shape[1])
    ]


def scalar_gains(audio, f):
    """The published rule, one bin at a time in plain Python, after the causal start-up: the oracle of the vectorised one."""
    transform, bins = f.transform, f.transform.bins
    power = np.abs(stft(audio[None], transform)[0]) ** 2 / transform.window_power
    f = f.stages[2]
    noise = [max(math.fsum(power[: f.startup_frames, k]) / f.startup_frames, f.noise_floor) for k in range(bins)]
    gains, prior = [], None
    for frame in power[f.startup_frames :]:
        gamma = [min(p / n, f.gamma_max) for p, n in zip(frame, noise, strict=True)]
        xi = []
        for k, g in enumerate(gamma):
            old = 1.0 if prior is None else prior[k]
            xi.append(max(f.xi_smoothing * old + (1 - f.xi_smoothing) * max(g - 1, 0), f.xi_min))
        ratio = sum(g * x / (1 + x) - math.log(1 + x) for g, x in zip(gamma, xi, strict=True)) / bins
        if ratio < f.vad_threshold:
            mu = f.noise_smoothing
            noise = [max(mu * n + (1 - mu) * p, f.noise_floor) for n, p in zip(noise, frame, strict=True)]
        prior = [g * x / (1 + x) for g, x in zip(gamma, xi, strict=True)]
        gains.append([math.sqrt(x / (1 + x)) for x in xi])
    return np.array(gains)


def test_gain_is_that_of_the_rule_written_out_bin_by_bin():
    audio = speech_like(2.0, seed=3)
    gains = np.stack([frame.gain[0] for frame, _ in frames_of(audio[None])])
    assert np.abs(gains[29:] - scalar_gains(audio, sound_path_of())).max() < 1e-9


def test_noise_alone_is_attenuated_and_speech_is_not():
    noise = 0.01 * np.random.default_rng(0).standard_normal(16000 * 2)
    time = np.arange(16000) / 16000
    noise[16000:] += 0.5 * np.sin(2 * np.pi * 1000 * time) * (1 + np.sin(2 * np.pi * 4 * time))
    frames = frames_of(noise[None])
    assert np.mean([f.gain[0].mean() for f, _ in frames[100:240]]) < 0.3
    assert np.mean([f.speech[0] for f, _ in frames[100:240]]) < 0.02
    assert np.median([f.gain[0, 8] for f, _ in frames[260:]]) > 0.95


def test_startup_gain_is_the_stated_constant_and_silence_does_not_count():
    rng = np.random.default_rng(0)
    audio = np.concatenate([np.zeros(64 * 40), 0.1 * rng.standard_normal(64 * 60)])[None]
    frames = frames_of(audio)
    constant = math.sqrt(0.98 / 1.98)
    for t in range(69):
        assert frames[t][0].gain == pytest.approx(constant), t
        assert not frames[t][0].speech[0]
        assert frames[t][0].silent[0] == (t < 40)
    assert np.ptp(frames[69][0].gain) > 0
    power = np.stack([f.power[0] for f, _ in frames[40:69]])
    assert np.allclose(frames[68][1][0], power.mean(axis=0), rtol=1e-12)


def test_leading_digital_silence_does_not_lock_the_gain_at_one():
    speech = speech_like(3.0, seed=1, noise_db=-45.0)
    late = frames_of(np.concatenate([np.zeros(4000), speech])[None])
    assert np.mean([f.speech[0] for f, _ in late]) < 0.8
    assert np.mean([f.gain[0].mean() for f, _ in late[200:]]) < 0.8


def test_no_input_makes_anything_but_finite_gains_between_the_floor_and_one():
    rng = np.random.default_rng(0)
    audio = np.stack(
        [
            np.zeros(16000),
            rng.standard_normal(16000) * 1e-7,
            np.where(np.arange(16000) % 4000 < 2000, 1.0, 0.0),
            rng.choice([-1.0, 1.0], 16000),
        ]
    )
    floor = math.sqrt(Wiener().xi_min / (1 + Wiener().xi_min))
    for frame, noise in frames_of(audio):
        assert np.isfinite(frame.gain).all()
        assert (noise >= Wiener().noise_floor).all()
        assert (frame.gain >= floor * (1 - 1e-12)).all()
        assert (frame.gain < 1).all()


def test_noise_that_jumps_is_followed_again_after_the_hold():
    rng = np.random.default_rng(0)
    audio = rng.standard_normal(16000 * 12) * np.where(np.arange(16000 * 12) < 16000, 0.001, 0.1)
    frames = frames_of(audio[None])
    held = [f.speech[0] for f, _ in frames[260:990]]
    assert all(held), "the jump is taken for speech until the hold ends"
    assert np.mean([f.speech[0] for f, _ in frames[-250:]]) < 0.1
    assert np.mean([f.gain[0].mean() for f, _ in frames[-250:]]) < 0.35


def test_silent_frames_leave_the_noise_alone():
    rng = np.random.default_rng(0)
    audio = np.concatenate([0.1 * rng.standard_normal(64 * 100), np.zeros(64 * 50)])[None]
    frames = frames_of(audio)
    assert frames[-1][0].silent[0]
    assert np.array_equal(frames[-1][1], frames[102][1])


def test_utterances_of_a_batch_do_not_touch_each_other():
    audio = np.stack([speech_like(1.5, seed=1), np.roll(speech_like(1.5, seed=2), 999), np.zeros(24000)])
    audio[1, :5000] = 0
    together = frames_of(audio)
    for b in range(3):
        alone = frames_of(audio[b : b + 1])
        for (x, noise), (y, noise_alone) in zip(together, alone, strict=True):
            assert np.array_equal(x.gain[b], y.gain[0])
            assert np.array_equal(noise[b], noise_alone[0])


CLEAR = sound_path_of(mask_on="noisy", clear_snr_db=12.0)


def test_speech_over_soft_noise_becomes_clear_and_noise_does_not():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(16000 * 4)
    speech = np.concatenate([np.zeros(4000), speech_like(4.0, noise_db=-90.0)])[: noise.size]
    clarities = {}
    for name, audio in {"clear": speech + 1e-4 * noise, "noisy": speech + 0.1 * noise, "noise": 0.1 * noise}.items():
        clarities[name] = np.array([frame.clarity[0] for frame, _ in frames_of(audio[None], CLEAR)])
    assert clarities["clear"].max() == 1
    assert clarities["clear"][:29].max() == 0
    assert clarities["noisy"].max() < 0.5
    assert clarities["noise"].max() == 0
    assert all(frame.clarity == 0 for frame, _ in frames_of(speech[None]))


def test_noise_that_jumps_is_clear_for_a_second_and_no_more_after_two():
    rng = np.random.default_rng(0)
    audio = rng.standard_normal(16000 * 4) * np.where(np.arange(16000 * 4) < 16000, 0.001, 0.1)
    clarity = np.array([frame.clarity[0] for frame, _ in frames_of(audio[None], CLEAR)])
    assert clarity[260:500].min() == 1
    assert (np.diff(clarity[510:770]) < 0).mean() > 0.9
    assert clarity[770:].max() == 0
