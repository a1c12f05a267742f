"""How much gain thresholds want. F frequencies, L levels."""

from __future__ import annotations

import csv
import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .audiogram import Audiogram

MOST_DB = 80.0
NAL_R, CAMFIT = "nalr", "camfit"
# Levels of speech as a whole, in dB SPL: soft, usual, loud.
LEVELS_DB = (50.0, 65.0, 80.0)

_NAL_R_HZ = (250.0, 500.0, 1000.0, 2000.0, 4000.0, 6000.0)
_NAL_R_DB = (-17.0, -8.0, 1.0, -1.0, -2.0, -2.0)

CAMFIT_HZ = (125.0, 250.0, 500.0, 750.0, 1000.0, 1500.0, 2000.0, 3000.0, 4000.0, 5000.0)
_CAMFIT_DB = (-11.0, -10.0, -8.0, -6.0, 0.0, -1.0, 1.0, -1.0, 0.0, 1.0)
_CAMFIT_FROM_HZ = (250.0, 500.0, 750.0, 1000.0, 1500.0, 2000.0, 3000.0, 4000.0, 6000.0)
# The softest parts of speech lie so far below its level in a band; no band shall be louder than this.
_SPEECH_RANGE_DB, _LEAST_RANGE_DB, _LOUDEST_DB = 38.0, 13.0, 100.0
# Speech of 70 dB in third octaves: Byrne et al., An international comparison of long-term average speech spectra, 1994.
SPEECH_HZ = (
    *(63.0, 80.0, 100.0, 125.0, 160.0, 200.0, 250.0, 315.0, 400.0, 500.0, 630.0, 800.0, 1000.0),
    *(1250.0, 1600.0, 2000.0, 2500.0, 3150.0, 4000.0, 5000.0, 6300.0, 8000.0, 10000.0, 12500.0, 16000.0),
)
SPEECH_DB = (
    *(38.6, 43.5, 54.4, 57.7, 56.8, 60.2, 60.3, 59.0, 62.1, 62.1, 60.5, 56.8, 53.7),
    *(53.0, 52.0, 48.7, 48.1, 46.8, 45.6, 44.5, 44.3, 43.7, 43.4, 41.3, 40.7),
)
_SPEECH_LEVEL_DB = 70.0
# The softest tone that is heard in a free field, dB SPL: ISO 226:2003.
_HEARING_HZ = (
    *(20.0, 25.0, 31.5, 40.0, 50.0, 63.0, 80.0, 100.0, 125.0, 160.0, 200.0, 250.0, 315.0, 400.0, 500.0, 630.0),
    *(800.0, 1000.0, 1250.0, 1600.0, 2000.0, 2500.0, 3150.0, 4000.0, 5000.0, 6300.0, 8000.0, 10000.0, 12500.0),
)
_HEARING_DB = (
    *(78.5, 68.7, 59.5, 51.1, 44.0, 37.5, 31.5, 26.5, 22.1, 17.9, 14.4, 11.4, 8.6, 6.2, 4.4, 3.0),
    *(2.2, 2.4, 3.5, 1.7, -1.3, -4.2, -6.0, -5.4, -1.5, 6.0, 12.6, 13.9, 12.3),
)


@dataclass(frozen=True)
class Gains:
    """`gains_db` (L, F) at levels of speech in dB SPL and frequencies in Hz; a linear rule has one row for all levels."""

    frequencies: tuple[float, ...]
    levels_db: tuple[float, ...]
    gains_db: tuple[tuple[float, ...], ...]

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.frequencies, self.frequencies[1:], strict=False))
        if len(self.frequencies) < 2 or not rising or self.frequencies[0] < 20.0:
            raise StapesError("gains: frequencies must rise, two or more, in Hz from 20 on")
        louder = all(a < b for a, b in zip(self.levels_db, self.levels_db[1:], strict=False))
        if not self.levels_db or not louder or not all(0.0 <= level <= 140.0 for level in self.levels_db):
            raise StapesError("gains: levels must rise, one or more, within 0 to 140 dB SPL")
        if len(self.gains_db) != len(self.levels_db) or any(len(r) != len(self.frequencies) for r in self.gains_db):
            raise StapesError("gains: give one row a level, with one gain for each frequency")
        for row in self.gains_db:
            for f, gain in zip(self.frequencies, row, strict=True):
                if not abs(gain) <= MOST_DB:
                    raise StapesError(f"gain {gain:g} dB at {f:g} Hz: give -{MOST_DB:g} to {MOST_DB:g} dB")

    def at_level(self, level_db: float) -> np.ndarray:
        """Gains (F,) for speech of a level; between two levels in a straight line, beyond them the nearest row."""
        rows = np.array(self.gains_db)
        return np.array([np.interp(level_db, self.levels_db, rows[:, f]) for f in range(rows.shape[1])])


def nal_r(audiogram: Audiogram) -> Gains:
    """Byrne and Dillon, The National Acoustic Laboratories' new procedure for selecting the gain and frequency response, 1986.

    Gains are not below zero; someone who hears well gets none.
    """
    frequencies = np.array(_NAL_R_HZ)
    loss = audiogram.at(frequencies)
    three = float(loss[1:4].sum())
    average = 0.05 * three if three <= 180.0 else 9.0 + 0.116 * (three - 180.0)
    gains = np.maximum(average + 0.31 * loss + np.array(_NAL_R_DB), 0.0) * bool(loss.max() > 0)
    return Gains(_NAL_R_HZ, (LEVELS_DB[1],), (_row(gains),))


def camfit_linear(audiogram: Audiogram, frequencies: np.ndarray) -> np.ndarray:
    """Gains (F,) for usual speech: Moore and Glasberg, Use of a loudness model for hearing-aid fitting: I, 1998.

    Not below zero (part II, 1999); someone who hears well gets none.
    """
    loss = audiogram.at(frequencies)
    intercepts = np.interp(np.log(frequencies), np.log(np.array(CAMFIT_HZ)), np.array(_CAMFIT_DB))
    made: np.ndarray = np.maximum(0.48 * loss + intercepts, 0.0) * bool(np.any(loss))
    return made


def camfit_at(audiogram: Audiogram, frequencies: np.ndarray, levels_in_bands: np.ndarray) -> np.ndarray:
    """Gains for levels in the bands around frequencies, dB SPL: (L, F) -> (L, F).

    Moore, Glasberg and Stone, Use of a loudness model for hearing aid fitting: III. A general method for deriving initial fittings for
    hearing aids with multi-channel compression, 1999: usual speech gets the linear gains, and the softest parts of speech become just audible. No
    band gets louder than 100 dB, none is compressed by less than 1.
    """
    usual = speech_in_bands(frequencies)
    softest = usual - _SPEECH_RANGE_DB
    threshold = audiogram.at(frequencies) + np.interp(frequencies, _HEARING_HZ, _HEARING_DB)
    for_softest = threshold - softest
    range_db = np.maximum(usual + camfit_linear(audiogram, frequencies) - softest - for_softest, _LEAST_RANGE_DB)
    ratio = np.maximum(_SPEECH_RANGE_DB / range_db, 1.0)
    gains = (levels_in_bands - softest) / ratio + softest + for_softest - levels_in_bands
    limited = np.minimum(np.maximum(gains, 0.0), _LOUDEST_DB - levels_in_bands)
    made: np.ndarray = limited * bool(np.any(audiogram.thresholds))
    return made


def camfit(audiogram: Audiogram) -> Gains:
    """CAMFIT for soft, usual and loud speech at the audiometric frequencies."""
    frequencies = np.array(_CAMFIT_FROM_HZ)
    usual = speech_in_bands(frequencies)
    levels = np.stack([usual + level - LEVELS_DB[1] for level in LEVELS_DB])
    gains = camfit_at(audiogram, frequencies, levels)
    return Gains(_CAMFIT_FROM_HZ, LEVELS_DB, tuple(_row(row) for row in gains))


def band_edges(frequencies: np.ndarray) -> np.ndarray:
    """Edges (F + 1,) of the bands around frequencies (F,): half-way on the logarithmic axis, the outer ones as far out as in."""
    inner = np.sqrt(frequencies[1:] * frequencies[:-1])
    return np.array([frequencies[0] ** 2 / inner[0], *inner, frequencies[-1] ** 2 / inner[-1]])


def speech_in_bands(frequencies: np.ndarray) -> np.ndarray:
    """Level of speech of 65 dB SPL in the bands around frequencies, dB SPL (F,): whole third octaves, and parts of them at the edges."""
    centres, power = np.array(SPEECH_HZ), 10.0 ** (np.array(SPEECH_DB) / 10.0)
    edges = np.array([0.0, *np.sqrt(centres[1:] * centres[:-1]), centres[-1] * 2.0 ** (1.0 / 6.0)])
    bands = band_edges(frequencies)
    made = []
    for low, high in itertools.pairwise(bands.tolist()):
        shared = np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0.0, None)
        share = shared / np.diff(edges)
        made.append(10.0 * math.log10(float((power * share).sum())) + LEVELS_DB[1] - _SPEECH_LEVEL_DB)
    return np.array(made)


def prescribe(audiogram: Audiogram, rule: str) -> Gains:
    """The gains of a rule: `nalr`, `camfit`, or the path of a table; raises StapesError for another one."""
    if rule == NAL_R:
        return nal_r(audiogram)
    if rule == CAMFIT:
        return camfit(audiogram)
    if Path(rule).suffix.lower() != ".csv":
        raise StapesError(f"--rule {rule[:40]!r}: unknown; give {NAL_R}, {CAMFIT}, or a table of gains as a .csv file")
    return read_gains(rule)


def read_gains(path: str | Path) -> Gains:
    """A table of gains: a heading `frequency_hz, 50, 65, 80` with levels of speech in dB SPL, and a row a frequency.

    Raises StapesError for anything else.
    """
    heading = "the heading is frequency_hz and one level in dB SPL a column"
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    except OSError as error:
        raise StapesError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except (UnicodeDecodeError, csv.Error):
        raise StapesError(f"{path}: no table of text; {heading}") from None
    if not rows or rows[0][0] != "frequency_hz" or len({len(row) for row in rows}) != 1:
        raise StapesError(f"{path}: no table of gains; {heading}, each row as long")
    try:
        levels = tuple(_number(cell) for cell in rows[0][1:])
        table = [[_number(cell) for cell in row] for row in rows[1:]]
        columns = list(zip(*table, strict=True))
        return Gains(columns[0] if columns else (), levels, tuple(columns[1:]))
    except ValueError as error:
        raise StapesError(f"{path}: {error}; give numbers") from None
    except StapesError as error:
        raise StapesError(f"{path}: {error}") from None


def _number(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f"{cell[:20]!r} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{cell[:20]!r} is no finite number")
    return value


def _row(gains: np.ndarray) -> tuple[float, ...]:
    return tuple(float(gain) for gain in gains)
