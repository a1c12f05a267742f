"""What happens to speech before it is picked up, and to a recording after it: rooms, equalisers, narrow bands, clipping.

S samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import signal

from ...models.errors import StapesError
from .decode import RATE

Signal = np.ndarray
Span = tuple[float, float]

ROOM_SECONDS: Span = (0.15, 0.6)
ROOM_DIRECT_DB: Span = (-3.0, 12.0)
BAND_HZ: Span = (3000.0, 7000.0)
CLIP_DB: Span = (1.0, 9.0)
# What a room sends within this time melts into the direct sound and helps to understand it.
_EARLY_SECONDS = 0.05
_CURVE_HZ = np.array([0.0, 150.0, 400.0, 1000.0, 2000.0, 3500.0, 5500.0, 8000.0])


@dataclass(frozen=True)
class Degradation:
    """Which part of the pairs is heard in a room, band-limited, clipped; 0 to 1 each."""

    room: float = 0.0
    band: float = 0.0
    clip: float = 0.0

    def __post_init__(self) -> None:
        for name, fraction in vars(self).items():
            if not 0 <= fraction <= 1:
                raise StapesError(f"{name} {fraction}: give the fraction of the pairs, from 0 to 1")


def in_room(
    speech: Signal, rng: np.random.Generator, seconds: Span = ROOM_SECONDS, direct_db: Span = ROOM_DIRECT_DB
) -> tuple[Signal, Signal]:
    """Speech (S,) in a random room, as loud as before, and that part of it which comes early; the direct sound is not delayed.

    The response is the direct sound and an exponentially decaying noise (Polack's model, 1988): decay by 60 dB in
    `seconds`, direct sound `direct_db` above all the rest.
    """
    t60 = rng.uniform(*seconds)
    response = rng.standard_normal(round(t60 * RATE)) * 10 ** (-3.0 * np.arange(round(t60 * RATE)) / (t60 * RATE))
    response = coloured(response, 6.0, rng)
    response[: int(rng.uniform(0.001, 0.006) * RATE)] = 0.0
    response *= 10 ** (-rng.uniform(*direct_db) / 20) / np.sqrt(np.sum(response**2) + 1e-12)
    response[0] = 1.0
    fade = np.clip(2.0 - np.arange(len(response)) / (_EARLY_SECONDS * RATE), 0.0, 1.0)
    reverberant, early = (signal.fftconvolve(speech, r)[: len(speech)] for r in (response, response * fade))
    scale = rms(speech) / max(rms(reverberant), 1e-9)
    return reverberant * scale, early * scale


def coloured(audio: Signal, range_db: float, rng: np.random.Generator) -> Signal:
    """A smooth random equaliser within `range_db` on (S,), zero phase, that leaves the level as it is."""
    curve_db = rng.uniform(-range_db, range_db, len(_CURVE_HZ))
    hertz = np.fft.rfftfreq(len(audio), 1 / RATE)
    result = np.fft.irfft(np.fft.rfft(audio) * 10 ** (np.interp(hertz, _CURVE_HZ, curve_db) / 20), len(audio))
    return result * (rms(audio) / max(rms(result), 1e-9))


def band_limited(audio: Signal, hertz: float) -> Signal:
    """What is left of (S,) below `hertz`, as behind a telephone or a wireless link; the edge is 10 % wide."""
    response = np.clip((1.1 * hertz - np.fft.rfftfreq(len(audio), 1 / RATE)) / (0.1 * hertz), 0.0, 1.0)
    return np.fft.irfft(np.fft.rfft(audio) * response, len(audio))


def clipped(audio: Signal, below_db: float) -> Signal:
    """(S,) cut off `below_db` under its peak."""
    limit = np.abs(audio).max() * 10 ** (-below_db / 20)
    made: np.ndarray = np.clip(audio, -limit, limit)
    return made


def rms(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))
