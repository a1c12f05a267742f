"""Stage `dry`: the microphone's samples, as late as the end of the path, for a bypass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .stage import FloatStage, Quantity, Stage, Values
from .transform import Transform


@dataclass(frozen=True)
class Dry(Stage):
    """`late_frames`: the frames by which a look-ahead of this path makes the sound late. One hop comes from the overlap-add."""

    kind: ClassVar[str] = "dry"
    of_no_frame: ClassVar[tuple[str, ...]] = ("dry_q15",)

    late_frames: int = 0

    __pydantic_config__ = STRICT

    def check_path(self, stages: Sequence[Stage]) -> None:
        late = sum(stage.delay_frames for stage in stages)
        if self.late_frames != late:
            raise StapesError(
                f"path: stage 'dry' waits for {self.late_frames} frames and the path is {late} late; set late_frames = {late}"
            )

    @property
    def blocks(self) -> int:
        """Hops that are kept: the one that sounds, those after it, and the newest."""
        return self.late_frames + 2

    @property
    def reads(self) -> tuple[str, ...]:
        return ("block_q15",)

    @property
    def sizes(self) -> dict[str, int]:
        return {"BLOCKS": self.blocks}

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity(
                "ring_q15", "int16", (self.blocks, "H"), "sample * 2^15 of the last hops", "all of int16", "state"
            ),
            Quantity("dry_q15", "int16", ("H",), "sample * 2^15, as late as the output", "all of int16"),
        )

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _Dry(self, transform, batch)


class _Dry(FloatStage):
    """State: the hops before the present one, oldest first, (B, (blocks - 1) * hop)."""

    def __init__(self, settings: Dry, transform: Transform, batch: int) -> None:
        self.hop = transform.hop
        self.known = np.zeros((batch, (settings.blocks - 1) * transform.hop))

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """block (B, hop) -> dry (B, hop), `SoundPath.delay` samples behind it."""
        known = np.concatenate([self.known, values["block"]], axis=1)
        self.known = known[:, self.hop :]
        return {"dry": known[:, : self.hop]}

    def run(self, values: Values) -> dict[str, np.ndarray]:
        """block: here all samples, (B, S) -> dry: all whole hops, (B, T * hop)."""
        audio = values["block"]
        samples = -(-audio.shape[1] // self.hop) * self.hop
        late = np.pad(audio, ((0, 0), (self.known.shape[1], samples - audio.shape[1])))
        return {"dry": late[:, :samples]}
