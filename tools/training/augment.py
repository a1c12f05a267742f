"""Pairs of speech and noise for training: more voices, rooms, levels and pauses than were recorded.

S samples.
"""

from __future__ import annotations

import numpy as np
import soxr

from models.audio import float_to_q15
from tools.corpus import Mix
from tools.training.recipe import Data

RATE = 16000
_CURVE_HZ = np.array([0.0, 150.0, 400.0, 1000.0, 2000.0, 3500.0, 5500.0, 8000.0])


def source_seconds(data: Data) -> float:
    """Length of the recordings that `pair` needs, for the fastest speech still to fill a clip."""
    return data.clip_seconds * max(data.speed[1], 1.0) + 0.01


def pair(source: Mix, data: Data, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One training pair from recorded speech and noise: noisy (S,) int16 q15, clean (S,) float32 in the same scale."""
    samples = round(data.clip_seconds * RATE)
    speech = _coloured(_at_speed(source.clean, rng.uniform(*data.speed))[:samples], data.colour_db, rng)
    noise = _coloured((source.noisy - source.clean)[:samples], data.colour_db, rng)
    quiet = rng.random() < data.quiet_fraction
    snr_db = rng.uniform(*(data.quiet_snr_db if quiet else data.snr_db))
    noise *= _rms(speech) / max(_rms(noise), 1e-9) * 10 ** (-snr_db / 20)
    if rng.random() < data.pause_fraction:
        _mute(speech, rng.uniform(*data.pause_seconds), rng)
    if rng.random() < data.silence_fraction:
        start = int(rng.integers(RATE))
        speech[:start] = noise[:start] = 0.0
    gain = 10 ** (rng.uniform(*data.level_db) / 20)
    gain = min(gain, 0.999 / max(np.abs(speech + noise).max(), 1e-9))
    return float_to_q15(gain * (speech + noise)), (gain * speech).astype(np.float32)


def _at_speed(speech: np.ndarray, speed: float) -> np.ndarray:
    """Faster and higher, as from a smaller head: pitch and formants move with the speed."""
    return soxr.resample(speech, RATE * speed, RATE, quality="MQ")


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
