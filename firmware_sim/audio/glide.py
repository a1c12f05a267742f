"""A value that glides from one to the next; twin of `stapes_glide.h`."""

from __future__ import annotations

import numpy as np

from ...quantize.audio.glide import END_Q30
from .scalar import round_right


class Glide:
    """One value of all utterances, which have the same controls; it begins at the first that it is given."""

    def __init__(self) -> None:
        self.start, self.target, self.position_q30 = 0, 0, -1

    def aim(self, target: int) -> None:
        """Begin towards `target` at the value of now; at the start of a stream be there at once."""
        if self.position_q30 < 0:
            self.start, self.target, self.position_q30 = target, target, END_Q30
        elif target != self.target:
            now = int(self._at(np.asarray(self.position_q30)))
            self.start, self.target, self.position_q30 = now, target, 0

    def rests_at(self, value: int) -> bool:
        """Whether it is there."""
        return self.target == value and self.position_q30 == END_Q30

    def next(self, step_q30: int, count: int) -> np.ndarray:
        """The values of the next `count` samples, (count,) int64."""
        positions = np.minimum(self.position_q30 + step_q30 * np.arange(1, count + 1), END_Q30)
        self.position_q30 = int(positions[-1])
        return self._at(positions)

    def _at(self, position_q30: np.ndarray) -> np.ndarray:
        return between(np.asarray(self.start), np.asarray(self.target), share_q15(position_q30))


def between(start: np.ndarray, target: np.ndarray, share_q15: np.ndarray) -> np.ndarray:
    """What lies on the way, of any format; int64."""
    return start + round_right((target - start) * share_q15, 15)


def share_q15(position_q30: np.ndarray) -> np.ndarray:
    """How much of the way lies behind a position: 3 x^2 - 2 x^3."""
    x_q15 = position_q30 >> 15
    square_q15 = (x_q15 * x_q15) >> 15
    return (square_q15 * (3 * 32768 - 2 * x_q15)) >> 15
