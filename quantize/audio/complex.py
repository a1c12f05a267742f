"""Constants of the stage `complex`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.complex import Complex
from ...models.audio.transform import Transform
from .c_struct import Int32
from .mixed_rfft import log2_ceiling
from .transform import require_features


@dataclass(frozen=True)
class Params:
    """features_q20 = spectrum_q31 >> (shift + exponent), to the left by one bit where that is -1, in long frames"""

    c_name: ClassVar[str] = "stapes_complex_params"

    bins: Int32
    shift: Int32


def params(settings: Complex, transform: Transform) -> Params:
    """Bins and shift; raises StapesError for a frame whose features have no room."""
    require_features(transform, settings.kind)
    return Params(transform.bins, 10 - log2_ceiling(transform.analysis))
