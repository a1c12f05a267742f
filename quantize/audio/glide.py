"""Constants of values that glide."""

from __future__ import annotations

from ...models.audio.glide import glide_samples
from ...models.audio.transform import Transform

# Where a glide ends.
END_Q30 = 1 << 30


def glide_step_q30(milliseconds: float, transform: Transform) -> int:
    """What a sample adds to the position of a glide, so that it ends in time: rounded up."""
    return -(-END_Q30 // glide_samples(milliseconds, transform.sample_rate))
