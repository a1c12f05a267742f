"""Constants of the stage `output`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.output import Output
from ...models.audio.transform import Transform
from .c_struct import Int32


@dataclass(frozen=True)
class Params:
    """Samples of a hop."""

    c_name: ClassVar[str] = "stapes_output_params"

    hop: Int32


def params(settings: Output, transform: Transform) -> Params:
    """The hop."""
    return Params(transform.hop)
