"""Constants of a running mean over frames."""

from __future__ import annotations

from ...models.audio.running_mean import decay
from ...models.audio.transform import Transform
from ..arithmetic import INT32_MAX
from .rounding import rounded


def rate_q31(transform: Transform, seconds: float) -> int:
    """What a frame moves a mean of this time constant by; 1.0 becomes 2^31 - 1."""
    return min(rounded((1.0 - decay(transform, seconds)) * 2.0**31), INT32_MAX)
