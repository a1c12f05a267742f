"""Bands of equal width on the ERB scale, at least so many bins each: the bands that DeepFilterNet hears and filters in.

At 48 kHz, 960 points, 32 bands of at least 2 bins: the first thirteen are 2 bins wide, the last one 67.
"""

from __future__ import annotations

import numpy as np

from ..errors import StapesError

_Q, _LEAST_HZ = 9.265, 24.7


def erb_widths(rate: int, points: int, bands: int, least: int) -> np.ndarray:
    """Bins of each band, (bands,) int64, `points // 2 + 1` in all.

    Equal steps of the ERB-rate 9.265 ln(1 + f / (24.7 * 9.265)) from 0 Hz to half of the rate (Glasberg and Moore, Derivation of
    auditory filter shapes from notched-noise data, 1990). A band whose edges are nearer than `least` bins gets `least`, and the next
    ones give back what it took too much, as in DeepFilterNet (Schroeter et al., 2022). The bin at half of the rate is the last
    band's. Raises StapesError where so many bands do not fit.
    """
    bins = points // 2 + 1
    if bands < 1 or least < 1 or bands * least > bins:
        raise StapesError(
            f"bands {bands} of at least {least} bins: this transform has {bins} bins; give fewer bands, or narrower ones"
        )
    top = _Q * np.log1p(rate / 2 / (_LEAST_HZ * _Q))
    hertz = _LEAST_HZ * _Q * np.expm1(top * np.arange(1, bands + 1) / bands / _Q)
    edges = np.floor(hertz * points / rate + 0.5).astype(np.int64).tolist()
    widths, before, taken = [], 0, 0
    for edge in edges:
        width = edge - before - taken
        taken = max(least - width, 0)
        widths.append(max(width, least))
        before = edge
    widths[-1] += 1
    widths[-1] -= sum(widths) - bins
    if widths[-1] < 1:
        raise StapesError(
            f"bands {bands} of at least {least} bins: they reach beyond the {bins} bins of this transform; give fewer bands, or narrower ones"
        )
    return np.array(widths, np.int64)
