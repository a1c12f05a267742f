"""Constants of the stage `dry`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.dry import Dry
from ...models.audio.transform import Transform
from .c_struct import Int32


@dataclass(frozen=True)
class Params:
    """Samples of a hop, and the hops of the ring."""

    c_name: ClassVar[str] = "stapes_dry_params"

    hop: Int32
    blocks: Int32


def params(settings: Dry, transform: Transform) -> Params:
    """The hops from the one that sounds to the newest."""
    return Params(transform.hop, settings.blocks)
