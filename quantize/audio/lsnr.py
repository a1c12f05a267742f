"""Limits of the network's SNR, in the format in which it is asked for."""

from __future__ import annotations

from ...models.audio.lsnr import LsnrRange
from .rounding import rounded


def lsnr_limits_q8(settings: LsnrRange) -> tuple[int, int]:
    """Both limits in Q8, within int16; one that is not set is the end of int16, which no value passes."""
    low, high = settings.lsnr_limits
    return max(rounded(low * 2.0**8), -(2**15)), min(rounded(high * 2.0**8), 2**15 - 1)
