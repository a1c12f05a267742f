"""Constants of the stage `deep_filter`, and what bounds its sums.

A spectrum's bin is at most 2^31 / pi < 2^29.4 long, a coefficient sqrt(2) * 2^27, so a product's parts are below 2^56.9, and sums of
16 taps below 2^61: they fit in 64 bits. Rounded to 32 bits a sum is saturated; only the inverse transform of mixed radix takes any spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.deep_filter import DeepFilter
from ...models.audio.transform import Transform
from ...models.errors import StapesError
from .c_struct import Int16, Int32
from .lsnr import lsnr_limits_q8


@dataclass(frozen=True)
class Params:
    """Bins and taps; limits of the SNR."""

    c_name: ClassVar[str] = "stapes_deep_filter_params"

    bins: Int32
    order: Int32
    lsnr_min_q8: Int16
    lsnr_max_q8: Int16


def params(settings: DeepFilter, transform: Transform) -> Params:
    """Raises StapesError for a transform whose inverse has no room for what any coefficients make."""
    if not transform.mixed:
        raise StapesError(
            f"analysis {transform.analysis}: a deep filter needs the transform of mixed radix; set mixed_radix = true in the transform"
        )
    return Params(settings.bins, settings.order, *lsnr_limits_q8(settings))
