"""Stage `complex_mask`: a complex mask of the network on the spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ..schema import STRICT
from .stage import Filter, FloatStage, Pointwise, Quantity, Values, require_tensor
from .transform import Transform

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ComplexMask(Filter):
    """`output`: the network's output that is the mask, "" for its only one.

    The spectrum of a real signal is real at both ends: what a mask turned away there does not sound.
    """

    kind: ClassVar[str] = "complex_mask"
    traced: ClassVar[tuple[str, ...]] = ("mask_q15",)
    judged_by_sound: ClassVar[bool] = True

    output: str = ""

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        require_tensor("output", self.output)

    @property
    def reads(self) -> tuple[str, ...]:
        return ("spectrum_q31", "mask_q15")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        limits = (-(2**15), 2**15 - 1)
        return (
            Quantity(
                "mask_q15",
                "int16",
                (2, "F"),
                "real, then imaginary parts * 2^15",
                "all of int16",
                "asked",
                limits,
                self.output,
            ),
            Quantity("filtered", "int32", ("F", 2), "spectrum_q31 * mask * 2", "sqrt(2) * 2^32 / pi"),
        )

    def in_training(self, mask: Tensor, under: Tensor) -> Tensor:
        """The factor of the spectrum, differentiable: mask (B, T, 2 F) -> (B, T, F) complex; nothing stands under it."""
        import torch

        return torch.complex(*mask.chunk(2, dim=-1))

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _ComplexMask()


class _ComplexMask(Pointwise):
    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum (..., F), mask (..., 2 F), real, then imaginary parts -> filtered (..., F); without a mask the spectrum."""
        if "mask" not in values:
            return {"filtered": values["spectrum"]}
        real, imaginary = np.split(values["mask"], 2, axis=-1)
        return {"filtered": values["spectrum"] * (real + 1j * imaginary)}
