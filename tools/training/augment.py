"""Pairs of speech and noise for training: more voices, rooms, noises, microphones and pauses than were recorded.

S samples.
"""

from __future__ import annotations

import numpy as np
import soxr
from scipy import signal

from models.audio import float_to_q15
from tools.corpus import Mix
from tools.training.recipe import Data

RATE = 16000
_CURVE_HZ = np.array([0.0, 150.0, 400.0, 1000.0, 2000.0, 3500.0, 5500.0, 8000.0])
# What a room sends within this time melts into the direct sound and helps to understand it.
_EARLY_SECONDS = 0.05


def source_seconds(data: Data) -> float:
    """Length of the recordings that `pair` needs, for the fastest of them still to fill a clip."""
    return data.clip_seconds * max(data.speed[1], data.noise_speed[1], 1.0) + 0.01


def pair(source: Mix, other: Mix, data: Data, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One training pair from recorded speech and noise: noisy (S,) int16 q15, clean (S,) float32 in the same scale.

    `other` lends its noise, where the recipe asks for a second one. Of a room the clean speech keeps what comes early.
    """
    samples = round(data.clip_seconds * RATE)
    speech = _coloured(_at_speed(source.clean, rng.uniform(*data.speed))[:samples], data.colour_db, rng)
    noise = _noise(source, other, data, samples, rng)
    level = _rms(speech)
    if rng.random() < data.pause_fraction:
        _mute(speech, rng.uniform(*data.pause_seconds), rng)
    clean = speech
    if rng.random() < data.room_fraction:
        speech, clean = _in_room(speech, data, rng)
    quiet = rng.random() < data.quiet_fraction
    snr_db = rng.uniform(*(data.quiet_snr_db if quiet else data.snr_db))
    noise *= level / max(_rms(noise), 1e-9) * 10 ** (-snr_db / 20)
    if rng.random() < data.band_fraction:
        speech, clean, noise = _band_limited((speech, clean, noise), rng.uniform(*data.band_hz))
    if rng.random() < data.silence_fraction:
        start = int(rng.integers(RATE))
        for signal_ in (speech, clean, noise):
            signal_[:start] = 0.0
    gain = 10 ** (rng.uniform(*data.level_db) / 20)
    noisy = speech + noise
    gain = min(gain, 0.999 / max(np.abs(noisy).max(), 1e-9))
    if rng.random() < data.clip_fraction:
        limit = np.abs(noisy).max() * 10 ** (-rng.uniform(*data.clip_db) / 20)
        noisy = np.clip(noisy, -limit, limit)
    return float_to_q15(gain * noisy), (gain * clean).astype(np.float32)


def _noise(source: Mix, other: Mix, data: Data, samples: int, rng: np.random.Generator) -> np.ndarray:
    """The noise of the pair, at its own speed and colour, perhaps with a second one or made-up bursts in it."""
    noise = _altered_noise(source, data, samples, rng)
    if rng.random() < data.second_noise_fraction:
        second = _altered_noise(other, data, samples, rng)
        noise += second * (_rms(noise) / max(_rms(second), 1e-9) * 10 ** (rng.uniform(-10.0, 5.0) / 20))
    if rng.random() < data.modulated_fraction:
        second = modulated(samples, rng)
        noise += second * (_rms(noise) / max(_rms(second), 1e-9) * 10 ** (rng.uniform(-10.0, 10.0) / 20))
    return noise


def _altered_noise(source: Mix, data: Data, samples: int, rng: np.random.Generator) -> np.ndarray:
    noise = source.noisy - source.clean
    return _coloured(_at_speed(noise, rng.uniform(*data.noise_speed))[:samples], data.noise_colour_db, rng)


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
    base = _coloured(base, 20.0, rng) * 10 ** (depth_db * _slow(samples, 10 ** rng.uniform(-0.5, 1.2), rng) / 20)
    return _coloured(base, 10.0, rng)


def _slow(samples: int, hertz: float, rng: np.random.Generator) -> np.ndarray:
    """A random curve (S,) of unit variance that turns about `hertz` times a second."""
    points = rng.standard_normal(max(round(2 * hertz * samples / RATE), 1) + 2)
    return np.interp(np.linspace(0, len(points) - 1, samples), np.arange(len(points)), points)


def _in_room(speech: np.ndarray, data: Data, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Speech (S,) in a room, and the part of it that comes early.

    The response is the direct sound and an exponentially decaying noise (Polack's model, 1988), with the direct sound
    `room_direct_db` above all the rest.
    """
    t60 = rng.uniform(*data.room_seconds)
    tail = rng.standard_normal(round(t60 * RATE)) * 10 ** (-3.0 * np.arange(round(t60 * RATE)) / (t60 * RATE))
    tail = _coloured(tail, 6.0, rng)
    tail[: int(rng.uniform(0.001, 0.006) * RATE)] = 0.0
    tail *= 10 ** (-rng.uniform(*data.room_direct_db) / 20) / np.sqrt(np.sum(tail**2) + 1e-12)
    tail[0] = 1.0
    fade = np.clip(2.0 - np.arange(len(tail)) / (_EARLY_SECONDS * RATE), 0.0, 1.0)
    reverberant, early = (signal.fftconvolve(speech, response)[: len(speech)] for response in (tail, tail * fade))
    scale = _rms(speech) / max(_rms(reverberant), 1e-9)
    return reverberant * scale, early * scale


def _band_limited(signals: tuple[np.ndarray, ...], hertz: float) -> list[np.ndarray]:
    """What is left of signals (S,) below `hertz`, as behind a telephone or a wireless link; the edge is 10 % wide."""
    frequency = np.fft.rfftfreq(len(signals[0]), 1 / RATE)
    response = np.clip((1.1 * hertz - frequency) / (0.1 * hertz), 0.0, 1.0)
    return [np.fft.irfft(np.fft.rfft(x) * response, len(x)) for x in signals]


def _at_speed(audio: np.ndarray, speed: float) -> np.ndarray:
    """Faster and higher, as from a smaller head: pitch and formants move with the speed."""
    return soxr.resample(audio, RATE * speed, RATE, quality="MQ")


def _coloured(audio: np.ndarray, range_db: float, rng: np.random.Generator) -> np.ndarray:
    """A smooth random equaliser within `range_db`, zero phase, that leaves the level as it is."""
    curve_db = rng.uniform(-range_db, range_db, len(_CURVE_HZ))
    hertz = np.fft.rfftfreq(len(audio), 1 / RATE)
    coloured = np.fft.irfft(np.fft.rfft(audio) * 10 ** (np.interp(hertz, _CURVE_HZ, curve_db) / 20), len(audio))
    return coloured * (_rms(audio) / max(_rms(coloured), 1e-9))


def _mute(speech: np.ndarray, seconds: float, rng: np.random.Generator) -> None:
    """Silence a stretch in place, with 10 ms ramps."""
    length = min(round(seconds * RATE), len(speech))
    start = int(rng.integers(len(speech) - length + 1))
    ramp = np.minimum(np.arange(length), np.arange(length)[::-1]) / (0.01 * RATE)
    speech[start : start + length] *= 1.0 - np.minimum(ramp, 1.0)


def _rms(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
