"""Controls of a path as the integers that the device takes, block by block.

All controls of a path are one row of 32-bit words: stage after stage, control after control, as they lie in `NAME_controls`; those behind them
that have a function of their own.
W words, T blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...models.audio import SoundPath
from ...models.audio.controls import Change, Control, Settings, at_rest
from ...models.audio.stage import Programmed
from ...models.errors import StapesError
from .rounding import rounded

# kind of stage -> name of the control -> int64 array of its shape.
Integers = dict[str, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Place:
    """A control and its words in a row."""

    kind: str
    control: Control
    words: slice


def places(sound_path: SoundPath) -> tuple[Place, ...]:
    """Every control of a path in the order of its words."""
    found: list[Place] = []
    end = 0
    told = [(stage.kind, control) for stage in sound_path.stages for control in stage.controls]
    for kind, control in sorted(told, key=lambda one: one[1].apart):
        found.append(Place(kind, control, slice(end, end + control.size)))
        end += control.size
    return tuple(found)


def word_count(sound_path: SoundPath) -> int:
    """W; 0 of a path without controls."""
    return sum(place.control.size for place in places(sound_path))


def limits(control: Control) -> tuple[int, int]:
    """The smallest and the largest integer that a control takes."""
    low, high = (rounded(limit * 2.0**control.fraction_bits) for limit in control.limits)
    return low, high


def to_words(sound_path: SoundPath, settings: Settings) -> np.ndarray:
    """Real values of all controls -> int32 (W,)."""
    row = np.zeros(word_count(sound_path), np.int32)
    for place in places(sound_path):
        row[place.words] = _words(place.control, settings[place.kind][place.control.plain])
    return row


def _words(control: Control, real: np.ndarray) -> list[int]:
    return [rounded(value * 2.0**control.fraction_bits) for value in np.ravel(real).tolist()]


def rest_words(sound_path: SoundPath) -> np.ndarray:
    """int32 (W,) until somebody sets them."""
    return to_words(sound_path, at_rest(sound_path))


def with_programs(sound_path: SoundPath, programs: Sequence[Settings]) -> SoundPath:
    """A path with these programs behind the one at rest, as `read_programs` gives them."""

    def told(stage: Programmed) -> Programmed:
        settings = [stage.at_rest() | program.get(stage.kind, {}) for program in programs]
        rows = ([word for c in stage.controls for word in _words(c, values[c.plain])] for values in settings)
        return replace(stage, programs=tuple(map(tuple, rows)))

    return SoundPath(tuple(told(stage) if isinstance(stage, Programmed) else stage for stage in sound_path.stages))


def program_settings(sound_path: SoundPath, number: int) -> Settings:
    """What a program sets; the wearer's controls are not among it."""
    return {stage.kind: stage.in_program(number) for stage in sound_path.programmed}


def program_rows(sound_path: SoundPath) -> list[np.ndarray]:
    """int32 (W,) of every program, the wearer's controls at rest; none of a path without programs."""
    rest, numbers = at_rest(sound_path), range(sound_path.program_count)
    return [to_words(sound_path, rest | program_settings(sound_path, number)) for number in numbers]


def control_track(sound_path: SoundPath, changes: Sequence[Change], samples: int) -> np.ndarray:
    """What is in force in each block of a sound of so many samples: int32 (T, W).

    A change holds from the first block that begins at its time or later; what neither it nor its program names stays.
    """
    hop, rate = sound_path.hop, sound_path.sample_rate
    now = at_rest(sound_path)
    track = np.tile(to_words(sound_path, now), (-(-samples // hop), 1))
    for change in changes:
        if change.program is not None:
            now |= program_settings(sound_path, change.program)
        for kind, told in change.settings.items():
            now[kind] = now[kind] | told
        track[-(-round(change.seconds * rate) // hop) :] = to_words(sound_path, now)
    return track


def require_track(sound_path: SoundPath, track: np.ndarray, blocks: int) -> np.ndarray:
    """The same as int32 (blocks, W), whose last row goes on; raises StapesError for rows that the device would refuse."""
    words = word_count(sound_path)
    track = np.asarray(track)
    if track.ndim != 2 or track.shape[1] != words or not len(track) or track.dtype != np.int32:
        raise StapesError(f"controls: an array of {track.dtype} {track.shape}; give int32 (blocks, {words})")
    for place in places(sound_path):
        low, high = limits(place.control)
        values = track[:, place.words]
        if values.min() < low or values.max() > high:
            raise StapesError(f"controls: {place.kind}.{place.control.name} leaves {low} ... {high}")
    return np.concatenate([track[:blocks], np.repeat(track[-1:], max(blocks - len(track), 0), axis=0)])


def control_turns(sound_path: SoundPath, track: np.ndarray | None, blocks: int) -> Iterator[tuple[int, np.ndarray]]:
    """Blocks at which a track becomes another row, with that row int32 (W,), the first one included; none where it is None.

    Raises StapesError as `require_track`.
    """
    if track is None:
        return
    rows = require_track(sound_path, track, blocks)
    for block, row in enumerate(rows):
        if block == 0 or (row != rows[block - 1]).any():
            yield block, row


def integers(sound_path: SoundPath, words: np.ndarray) -> Integers:
    """Words (..., W) -> what each stage takes, each (..., *shape) int64."""
    made: Integers = {}
    for place in places(sound_path):
        values = np.asarray(words[..., place.words], np.int64)
        made.setdefault(place.kind, {})[place.control.name] = values.reshape((*words.shape[:-1], *place.control.shape))
    return made


def reals(sound_path: SoundPath, words: np.ndarray) -> Settings:
    """Words (..., W) -> what the float stages take by plain names, each (..., *shape) float64."""
    given = integers(sound_path, words)
    return {
        place.kind: {
            other.control.plain: given[place.kind][other.control.name] / 2.0**other.control.fraction_bits
            for other in places(sound_path)
            if other.kind == place.kind
        }
        for place in places(sound_path)
    }
