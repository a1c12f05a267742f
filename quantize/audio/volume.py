"""Constants of the stage `volume`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.transform import Transform
from ...models.audio.volume import Volume
from .c_struct import Int32
from .glide import glide_step_q30


@dataclass(frozen=True)
class Params:
    """Samples of a hop; what each of them adds to the position of a glide, which ends at 2^30."""

    c_name: ClassVar[str] = "stapes_volume_params"

    hop: Int32
    step_q30: Int32


def params(settings: Volume, transform: Transform) -> Params:
    """Hop and step; the gain is a control."""
    return Params(transform.hop, glide_step_q30(settings.glide_ms, transform))
