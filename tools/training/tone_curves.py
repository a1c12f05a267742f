"""Random curves on the spectrum of speech: what rooms, microphones and tape do to its tone.

N curves, F bins.
"""

from __future__ import annotations

import numpy as np

STEPS, BUMPS = 2, 2
STEP_DB, BUMP_DB = 15.0, 10.0
LOWEST_HZ, HIGHEST_HZ = 80.0, 7000.0
# Of so many nothing is changed.
PLAIN = 0.15


def curves_db(rng: np.random.Generator, count: int, hertz: np.ndarray) -> np.ndarray:
    """Random curves in dB (N, F): up to two steps and up to two bumps along the logarithm of frequency; some are none."""
    octaves = np.log2(np.maximum(hertz, hertz[1] / 2.0))

    def drawn(parts: int, most_db: float, narrow: float, wide: float) -> list[np.ndarray]:
        shape = (count, parts, 1)
        there = rng.random(shape) < 0.5
        middle = rng.uniform(np.log2(LOWEST_HZ), np.log2(HIGHEST_HZ), shape)
        return [there * rng.uniform(-most_db, most_db, shape), (octaves - middle) / rng.uniform(narrow, wide, shape)]

    height, place = drawn(STEPS, STEP_DB, 0.2, 1.0)
    steps = (height / (1.0 + np.exp(-place))).sum(axis=1)
    height, place = drawn(BUMPS, BUMP_DB, 0.4, 1.2)
    bumps = (height * np.exp(-0.5 * place**2)).sum(axis=1)
    made: np.ndarray = (steps + bumps) * (rng.random((count, 1)) >= PLAIN)
    return made
