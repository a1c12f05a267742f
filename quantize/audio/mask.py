"""Constants of the stage `mask`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.mask import Mask
from ...models.audio.transform import Transform
from .c_struct import Bool, Int16, Int32
from .rounding import rounded
from .transform_formats import transform_formats


@dataclass(frozen=True)
class Params:
    """`filtered` is 2^filtered_shift times what shall sound. `noisy`: the mask is of the noisy spectrum, as if the Wiener gain were one."""

    c_name: ClassVar[str] = "stapes_mask_params"

    bins: Int32
    filtered_shift: Int32
    floor_q15: Int16
    noisy: Bool


def params(settings: Mask, transform: Transform) -> Params:
    """Bins and floor."""
    shift = transform_formats(transform).filtered_shift
    return Params(transform.bins, shift, min(rounded(settings.floor * 2.0**15), 2**15 - 1), settings.on != "wiener")
