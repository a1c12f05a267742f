"""Gains at frequencies to the sections of an equaliser, by least squares in dB.

A section lifts its neighbours' frequencies too, so its gain is not the gain there: how much each section gives at each frequency is
the interaction matrix (Välimäki and Liski, Accurate cascade graphic equalizer, IEEE Signal Processing Letters 24(2), 2017). Responses in dB
are nearly proportional to the gains of the sections; what is left is taken away by a few more steps.
"""

from __future__ import annotations

import numpy as np

from ..audio.biquad import MOST_DB, Form, Section, response_db
from ..audio.equaliser import MOST_GAIN_DB, MOST_SECTIONS, Equaliser
from ..errors import StapesError

WITHIN_DB = 0.5
_STEPS = 12
# A section reaches the edges of the frequencies that an equaliser can have.
_HIGHEST_PART = 0.45
# Half-way between two frequencies, and beyond the last ones, a wish matters less than at the frequencies themselves: where steep gains would drive a
# section to the end of its range for that, less still.
_BESIDE_WEIGHTS = (0.05, 0.01, 0.001)
_SMALL_WEIGHT = 0.003
_SHELF_Q = 0.7071
# What was found is written with so many decimals: it is the design then, whatever the last bits of the machine that found it.
_DECIMALS = 4


def design(frequencies: np.ndarray, gains_db: np.ndarray, sample_rate: int) -> Equaliser:
    """An equaliser whose gains (F,) at frequencies (F,) in Hz are within WITHIN_DB; raises StapesError where none is.

    Frequencies that the rate does not have are left out. A peak at each frequency, a shelf at each end.
    """
    kept = frequencies < _HIGHEST_PART * sample_rate
    hertz, wanted = frequencies[kept], gains_db[kept]
    if len(hertz) < 2:
        raise StapesError(
            f"fitting: the rate of {sample_rate} Hz has fewer than two of its frequencies; give a higher one"
        )
    if len(hertz) > MOST_SECTIONS - 2:
        raise StapesError(f"fitting: {len(hertz)} frequencies; give {MOST_SECTIONS - 2} at most")
    overall = float(np.clip((wanted.max() + wanted.min()) / 2.0, -MOST_GAIN_DB, MOST_GAIN_DB))
    left = np.zeros(0)
    for weight in _BESIDE_WEIGHTS:
        sections = _fitted(hertz, wanted, overall, sample_rate, weight)
        made = Equaliser(sections, round(overall, _DECIMALS))
        missed = np.abs(gains_of(made, hertz, sample_rate) - wanted)
        if missed.max() <= WITHIN_DB:
            return made
        left = missed if not left.size or missed.max() < left.max() else left
    worst = int(left.argmax())
    raise StapesError(
        f"fitting: {wanted[worst]:.1f} dB at {hertz[worst]:g} Hz are missed by {left[worst]:.1f} dB, as its neighbours want too "
        "different ones; give gains that change less from one frequency to the next"
    )


def _fitted(
    hertz: np.ndarray, wanted: np.ndarray, overall: float, sample_rate: int, beside: float
) -> tuple[Section, ...]:
    """Sections whose gains, and `overall` at all frequencies, come nearest to those wanted (F,); `beside` is what a wish between the frequencies weighs."""
    middle = np.sqrt(hertz[1:] * hertz[:-1])
    ends = np.array([hertz[0] / 2.0, min(hertz[-1] * 1.25, _HIGHEST_PART * sample_rate)])
    points = np.concatenate([hertz, middle, ends])
    targets = np.concatenate([wanted, (wanted[1:] + wanted[:-1]) / 2.0, wanted[[0, -1]]])
    weights = np.concatenate([np.ones(len(hertz)), np.full(len(points) - len(hertz), beside)])
    shapes = _shapes(hertz, middle)
    gains = np.zeros(len(shapes))
    for _ in range(_STEPS):
        steps = np.where(np.abs(gains) < 1.0, 1.0, gains)
        each = np.stack(
            [_response(shape, step, points, sample_rate) for shape, step in zip(shapes, steps, strict=True)]
        )
        now = sum(_response(s, g, points, sample_rate) for s, g in zip(shapes, gains, strict=True))
        matrix = (each / steps[:, None]).T * weights[:, None]
        # Small gains are better ones: the last rows ask for them, softly.
        rows = np.concatenate([matrix, _SMALL_WEIGHT * np.eye(len(shapes))])
        wish = np.concatenate([(targets - overall - now) * weights, -_SMALL_WEIGHT * gains])
        change, *_ = np.linalg.lstsq(rows, wish, rcond=None)
        gains = np.clip(gains + change, -MOST_DB, MOST_DB)
    return tuple(
        Section(form, round(f, 2), round(float(gain), _DECIMALS), round(q, _DECIMALS))
        for (form, f, q), gain in zip(shapes, gains, strict=True)
    )


def gains_of(equaliser: Equaliser, frequencies: np.ndarray, sample_rate: int) -> np.ndarray:
    """The gain of an equaliser in dB at frequencies (F,)."""
    made: np.ndarray = response_db(equaliser.design(sample_rate), frequencies, sample_rate).sum(axis=0)
    return made


def _shapes(hertz: np.ndarray, middle: np.ndarray) -> list[tuple[Form, float, float]]:
    """Form, frequency and Q of each section: from edge to edge, the outer peaks as far out as in."""
    edges = [float(hertz[0] ** 2 / middle[0]), *map(float, middle), float(hertz[-1] ** 2 / middle[-1])]
    peaks: list[tuple[Form, float, float]] = [
        ("peaking", float(f), float(f) / (edges[k + 1] - edges[k])) for k, f in enumerate(hertz)
    ]
    return [("low_shelf", float(hertz[1]), _SHELF_Q), *peaks, ("high_shelf", float(hertz[-2]), _SHELF_Q)]


def _response(shape: tuple[Form, float, float], gain_db: float, points: np.ndarray, sample_rate: int) -> np.ndarray:
    form, frequency, q = shape
    section = Section(form, frequency, float(gain_db), q)
    return response_db(section.design(sample_rate), points, sample_rate)
