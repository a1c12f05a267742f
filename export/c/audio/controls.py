"""The controls of a program as data: the members of `NAME_controls`, what they are at rest, and their limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....models.audio import SoundPath
from ....quantize.audio.controls import integers, limits, places, program_rows, rest_words, word_count
from ...template import Code
from ..text import code, initialiser, integer

CONTROLS_HEADER = "stapes_controls.h"


@dataclass(frozen=True)
class StageControls:
    """The member of `NAME_controls` that belongs to a stage; `about` says what each of its controls is, a line each."""

    kind: str
    about: tuple[str, ...]

    @property
    def type(self) -> Code:
        return code(f"stapes_{self.kind}_controls")


@dataclass(frozen=True)
class Controls:
    """`words`: their number, each of 32 bits; `checks`: conditions that all hold for what is taken.

    `programs` are a row of the table each, `wearers` the members that no program changes.
    """

    stages: tuple[StageControls, ...]
    at_rest: Code
    checks: tuple[Code, ...]
    words: int
    programs: tuple[Code, ...] = ()
    wearers: tuple[str, ...] = ()


def build_controls(sound_path: SoundPath) -> Controls | None:
    """None for a path without any."""
    if not word_count(sound_path):
        return None
    stages = tuple(
        StageControls(
            stage.kind,
            tuple(f"{c.name}: {c.true_value}, {' ... '.join(map(str, limits(c)))}" for c in stage.controls),
        )
        for stage in sound_path.stages
        if stage.controls
    )
    checks = []
    for place in places(sound_path):
        low, high = (integer(limit) for limit in limits(place.control))
        first = "" if place.control.shape else "&"
        where = code(f"{first}controls->{place.kind}.{place.control.name}")
        checks.append(Code(f"stapes_within({where}, {place.control.size}, {low}, {high})"))
    programs = tuple(initialiser(_fields(sound_path, row), depth=2) for row in program_rows(sound_path))
    programmed = [stage.kind for stage in sound_path.programmed]
    return Controls(
        stages,
        initialiser(_fields(sound_path, rest_words(sound_path))),
        tuple(checks),
        word_count(sound_path),
        programs,
        tuple(stage.kind for stage in stages if stage.kind not in programmed),
    )


def _fields(sound_path: SoundPath, words: np.ndarray) -> dict[str, dict[str, object]]:
    """A row of words as the members of `NAME_controls`."""
    given = integers(sound_path, words)
    return {kind: {name: _value(value) for name, value in of.items()} for kind, of in given.items()}


def _value(value: np.ndarray) -> object:
    return int(value) if not value.shape else [int(one) for one in value.ravel()]
