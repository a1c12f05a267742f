"""Stage `compressed`: a power law of the power over its level as features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .level import LEVEL
from .log import Log, LogFeatures
from .stage import FloatStage, Quantity
from .transform import Transform

COMPRESSION = 0.15
CLIP = 8.0


@dataclass(frozen=True)
class Compressed(Log):
    """(power / level)^0.15, at most 8; settings as those of `log`."""

    kind: ClassVar[str] = "compressed"

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (LEVEL, self.features("F", "clipped to 8 * 2^20", 2**24))

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _Compressed(self, batch)


class _Compressed(LogFeatures):
    def of_octaves(self, octaves: np.ndarray) -> np.ndarray:
        return np.minimum(np.exp2(COMPRESSION * octaves), CLIP)
