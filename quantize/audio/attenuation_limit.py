"""Constants of the stage `attenuation_limit`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.attenuation_limit import AttenuationLimit
from ...models.audio.transform import Transform
from .c_struct import Int32
from .rounding import rounded
from .transform_formats import transform_formats


@dataclass(frozen=True)
class Params:
    """Number of bins; the parts of the filtered spectrum, and of the noisy one times 2^filtered_shift, which add up to 2^31."""

    c_name: ClassVar[str] = "stapes_attenuation_limit_params"

    bins: Int32
    filtered_shift: Int32
    filtered_q31: Int32
    noisy_q31: Int32


def params(settings: AttenuationLimit, transform: Transform) -> Params:
    """The two parts."""
    noisy = rounded(settings.part * 2.0**31)
    return Params(transform.bins, transform_formats(transform).filtered_shift, 2**31 - noisy, noisy)
