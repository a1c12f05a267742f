"""Constants of the stage `bypass`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.bypass import Bypass
from ...models.audio.transform import Transform
from .c_struct import Int32
from .glide import glide_step_q30


@dataclass(frozen=True)
class Params:
    """Samples of a hop; what each of them adds to the position of a cross-fade, which ends at 2^30."""

    c_name: ClassVar[str] = "stapes_bypass_params"

    hop: Int32
    step_q30: Int32


def params(settings: Bypass, transform: Transform) -> Params:
    """Hop and step; whether it is on is a control."""
    return Params(transform.hop, glide_step_q30(settings.glide_ms, transform))
