"""What DeepFilterNet3 hears, in float: levels of the bands and the complex spectrum, each against its own running mean.

B recordings, T frames, K bins, N bands, F bins of the deep filter. Source: Schroeter et al., DeepFilterNet: A Low Complexity Speech Enhancement Framework,
2022, and the settings of the network; the root of a mean of magnitudes is that of the shipped weights.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.signal import lfilter

from ..audio.erb import erb_widths
from ..audio.transform import Transform, stft
from .settings import Settings

# Where the running means begin: levels in dB, magnitudes.
_FIRST_DB, _LAST_DB = -60.0, -90.0
_FIRST_MAGNITUDE, _LAST_MAGNITUDE = 1e-3, 1e-4
_FLOOR = 1e-10
_DB_OF_ONE = 40.0


def transform_of(settings: Settings) -> Transform:
    """The transform of the network: the window of Vorbis, twice, half overlapped."""
    df = settings.df
    return Transform(df.sr, df.fft_size, df.fft_size, df.hop_size, "vorbis")


def forgetting(settings: Settings) -> float:
    """The factor of the running means: exp(-hop / (rate * tau)) at the fewest digits, at least three, that are not one."""
    exact = math.exp(-settings.df.hop_size / settings.df.sr / settings.df.norm_tau)
    digits = 3
    while round(exact, digits) >= 1.0:
        digits += 1
    return round(exact, digits)


def features(settings: Settings, audio: np.ndarray) -> dict[str, np.ndarray]:
    """audio (B, S) in [-1, 1) -> feat_erb (B, T, N) and feat_spec (B, T, 2 F), real and then imaginary parts, float64."""
    df = settings.df
    spectrum = stft(audio, transform_of(settings)) / df.fft_size
    widths = erb_widths(df.sr, df.fft_size, df.nb_erb, df.min_nb_erb_freqs)
    starts = np.concatenate([[0], np.cumsum(widths)[:-1]])
    level = 10 * np.log10(np.add.reduceat(np.abs(spectrum) ** 2, starts, axis=-1) / widths + _FLOOR)
    alpha = forgetting(settings)
    mean = _running(level, np.linspace(_FIRST_DB, _LAST_DB, df.nb_erb), alpha)
    low = spectrum[..., : df.nb_df]
    unit = low / np.sqrt(_running(np.abs(low), np.linspace(_FIRST_MAGNITUDE, _LAST_MAGNITUDE, df.nb_df), alpha))
    return {"feat_erb": (level - mean) / _DB_OF_ONE, "feat_spec": np.concatenate([unit.real, unit.imag], axis=-1)}


def _running(values: np.ndarray, start: np.ndarray, alpha: float) -> np.ndarray:
    """Running means (B, T, size) that begin at `start` (size,), the present frame included."""
    before = np.broadcast_to(alpha * start, (len(values), 1, len(start)))
    made: np.ndarray = lfilter([1 - alpha], [1.0, -alpha], values, axis=1, zi=before)[0]
    return made
