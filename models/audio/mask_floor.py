"""Stage `mask_floor`: a floor under the mask that may change while the device runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .controls import Control
from .stage import FloatStage, Pointwise, Programmed, Quantity, Values
from .transform import Transform


@dataclass(frozen=True)
class MaskFloor(Programmed):
    """`db`: the mask is not less than this until the control is set, an amplitude; None is no floor.

    It adds to the floor that a stage `mask` has by itself: the higher of the two holds.
    """

    kind: ClassVar[str] = "mask_floor"
    replaces: ClassVar[tuple[str, ...]] = ("mask_q15",)

    db: float | None = None

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if self.db is not None and not -120.0 <= self.db <= 0.0:
            raise StapesError(f"db {self.db}: give -120 to 0 dB, or leave it out for no floor")

    @property
    def reads(self) -> tuple[str, ...]:
        return ("mask_q15",)

    @property
    def expects(self) -> dict[str, tuple[int | str, ...]]:
        return {"mask_q15": ("F",)}

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (Quantity("mask_q15", "int16", ("F",), "max(mask, floor) * 2^15", "0 .. 32767"),)

    @property
    def controls(self) -> tuple[Control, ...]:
        rest = 0.0 if self.db is None else 10.0 ** (self.db / 20.0)
        return (Control("floor_q15", rest, (0.0, 1.0), "smallest mask * 2^15", amplitude=True),)

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _MaskFloor(self)


class _MaskFloor(Pointwise):
    def __init__(self, settings: MaskFloor) -> None:
        self.controls = settings.at_rest()

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """mask (..., F) -> mask; nothing where the path runs without one."""
        if "mask" not in values:
            return {}
        return {"mask": np.maximum(values["mask"], self.controls["floor"][..., None])}
