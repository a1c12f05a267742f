"""What of a stage may change while the device runs, and when: controls, and a file of changes over time.

A stage declares its controls; who runs a path sets them. They are taken at the start of a block, so that no change falls into the
middle of one. Here values are real numbers; `quantize.audio.controls` makes integers of them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import StapesError
from ..schema import STRICT, validated

if TYPE_CHECKING:
    from .sound_path import SoundPath

# Real values of a path's controls: kind of stage -> plain name -> array of the control's shape.
Settings = dict[str, dict[str, np.ndarray]]

MOST_CHANGES = 10_000
# Besides the one at rest.
MOST_PROGRAMS = 15
AGAIN = "correct the file of controls"
PROGRAMS_AGAIN = "correct the file of programs"


@dataclass(frozen=True)
class Control:
    """A value of a stage with a name that ends in its format: `gain_q16` is gain * 2^16, an int32 in C.

    `rest` is what it is until somebody sets it, `limits` are the smallest and the largest value that is taken, all real. `shape` is
    () or in numbers. `amplitude`: it may also be told in dB, as `gain_db`. `apart`: it is set by a function of its own, `NAME_set_latent` for `latent_q20`,
    and no member of `NAME_controls`. A control of no fraction and the limits 0 and 1 is a
    switch.
    """

    name: str
    rest: float | tuple[float, ...]
    limits: tuple[float, float]
    true_value: str
    shape: tuple[int, ...] = ()
    amplitude: bool = False
    apart: bool = False

    @property
    def plain(self) -> str:
        """The name without its format, which is its name in files: `gain`."""
        from .stage import plain_name

        return plain_name(self.name)

    @property
    def fraction_bits(self) -> int:
        """16 of `gain_q16`; 0 of a whole number."""
        _, mark, bits = self.name.rpartition("_q")
        return int(bits) if mark and bits.isdigit() else 0

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off."""
        return not self.fraction_bits and self.limits == (0.0, 1.0)

    @property
    def at_rest(self) -> np.ndarray:
        """float64 of `shape`."""
        return np.broadcast_to(np.asarray(self.rest, np.float64), self.shape)


@dataclass(frozen=True)
class Change:
    """What is set `seconds` after the start of the sound: it is in force from the first block that begins then or later.

    `program`: the number of one that is chosen first, so that `settings` change what it says; None leaves the controls.
    """

    seconds: float
    settings: Settings
    program: int | None = None


def at_rest(sound_path: SoundPath) -> Settings:
    """What every control of a path is until somebody sets it."""
    return {stage.kind: stage.at_rest() for stage in sound_path.stages if stage.controls}


def read_changes(document: Mapping[str, Any], sound_path: SoundPath, label: str) -> tuple[Change, ...]:
    """The changes of a TOML document, in the order of their times, `label` in front of errors.

    ```toml
    [[change]]
    seconds = 1.5
    strength.mix = 0.5
    volume.gain_db = -6.0
    ```

    Raises StapesError for a path without controls, a key that is no control of it, a wrong type and a value beyond its limits.
    """
    controls = {stage.kind: stage.controls for stage in sound_path.stages if stage.controls}
    if not controls:
        raise StapesError(
            f"{label}: this path has no controls; make the bundle with stapes quantize --controls, or leave the file out"
        )
    count = sound_path.program_count
    keys: list[tuple[str, Any, Any]] = [("seconds", float, dataclasses.MISSING)]
    keys += [("program", int | None, None)] if count else []
    told: Any = validated(_schema("change", keys, controls), document, label, AGAIN)
    if len(told.change) > MOST_CHANGES:
        raise StapesError(f"{label}: {len(told.change)} changes; give {MOST_CHANGES} at most")
    changes = [_change(entry, controls, count, f"{label}: change[{index}]") for index, entry in enumerate(told.change)]
    return tuple(sorted(changes, key=lambda change: change.seconds))


def read_programs(document: Mapping[str, Any], sound_path: SoundPath, label: str) -> tuple[Settings, ...]:
    """Programs 1, 2, ... of a TOML document, `label` in front of errors; what one does not name is at rest in it.

    ```toml
    [[program]]
    strength.mix = 0.5
    mask_floor.floor_db = -12.0
    ```

    Raises StapesError for a path without controls that a program sets, no program or too many, a key that is no such control (the
    volume and the bypass are the wearer's), a wrong type and a value beyond its limits.
    """
    controls = {stage.kind: stage.controls for stage in sound_path.programmed}
    if not controls:
        raise StapesError(
            f"{label}: nothing in this path is set by a program; add --controls strength or mask_floor, or leave the file out"
        )
    if sound_path.program_count:
        raise StapesError(f"{label}: the path of this network has programs already; leave the file out")
    told: Any = validated(_schema("program", [], controls), document, label, PROGRAMS_AGAIN)
    if not 1 <= len(told.program) <= MOST_PROGRAMS:
        raise StapesError(f"{label}: {len(told.program)} programs; give 1 to {MOST_PROGRAMS} tables [[program]]")
    return tuple(_settings(entry, controls, f"{label}: program[{index}]") for index, entry in enumerate(told.program))


def _schema(name: str, keys: Sequence[tuple[str, Any, Any]], controls: Mapping[str, Sequence[Control]]) -> type:
    """The dataclass that a document of tables `[[name]]` must be: these keys, and what the stages let change, no more."""
    kinds = [(kind, _table(kind, of) | None, None) for kind, of in controls.items()]
    entry = _made(name.capitalize(), [*keys, *kinds])
    return _made("Document", [(name, tuple[entry, ...], ())])  # type: ignore[valid-type]


def _table(kind: str, controls: Sequence[Control]) -> type:
    fields: list[tuple[str, Any, Any]] = []
    for control in controls:
        one: Any = bool if control.is_switch else float if control.fraction_bits else int
        value = tuple[one, ...] if control.shape else one
        fields.append((control.plain, value | None, None))
        if control.amplitude:
            fields.append((f"{control.plain}_db", (tuple[float, ...] if control.shape else float) | None, None))
    return _made(kind, fields)


def _made(name: str, fields: Sequence[tuple[str, Any, Any]]) -> type:
    told = [
        (key, kind) if default is dataclasses.MISSING else (key, kind, dataclasses.field(default=default))
        for key, kind, default in fields
    ]
    return dataclasses.make_dataclass(name, told, frozen=True, namespace={"__pydantic_config__": STRICT})


def _change(entry: Any, controls: Mapping[str, Sequence[Control]], programs: int, label: str) -> Change:
    if entry.seconds < 0:
        raise StapesError(f"{label}: seconds is {entry.seconds:g}; give 0 or more")
    program = entry.program if programs else None
    if program is not None and not 0 <= program < programs:
        raise StapesError(f"{label}: program is {program}; give 0 to {programs - 1}")
    return Change(float(entry.seconds), _settings(entry, controls, label), program)


def _settings(entry: Any, controls: Mapping[str, Sequence[Control]], label: str) -> Settings:
    """What an entry says of the controls."""
    settings: Settings = {}
    for kind, of in controls.items():
        table = getattr(entry, kind)
        if table is None:
            continue
        for control in of:
            value = _value(table, control, f"{label}.{kind}")
            if value is not None:
                settings.setdefault(kind, {})[control.plain] = value
    return settings


def _value(table: Any, control: Control, label: str) -> np.ndarray | None:
    """What a table says of one control, None where it says nothing."""
    told, decibels = getattr(table, control.plain), getattr(table, f"{control.plain}_db", None)
    if told is not None and decibels is not None:
        raise StapesError(f"{label}: {control.plain} and {control.plain}_db are the same control; give one of them")
    if told is None and decibels is None:
        return None
    key = control.plain if decibels is None else f"{control.plain}_db"
    value = np.asarray(told if decibels is None else _amplitude(decibels), np.float64)
    if value.shape != control.shape:
        raise StapesError(f"{label}.{key}: {value.size} values; give {control.size}")
    low, high = control.limits
    if not ((value >= low) & (value <= high)).all():
        between = f"{low:g} to {high:g}"
        if decibels is not None:
            between = f"{20 * math.log10(high):.4g} dB at most" if low <= 0 else _in_decibels(low, high)
        worst = float(np.ravel(told if decibels is None else decibels)[np.argmax((value < low) | (value > high))])
        raise StapesError(f"{label}.{key} is {worst:g}; give {between}")
    return value


def _amplitude(decibels: Any) -> Any:
    """10^(dB / 20) of a number or of several."""
    if isinstance(decibels, tuple):
        return [10.0 ** (one / 20.0) for one in decibels]
    return 10.0 ** (decibels / 20.0)


def _in_decibels(low: float, high: float) -> str:
    return f"{20 * math.log10(low):.4g} to {20 * math.log10(high):.4g} dB"


def with_controls(sound_path: SoundPath, wanted: Sequence[str]) -> SoundPath:
    """A path with the stages that these words bring; `all` brings those that work in this path, but for the equaliser.

    `steered_equaliser:10` is the equaliser with 10 bands; without a number it has the bands of the stage's default.

    Raises StapesError for another word, a number of bands that is none, a word whose stage the path has already, and where the stage
    cannot work in this path.
    """
    from .sound_path import SoundPath

    wanted, bands = _bands(wanted)
    for word in wanted:
        if word not in (*WORDS, ALL):
            raise StapesError(f"--controls {word[:40]!r}: unknown; give some of {', '.join(WORDS)}, or {ALL}")
    if ALL in wanted:
        real_mask = any(q.name == "mask_q15" and q.shape == ("F",) for q in sound_path.asked)
        every = [word for word in WORDS if word != _EQUALISER and (word != "mask_floor" or real_mask)]
        wanted = [*every, *(word for word in wanted if word == _EQUALISER)]
    stages = list(sound_path.stages)
    for word in WORDS:
        if word in wanted:
            stages = _with_control(stages, word, sum(stage.delay_frames for stage in stages), bands)
    return SoundPath(tuple(stages))


def _bands(wanted: Sequence[str]) -> tuple[list[str], dict[str, int]]:
    """The words without a number, and what the number of the equaliser's is as a setting of its stage."""
    told = [word for word in wanted if word.startswith(f"{_EQUALISER}:")]
    if not told:
        return list(wanted), {}
    word = told[0][:40]
    if len(told) > 1 or _EQUALISER in wanted:
        raise StapesError(f"--controls {word!r}: {_EQUALISER} is told twice; give it once")
    digits = word.partition(":")[2]
    if not (digits.isascii() and digits.isdigit() and len(digits) < 5):
        raise StapesError(
            f"--controls {word!r}: no number of bands stands behind the colon; give one, as {_EQUALISER}:10"
        )
    return [_EQUALISER if one == told[0] else one for one in wanted], {"bands": int(digits)}


# In this order they are put into a path.
_EQUALISER = "steered_equaliser"
WORDS = ("mask_floor", "strength", _EQUALISER, "bypass", "volume")
# All but the equaliser, which costs most and does nothing until it is steered.
ALL = "all"


def _with_control(stages: list[Any], word: str, late_frames: int, bands: dict[str, int]) -> list[Any]:
    from .stage import kinds

    known = kinds()
    if any(stage.kind == word for stage in stages):
        raise StapesError(f"--controls {word}: the path has this stage already; leave the word out")
    if word == "mask_floor":
        reading = [place for place, stage in enumerate(stages) if "mask_q15" in stage.reads]
        if not reading:
            raise StapesError("--controls mask_floor: nothing in this path reads a mask; leave the word out")
        return [*stages[: reading[0]], known[word](), *stages[reading[0] :]]
    if word == "strength":
        end = next(place for place, s in enumerate(stages) if "filtered" in s.reads and "filtered" not in s.replaces)
        return [*stages[:end], known[word](), *stages[end:]]
    if word == _EQUALISER:
        from .equaliser import behind_inverse

        try:
            return [*behind_inverse(stages, known[word](**bands))]
        except StapesError as error:
            raise StapesError(f"--controls {word}: {error}") from None
    if word == "bypass":
        dry = known["dry"](late_frames=late_frames)  # type: ignore[call-arg]
        return [stages[0], dry, *stages[1:], known[word]()]
    return [*stages, known[word]()]
