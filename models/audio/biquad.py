"""Sections of second order: what they are told by, and their coefficients.

Source: Bristow-Johnson, Cookbook formulae for audio EQ biquad filter coefficients (the "Audio EQ Cookbook", W3C note of 2021).
K sections.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..errors import StapesError
from ..schema import STRICT

# Beyond these no fitting goes; the formats of the device are made for them.
LOWEST_HZ, MOST_DB, LEAST_Q, MOST_Q = 10.0, 40.0, 0.1, 20.0
BUTTERWORTH_Q = 0.7071
MOST_COEFFICIENT = 64.0

Form = Literal["peaking", "low_shelf", "high_shelf", "high_pass", "low_pass", "biquad"]
_WITH_GAIN = ("peaking", "low_shelf", "high_shelf")


@dataclass(frozen=True)
class Section:
    """`form` with centre or corner `frequency` in Hz, `gain_db` where the form has a gain, and `q`.

    Form "biquad" is told by its `coefficients` b0, b1, b2, a1, a2 alone, a0 being one: what a design elsewhere gave for the rate of the path.
    """

    form: Form = "peaking"
    frequency: float = 1000.0
    gain_db: float = 0.0
    q: float = BUTTERWORTH_Q
    coefficients: tuple[float, ...] = ()

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if self.form == "biquad":
            self._check_coefficients()
            return
        if self.coefficients:
            raise StapesError(f'coefficients of form {self.form!r}: only form "biquad" has any; leave them out')
        if not self.frequency >= LOWEST_HZ:
            raise StapesError(f"frequency {self.frequency:g}: give {LOWEST_HZ:g} Hz at least")
        if not abs(self.gain_db) <= MOST_DB:
            raise StapesError(f"gain_db {self.gain_db:g}: give -{MOST_DB:g} to {MOST_DB:g} dB")
        if self.gain_db and self.form not in _WITH_GAIN:
            raise StapesError(f"gain_db {self.gain_db:g}: form {self.form!r} has no gain; leave it out")
        if not LEAST_Q <= self.q <= MOST_Q:
            raise StapesError(f"q {self.q:g}: give {LEAST_Q:g} to {MOST_Q:g}")

    def _check_coefficients(self) -> None:
        if len(self.coefficients) != 5 or not all(abs(value) <= MOST_COEFFICIENT for value in self.coefficients):
            raise StapesError(
                f"coefficients: give five finite numbers up to {MOST_COEFFICIENT:g}, b0, b1, b2, a1 and a2, with a0 at one"
            )
        a1, a2 = self.coefficients[3:]
        if not (abs(a2) < 1.0 and abs(a1) < 1.0 + a2):
            raise StapesError(
                f"coefficients a1 {a1:g}, a2 {a2:g}: the section is unstable; its poles must lie within the unit circle"
            )

    def check(self, sample_rate: int) -> None:
        """Raise StapesError for a frequency that the rate does not have."""
        if self.form != "biquad" and not self.frequency < 0.499 * sample_rate:
            raise StapesError(f"frequency {self.frequency:g}: give less than half of the rate of {sample_rate} Hz")

    def to_table(self) -> dict[str, Any]:
        """Ready for JSON and TOML; what equals its default is left out."""
        told = {key: getattr(self, key) for key in ("form", "frequency", "gain_db", "q", "coefficients")}
        made = {key: value for key, value in told.items() if value != getattr(_PLAIN, key)}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in made.items()}

    def design(self, sample_rate: int) -> np.ndarray:
        """b0, b1, b2, a1, a2 with a0 = 1, float64 (5,)."""
        if self.form == "biquad":
            return np.array(self.coefficients, np.float64)
        w0 = 2.0 * math.pi * self.frequency / sample_rate
        return _design(self.form, math.sin(w0), math.cos(w0), 10.0 ** (self.gain_db / 40.0), self.q)


_PLAIN = Section()


def _design(form: str, sine: float, cosine: float, root: float, q: float) -> np.ndarray:
    """`root` is the square root of the gain, A in the source."""
    alpha = sine / (2.0 * q)
    if form == "peaking":
        b = (1.0 + alpha * root, -2.0 * cosine, 1.0 - alpha * root)
        a = (1.0 + alpha / root, -2.0 * cosine, 1.0 - alpha / root)
    elif form in ("low_pass", "high_pass"):
        sign = 1.0 if form == "low_pass" else -1.0
        middle = sign - cosine
        b = (sign * middle / 2.0, middle, sign * middle / 2.0)
        a = (1.0 + alpha, -2.0 * cosine, 1.0 - alpha)
    else:
        # The two shelves mirror each other: the sign of the cosine changes, and with it that of the odd coefficients.
        sign = 1.0 if form == "low_shelf" else -1.0
        c, bend = sign * cosine, 2.0 * math.sqrt(root) * alpha
        more, less = root + 1.0, root - 1.0
        b = (
            root * (more - less * c + bend),
            sign * 2.0 * root * (less - more * c),
            root * (more - less * c - bend),
        )
        a = (more + less * c + bend, sign * -2.0 * (less + more * c), more + less * c - bend)
    return np.array([*b, a[1], a[2]]) / a[0]


def response_db(coefficients: np.ndarray, frequencies: np.ndarray, sample_rate: int) -> np.ndarray:
    """Gain in dB of sections (..., 5) at frequencies (M,) in Hz: (..., M)."""
    turns = np.array([cmath.exp(-2j * math.pi * float(f) / sample_rate) for f in np.atleast_1d(frequencies)])
    b0, b1, b2, a1, a2 = (np.asarray(coefficients)[..., k, None] for k in range(5))
    result: np.ndarray = 20.0 * np.log10(np.abs((b0 + b1 * turns + b2 * turns**2) / (1.0 + a1 * turns + a2 * turns**2)))
    return result
