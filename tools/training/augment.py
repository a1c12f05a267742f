"""Pairs of speech and noise for training: more voices, rooms, noises, microphones and pauses than were recorded.

S samples.
"""

from __future__ import annotations

import numpy as np
import soxr
from scipy import signal

from ...models.sound_files import float_to_q15
from ..corpus import Mix
from ..corpus.decode import RATE
from ..corpus.degrade import band_limited, clipped, coloured, in_room, rms
from .recipe import Data


def source_seconds(data: Data) -> float:
    """Length of the recordings that `pair` needs, for the fastest of them still to fill a clip."""
    return data.clip_seconds * max(data.speed[1], data.noise_speed[1], 1.0) + 0.01


def pair(source: Mix, other: Mix, data: Data, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One training pair from recorded speech and noise: noisy (S,) int16 q15, clean (S,) float32 in the same scale.

    `other` lends its noise, where the recipe asks for a second one. Of a room the clean speech keeps what comes early.
    """
    samples = round(data.clip_seconds * RATE)
    speech = coloured(_at_speed(source.clean, rng.uniform(*data.speed))[:samples], data.colour_db, rng)
    noise = _noise(source, other, data, samples, rng)
    level = rms(speech)
    if rng.random() < data.pause_fraction:
        _mute(speech, rng.uniform(*data.pause_seconds), rng)
    clean = speech
    if rng.random() < data.room_fraction:
        speech, clean = in_room(speech, rng, data.room_seconds, data.room_direct_db)
    quiet = rng.random() < data.quiet_fraction
    snr_db = rng.uniform(*(data.quiet_snr_db if quiet else data.snr_db))
    noise *= level / max(rms(noise), 1e-9) * 10 ** (-snr_db / 20)
    if rng.random() < data.band_fraction:
        hertz = rng.uniform(*data.band_hz)
        speech, clean, noise = (band_limited(audio, hertz) for audio in (speech, clean, noise))
    if rng.random() < data.silence_fraction:
        start = int(rng.integers(RATE))
        for audio in (speech, clean, noise):
            audio[:start] = 0.0
    gain = 10 ** (rng.uniform(*data.level_db) / 20)
    noisy = speech + noise
    gain = min(gain, 0.999 / max(np.abs(noisy).max(), 1e-9))
    if rng.random() < data.clip_fraction:
        noisy = clipped(noisy, rng.uniform(*data.clip_db))
    return float_to_q15(gain * noisy), (gain * clean).astype(np.float32)


def _noise(source: Mix, other: Mix, data: Data, samples: int, rng: np.random.Generator) -> np.ndarray:
    """The noise of the pair, at its own speed and colour, perhaps with a second one or made-up bursts in it."""
    noise = _altered_noise(source, data, samples, rng)
    if rng.random() < data.second_noise_fraction:
        second = _altered_noise(other, data, samples, rng)
        noise += second * (rms(noise) / max(rms(second), 1e-9) * 10 ** (rng.uniform(-10.0, 5.0) / 20))
    if rng.random() < data.modulated_fraction:
        second = modulated(samples, rng)
        noise += second * (rms(noise) / max(rms(second), 1e-9) * 10 ** (rng.uniform(-10.0, 10.0) / 20))
    return noise


def _altered_noise(source: Mix, data: Data, samples: int, rng: np.random.Generator) -> np.ndarray:
    noise = source.noisy - source.clean
    return coloured(_at_speed(noise, rng.uniform(*data.noise_speed))[:samples], data.noise_colour_db, rng)


def modulated(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Made-up noise (S,) whose bands swell and fade on their own: coloured noise, hum with overtones, or clicks."""
    kind = rng.integers(3)
    if kind == 0:
        base = rng.standard_normal(samples)
    elif kind == 1:
        hertz = rng.uniform(50.0, 400.0) * np.exp2(0.1 * _slow(samples, rng.uniform(0.2, 2.0), rng))
        phase = 2 * np.pi * np.cumsum(hertz) / RATE
        base = np.tanh(rng.uniform(1.0, 8.0) * np.sin(phase)) + rng.uniform(0.01, 0.3) * rng.standard_normal(samples)
    else:
        base = rng.standard_normal(samples) * (rng.random(samples) < 10 ** rng.uniform(-4.0, -2.0))
        ring = 10 ** -(3 * np.arange(1600) / (RATE * rng.uniform(0.005, 0.1)))
        base = signal.fftconvolve(base, ring * rng.standard_normal(1600))[:samples]
    depth_db = rng.uniform(0.0, 12.0)
    base = coloured(base, 20.0, rng) * 10 ** (depth_db * _slow(samples, 10 ** rng.uniform(-0.5, 1.2), rng) / 20)
    return coloured(base, 10.0, rng)


def _slow(samples: int, hertz: float, rng: np.random.Generator) -> np.ndarray:
    """A random curve (S,) of unit variance that turns about `hertz` times a second."""
    points = rng.standard_normal(max(round(2 * hertz * samples / RATE), 1) + 2)
    return np.interp(np.linspace(0, len(points) - 1, samples), np.arange(len(points)), points)


def _at_speed(audio: np.ndarray, speed: float) -> np.ndarray:
    """Faster and higher, as from a smaller head: pitch and formants move with the speed."""
    return soxr.resample(audio, RATE * speed, RATE, quality="MQ")


def _mute(speech: np.ndarray, seconds: float, rng: np.random.Generator) -> None:
    """Silence a stretch in place, with 10 ms ramps."""
    length = min(round(seconds * RATE), len(speech))
    start = int(rng.integers(len(speech) - length + 1))
    ramp = np.minimum(np.arange(length), np.arange(length)[::-1]) / (0.01 * RATE)
    speech[start : start + length] *= 1.0 - np.minimum(ramp, 1.0)
