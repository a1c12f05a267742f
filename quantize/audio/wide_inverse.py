"""Constants of the stage `wide_inverse`: those of `inverse`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.inverse import Inverse
from ...models.audio.transform import Transform
from ...models.audio.wide_inverse import WideInverse
from . import inverse

# What sound of 32 bits is saturated to: 32 times full scale.
LOUDEST_Q25 = (1 << 30) - 1


@dataclass(frozen=True, eq=False)
class Params(inverse.Params):
    """As for `inverse`."""

    c_name: ClassVar[str] = "stapes_wide_inverse_params"


@dataclass(frozen=True, eq=False)
class MixedParams(inverse.MixedParams):
    """The same with the transform of mixed radix."""

    c_name: ClassVar[str] = "stapes_wide_mixed_inverse_params"


def params(settings: WideInverse, transform: Transform) -> Params | MixedParams:
    """Window, transform and shift."""
    made = inverse.params(Inverse(), transform)
    return MixedParams(**vars(made)) if isinstance(made, inverse.MixedParams) else Params(**vars(made))
