"""A value that glides from one to the next without a click: the formula that controls of samples share.

g(x) = from + (to - from) * (3 x^2 - 2 x^3), x from 0 to 1 over the time of the glide. Its slope is 0 at both ends, so that a sine under
it never rises faster than the louder of the two sines does, when its period is shorter than 2.5 glides: with x small the gain is
1 - 3 x^2, and (1 - 3 x^2)^2 w^2 + (6 x / L)^2 is at most w^2 for L >= sqrt(6) / w samples.
"""

from __future__ import annotations

import numpy as np

from ..errors import StapesError

SHORTEST_MS, LONGEST_MS = 1.0, 1000.0


def require_glide(milliseconds: float) -> None:
    """Raise StapesError for a time that no glide takes."""
    if not SHORTEST_MS <= milliseconds <= LONGEST_MS:
        raise StapesError(f"glide_ms {milliseconds:g}: give {SHORTEST_MS:g} to {LONGEST_MS:g} ms")


def glide_samples(milliseconds: float, rate: int) -> int:
    """Samples that a glide takes."""
    return max(1, round(milliseconds * rate / 1000.0))


class Glide:
    """One value of a stream; it begins at the first that it is given."""

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.start = self.target = 0.0
        self.position = -1.0

    def next(self, target: float, count: int) -> np.ndarray:
        """The values of the next `count` samples, (count,) float64, on the way to `target`."""
        if self.position < 0:
            self.start, self.target, self.position = target, target, 1.0
        elif target != self.target:
            self.start, self.target, self.position = float(self._at(np.asarray(self.position))), target, 0.0
        positions = np.minimum(self.position + np.arange(1, count + 1) / self.samples, 1.0)
        self.position = float(positions[-1])
        return self._at(positions)

    def _at(self, x: np.ndarray) -> np.ndarray:
        result: np.ndarray = self.start + (self.target - self.start) * (x * x * (3.0 - 2.0 * x))
        return result

    def run(self, targets: np.ndarray, hop: int, frames: int) -> np.ndarray:
        """Targets (T,) or () -> the values of all samples, (T * hop,)."""
        return np.concatenate([self.next(float(target), hop) for target in np.broadcast_to(targets, frames)])
