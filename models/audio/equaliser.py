"""Stage `equaliser`: a cascade of sections of second order on the sound behind the inverse transform."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .biquad import Section
from .inverse import Inverse
from .output import Output
from .sound_path import SoundPath
from .stage import FloatStage, Quantity, Stage, Values
from .transform import Transform
from .wide_inverse import SOUND, WideInverse

MOST_SECTIONS = 16
MOST_GAIN_DB = 60.0


@dataclass(frozen=True)
class Equaliser(Stage):
    """`sections` in series, the first one first, and `gain_db` at all frequencies.

    By default one section that changes nothing.
    """

    kind: ClassVar[str] = "equaliser"
    replaces: ClassVar[tuple[str, ...]] = ("sound_q25",)

    sections: tuple[Section, ...] = (Section(),)
    gain_db: float = 0.0

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if not 1 <= len(self.sections) <= MOST_SECTIONS:
            raise StapesError(f"sections: {len(self.sections)} of them; give 1 to {MOST_SECTIONS}")
        if not abs(self.gain_db) <= MOST_GAIN_DB:
            raise StapesError(f"gain_db {self.gain_db:g}: give -{MOST_GAIN_DB:g} to {MOST_GAIN_DB:g} dB")

    def check(self, transform: Transform) -> None:
        for place, section in enumerate(self.sections):
            try:
                section.check(transform.sample_rate)
            except StapesError as error:
                raise StapesError(f"path: stage 'equaliser': sections[{place}]: {error}") from None

    @property
    def reads(self) -> tuple[str, ...]:
        return (SOUND.name,)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        count = len(self.sections)
        return (
            Quantity(
                "past_q25", "int32", (count, 4), "last two samples before and behind each section", "2^30", "state"
            ),
            Quantity("rest_q55", "uint32", (count,), "what rounding the last sample cut off", "2^30", "state"),
            SOUND,
        )

    @property
    def sizes(self) -> dict[str, int]:
        return {"SECTIONS": len(self.sections)}

    def design(self, sample_rate: int) -> np.ndarray:
        """b0, b1, b2, a1, a2 of each section (K, 5), float64; the gain at all frequencies is part of the first one."""
        made = np.stack([section.design(sample_rate) for section in self.sections])
        made[0, :3] *= 10.0 ** (self.gain_db / 20.0)
        return made

    def to_table(self) -> dict[str, Any]:
        table = super().to_table()
        if "sections" in table:
            table["sections"] = [section.to_table() for section in self.sections]
        return table

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _Equaliser(self.design(transform.sample_rate), batch)


class _Equaliser(FloatStage):
    """State: `past` (K, B, 2) of the sections in transposed direct form II."""

    def __init__(self, design: np.ndarray, batch: int) -> None:
        self.sos = np.insert(design, 3, 1.0, axis=1)
        self.past = np.zeros((len(design), batch, 2))

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """sound (B, hop) -> sound (B, hop)."""
        # It takes half a second to import.
        from scipy.signal import sosfilt

        sound, self.past = sosfilt(self.sos, values["sound"], zi=self.past)
        return {"sound": sound}

    def run(self, values: Values) -> dict[str, np.ndarray]:
        """The same for all samples at once, (B, T * hop)."""
        return self.step(values)


def with_equaliser(sound_path: SoundPath, equaliser: Equaliser) -> SoundPath:
    """The path with this equaliser in the place of its own, or behind its inverse transform."""
    return SoundPath(tuple(behind_inverse(sound_path.stages, equaliser)))


def without_equaliser(sound_path: SoundPath) -> SoundPath:
    """The path without its equaliser: the same bits as if it had never had one."""
    return SoundPath(tuple(stage for stage in sound_path.stages if not isinstance(stage, Equaliser)))


def behind_inverse(stages: Sequence[Stage], wanted: Stage) -> Iterator[Stage]:
    """The stages with one that works on the sound in 32 bits: in the place of one of its kind, else behind all others of that sort."""
    has_one = any(stage.kind == wanted.kind for stage in stages)
    for stage in stages:
        if stage.kind == wanted.kind:
            yield wanted
        elif isinstance(stage, Inverse):
            yield from (WideInverse(), wanted, Output())
        elif isinstance(stage, Output) and not has_one:
            yield from (wanted, stage)
        else:
            yield stage
