"""How much of one core a call takes: processor time, since the machine also does other things."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Speed:
    """Speed over a stretch of audio: `seconds` of one core for `audio_seconds` in `frames`."""

    seconds: float
    audio_seconds: float
    frames: int

    @property
    def realtime_factor(self) -> float:
        return self.audio_seconds / self.seconds

    @property
    def microseconds_a_frame(self) -> float:
        return 1e6 * self.seconds / self.frames

    def to_json(self) -> dict[str, float]:
        return {"realtime_factor": self.realtime_factor, "microseconds_a_frame": self.microseconds_a_frame}


def fastest(call: Callable[[], object], repeats: int) -> float:
    """Processor seconds, of all threads, of the fastest of `repeats` calls: the one that was disturbed least."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best
