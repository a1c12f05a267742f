"""The controls of a program as data: the members of `NAME_controls`, what they are at rest, and their limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ....models.audio import SoundPath
from ....quantize.audio.controls import integers, limits, places, program_rows, rest_words
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


@dataclass(frozen=True)
class Setter:
    """A control with a function of its own, `NAME_set_PLAIN`, that hands `size` words to `stapes_KIND_give`."""

    kind: str
    plain: str
    control: str
    size: int
    low: str
    high: str
    about: str

    @property
    def macro(self) -> str:
        """`LATENT_VALUES`"""
        return f"{self.plain.upper()}_VALUES"


def build_setters(sound_path: SoundPath) -> tuple[Setter, ...]:
    """Those of a path."""
    found = []
    for place in places(sound_path):
        control = place.control
        if control.apart:
            low, high = limits(control)
            about = f"{control.true_value}, {low} ... {high}"
            found.append(
                Setter(place.kind, control.plain, control.name, control.size, integer(low), integer(high), about)
            )
    return tuple(found)


def build_controls(sound_path: SoundPath) -> Controls | None:
    """`NAME_controls` of a path; None where it would be empty."""
    members = {stage.kind: [c for c in stage.controls if not c.apart] for stage in sound_path.stages}
    members = {kind: of for kind, of in members.items() if of}
    if not members:
        return None
    stages = tuple(
        StageControls(kind, tuple(f"{c.name}: {c.true_value}, {' ... '.join(map(str, limits(c)))}" for c in of))
        for kind, of in members.items()
    )
    checks = []
    for place in places(sound_path):
        if place.control.apart:
            continue
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
        sum(control.size for of in members.values() for control in of),
        programs,
        tuple(stage.kind for stage in stages if stage.kind not in programmed),
    )


def _fields(sound_path: SoundPath, words: np.ndarray) -> dict[str, dict[str, object]]:
    """A row of words as the members of `NAME_controls`."""
    given = integers(sound_path, words)
    apart = {(place.kind, place.control.name) for place in places(sound_path) if place.control.apart}
    made = {
        kind: {name: _value(value) for name, value in of.items() if (kind, name) not in apart}
        for kind, of in given.items()
    }
    return {kind: of for kind, of in made.items() if of}


def _value(value: np.ndarray) -> object:
    return int(value) if not value.shape else [int(one) for one in value.ravel()]
