"""Stage `post_filter`: bins that the network made soft are made softer still, so that less noise remains between harmonics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .stage import FloatStage, Pointwise, Quantity, Stage, Values
from .transform import Transform

TINY = 1e-12


@dataclass(frozen=True)
class PostFilter(Stage):
    """`beta`: how strong; 0.02 is usual, without the stage there is none.

    With g = min(abs(filtered) / abs(spectrum), 1) and s = sin(pi g / 2) a bin is multiplied by (1 + beta) s^2 / (s^2 + beta): 1 where g
    is 1. The bin at half of the rate is left alone, as in DeepFilterNet. Source: Valin et al., A perceptually-motivated approach for
    low-complexity, real-time enhancement of fullband speech, 2020, equations 8 and 9, in the form of Schroeter et al., DeepFilterNet:
    Perceptually motivated real-time speech enhancement, 2023.
    """

    kind: ClassVar[str] = "post_filter"
    replaces: ClassVar[tuple[str, ...]] = ("filtered",)

    beta: float = 0.02

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if not 0.001 <= self.beta <= 0.9:
            raise StapesError(f"beta {self.beta}: give 0.001 to 0.9, or leave post_filter out")

    @property
    def reads(self) -> tuple[str, ...]:
        return ("spectrum_q31", "filtered")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity("ratio_q30", "int32", (), "min(abs(filtered) / abs(spectrum), 1)^2 * 2^30", "2^30", "inside"),
            Quantity("factor_q31", "int32", (), "what a bin is multiplied by, * 2^31", "2^31 - 1", "inside"),
            Quantity("filtered", "int32", ("F", 2), "filtered * factor", "what it was before"),
        )

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _PostFilter(self, transform)


class _PostFilter(Pointwise):
    def __init__(self, settings: PostFilter, transform: Transform) -> None:
        self.beta = settings.beta
        self.tiny = TINY * transform.analysis

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum, filtered (..., F) -> filtered (..., F)."""
        filtered = values["filtered"]
        ratio = np.clip(np.abs(filtered) / (np.abs(values["spectrum"]) + self.tiny), TINY, 1.0)
        square = np.sin(np.pi / 2 * ratio) ** 2
        factor = (1.0 + self.beta) * square / (square + self.beta)
        factor[..., -1] = 1.0
        return {"filtered": filtered * factor}
