"""DNSMOS: what listeners would say of speech by itself, without the clean recording; 16 kHz.

P.808 is one opinion of the whole (Reddy et al., ICASSP 2021), P.835 three: of the speech, of the background and overall
(Reddy et al., ICASSP 2022). The networks are Microsoft's, from the package speechmos. Recordings shorter than 9.01 s are
repeated, as the networks were meant to be used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..models.audio.transform import SAMPLE_RATE
from ..models.errors import StapesError

# Figure -> what speechmos calls it.
FIGURES = {"p808": "p808_mos", "sig": "sig_mos", "bak": "bak_mos", "ovrl": "ovrl_mos"}


def require() -> None:
    """Raise StapesError when speechmos is not installed."""
    _package()


def measure(figure: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """The metric (clean, processed) -> `figure`, a mean opinion score of 1 to 5; the clean recording is not looked at."""

    def dnsmos(clean: np.ndarray, processed: np.ndarray) -> float:
        return _all_figures(np.asarray(processed, np.float32).tobytes())[FIGURES[figure]]

    return dnsmos


@functools.lru_cache(maxsize=1)
def _all_figures(samples: bytes) -> dict[str, float]:
    """One run gives all four figures, which are asked for one after the other."""
    audio = np.clip(np.frombuffer(samples, np.float32), -1.0, 1.0)
    return {name: float(value) for name, value in _package().run(audio, SAMPLE_RATE).items()}


def _package() -> Any:
    try:
        from speechmos import dnsmos
    except ImportError as error:
        raise StapesError(f"DNSMOS needs the package speechmos ({error}): pip install 'stapes[metrics]'") from None
    return dnsmos
