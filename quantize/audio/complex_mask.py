"""Constants of the stage `complex_mask`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.complex_mask import ComplexMask
from ...models.audio.transform import Transform
from .c_struct import Int32
from .transform import require_length
from .transform_formats import transform_formats

# A complex factor may reach sqrt(2), which takes the head room of the longest transform.
LONGEST_ANALYSIS = 512


@dataclass(frozen=True)
class Params:
    """Number of bins; `filtered` is 2^filtered_shift times what shall sound."""

    c_name: ClassVar[str] = "stapes_complex_mask_params"

    bins: Int32
    filtered_shift: Int32


def params(settings: ComplexMask, transform: Transform) -> Params:
    """Raises StapesError for a frame whose synthesis would have no room for the factor."""
    require_length(transform, LONGEST_ANALYSIS, " with a complex mask")
    return Params(transform.bins, transform_formats(transform).filtered_shift)
