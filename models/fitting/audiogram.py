"""Hearing thresholds by frequency."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import StapesError
from ..schema import STRICT, read_toml, validated

UNIT = "dB HL"
REMEDY = 'give unit = "dB HL", frequencies in Hz and thresholds of the same number'
SOFTEST, LOUDEST = -20.0, 130.0
# What every rule needs to know, and how far apart neighbours may be: an octave and a little.
LOWEST_HZ, HIGHEST_HZ, WIDEST_STEP = 500.0, 4000.0, 2.05

_STANDARD_HZ = (250.0, 375.0, 500.0, 750.0, 1000.0, 1500.0, 2000.0, 3000.0, 4000.0, 6000.0)
_STANDARD_DB = {
    "N1": (10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 15.0, 20.0, 30.0, 40.0),
    "N2": (20.0, 20.0, 20.0, 22.5, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0),
    "N3": (35.0, 35.0, 35.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0),
    "N4": (55.0, 55.0, 55.0, 55.0, 55.0, 60.0, 65.0, 70.0, 75.0, 80.0),
    "N5": (65.0, 67.5, 70.0, 72.5, 75.0, 80.0, 80.0, 80.0, 80.0, 80.0),
    "N6": (75.0, 77.5, 80.0, 82.5, 85.0, 90.0, 90.0, 95.0, 100.0, 100.0),
    "N7": (90.0, 92.5, 95.0, 100.0, 105.0, 105.0, 105.0, 105.0, 105.0, 105.0),
    "S1": (10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 15.0, 30.0, 55.0, 70.0),
    "S2": (20.0, 20.0, 20.0, 22.5, 25.0, 35.0, 55.0, 75.0, 95.0, 95.0),
    "S3": (30.0, 30.0, 35.0, 47.5, 60.0, 70.0, 75.0, 80.0, 80.0, 85.0),
}


@dataclass(frozen=True)
class Audiogram:
    """`thresholds` in dB HL at `frequencies` in Hz, rising, an octave apart at most.

    Raises StapesError for gaps, and for numbers that are of another unit.
    """

    frequencies: tuple[float, ...]
    thresholds: tuple[float, ...]
    unit: str = UNIT
    name: str = ""

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if self.unit != UNIT:
            raise StapesError(f"unit {self.unit[:20]!r}: thresholds are read in dB HL; convert them")
        if len(self.frequencies) != len(self.thresholds):
            raise StapesError(
                f"{len(self.frequencies)} frequencies and {len(self.thresholds)} thresholds: give one for each"
            )
        if any(f < 20.0 for f in self.frequencies):
            raise StapesError(f"frequency {min(self.frequencies):g}: frequencies are in Hz, from 20 on; not in kHz")
        steps = [b / a for a, b in zip(self.frequencies, self.frequencies[1:], strict=False)]
        if any(step <= 1.0 for step in steps):
            raise StapesError("frequencies: do not rise; put them in order, each once")
        for a, step in zip(self.frequencies, steps, strict=False):
            if step > WIDEST_STEP:
                raise StapesError(f"a gap between {a:g} and {a * step:g} Hz: give thresholds an octave apart at most")
        if not self.frequencies or self.frequencies[0] > LOWEST_HZ or self.frequencies[-1] < HIGHEST_HZ:
            raise StapesError(f"frequencies: give thresholds from {LOWEST_HZ:g} to {HIGHEST_HZ:g} Hz at least")
        for f, level in zip(self.frequencies, self.thresholds, strict=True):
            if not SOFTEST <= level <= LOUDEST:
                raise StapesError(f"threshold {level:g} at {f:g} Hz: give {SOFTEST:g} to {LOUDEST:g} dB HL")

    def at(self, frequencies: np.ndarray) -> np.ndarray:
        """Thresholds between those that were measured, over the logarithm of the frequency; beyond them the nearest one."""
        known = np.log(np.array(self.frequencies))
        made: np.ndarray = np.interp(np.log(frequencies), known, np.array(self.thresholds))
        return made


STANDARD = {name: Audiogram(_STANDARD_HZ, levels, name=name) for name, levels in _STANDARD_DB.items()}
STANDARD_SOURCE = (
    "Bisgaard, Vlaming and Dahlquist, Standard audiograms for the IEC 60118-15 measurement procedure, 2010"
)


def read_audiogram(given: str | Path) -> Audiogram:
    """A standard audiogram by its name, N1 to N7 and S1 to S3, or that of a TOML file; raises StapesError.

    >>> read_audiogram("N3").thresholds[-1]
    65.0
    """
    name = str(given)
    if name in STANDARD:
        return STANDARD[name]
    path = Path(name)
    if not path.exists():
        raise StapesError(f"audiogram {name!r}: no such file, and no standard one; those are {', '.join(STANDARD)}")
    return validated(Audiogram, read_toml(path, REMEDY), name, REMEDY)
