"""Pairs of analysis and synthesis windows by name. The product of a pair, at each hop of half a synthesis window, adds up to one.

Powers that add up to one make overlap-add exact: what no stage changes comes out as it went in.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import StapesError

Pair = tuple[np.ndarray, np.ndarray]

# How far a sum of products may be from one: the rounding of float64.
_EXACT = 1e-12


def _sqrt_hann(analysis: int, synthesis: int) -> Pair:
    """The square root of a periodic Hann window, twice."""
    window = np.sin(np.pi * np.arange(synthesis) / synthesis)
    # The falling flank as a cosine, whose values are those of the asymmetric pair.
    window[synthesis // 2 :] = np.cos(np.pi * np.arange(synthesis // 2) / synthesis)
    return _padded(window, analysis), window


def _asymmetric(analysis: int, synthesis: int) -> Pair:
    """A long rising and a short falling flank (Mauler and Martin, A low delay, variable resolution, perfect reconstruction
    spectral analysis-synthesis system, 2007); of equal lengths the same as sqrt_hann.
    """
    hop = synthesis // 2
    rising = analysis - hop
    window = np.concatenate(
        [np.sin(np.pi * np.arange(rising) / (2 * rising)), np.cos(np.pi * np.arange(hop) / (2 * hop))]
    )
    return window, window.copy() if analysis == synthesis else _hann(synthesis) / window[-synthesis:]


def _hann_analysis(analysis: int, synthesis: int) -> Pair:
    """Hann before the transform, a rectangle behind it."""
    return _padded(_hann(synthesis), analysis), np.ones(synthesis)


def _hann_synthesis(analysis: int, synthesis: int) -> Pair:
    """A rectangle before the transform, Hann behind it."""
    return _padded(np.ones(synthesis), analysis), _hann(synthesis)


def _hann_twice(analysis: int, synthesis: int) -> Pair:
    """Hann before the transform; behind it Hann again, divided by the sum of the squares of both that overlap (torch.stft, torch.istft)."""
    window = _hann(synthesis)
    return _padded(window, analysis), window / (window**2 + np.roll(window, synthesis // 2) ** 2)


def _vorbis(analysis: int, synthesis: int) -> Pair:
    """The window of Vorbis I (specification, 4.3.1), twice."""
    window = np.sin(np.pi / 2 * np.sin(np.pi * (np.arange(synthesis) + 0.5) / synthesis) ** 2)
    return _padded(window, analysis), window


def _hann(size: int) -> np.ndarray:
    return np.sin(np.pi * np.arange(size) / size) ** 2


def _padded(window: np.ndarray, analysis: int) -> np.ndarray:
    """A frame that is longer than the window begins with zeros."""
    return np.concatenate([np.zeros(analysis - len(window)), window])


WINDOWS: dict[str, Callable[[int, int], Pair]] = {
    "sqrt_hann": _sqrt_hann,
    "asymmetric": _asymmetric,
    "hann": _hann_twice,
    "hann_analysis": _hann_analysis,
    "hann_synthesis": _hann_synthesis,
    "vorbis": _vorbis,
}


def window_pair(name: str, analysis: int, synthesis: int) -> Pair:
    """Analysis `(analysis,)` and synthesis `(synthesis,)` window, float64, of a name in WINDOWS.

    Raises StapesError for another name, and for a pair whose products do not add up to one.
    """
    if name not in WINDOWS:
        raise StapesError(
            f"window {name[:40]!r}: no pair of that name adds up to one; give one of {', '.join(WINDOWS)}"
        )
    before, after = WINDOWS[name](analysis, synthesis)
    product = before[-synthesis:] * after
    if np.abs(product[: synthesis // 2] + product[synthesis // 2 :] - 1.0).max() > _EXACT:
        raise StapesError(f"window {name!r}: the products of the pair do not add up to one; choose another one")
    return before, after
