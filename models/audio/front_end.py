"""The flat table in which paths were stored before they were lists of stages, and in which a usual one is still written by hand.

Old checkpoints, ONNX files and bundles hold such a table; it is read into the same path as then, with the same bits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import StapesError
from ..schema import STRICT, validated
from .mask import ALONE
from .power_features import SPECTRA, require_spectrum
from .sound_path import SoundPath
from .stage import AGAIN, Stage, kinds

# Which setting of which stage each key is; `*` is every stage that has the setting.
_SETTINGS: dict[str, tuple[tuple[str, str], ...]] = {
    **{key: (("transform", key),) for key in ("sample_rate", "analysis", "synthesis", "hop", "window", "mixed_radix")},
    **{
        key: (("wiener", key),)
        for key in (
            "noise_smoothing",
            "xi_smoothing",
            "vad_threshold",
            "xi_min_db",
            "gamma_max",
            "startup_frames",
            "vad_hold_frames",
            "clear_snr_db",
        )
    },
    "noise_floor": (("*", "noise_floor"),),
    "gain_input": (("*", "gain_input"),),
    "mask_floor_db": (("mask", "floor_db"),),
    "mask_on": (("*", "of"), ("*", "on")),
}
# The one kind of features that stands without a Wiener filter in such a table, before a complex mask.
_COMPLEX = "complex"


@dataclass(frozen=True)
class _FrontEnd:
    """The table's keys; each is told of in the stage that has it now. Without a window, a longer analysis has the asymmetric pair."""

    sample_rate: int = 16000
    analysis: int = 128
    synthesis: int = 128
    hop: int = 64
    window: str | None = None
    mixed_radix: bool = False
    noise_smoothing: float = 0.98
    xi_smoothing: float = 0.98
    vad_threshold: float = 0.15
    xi_min_db: float = -25.0
    gamma_max: float = 40.0
    noise_floor: float = 2.0**-30
    startup_frames: int = 29
    vad_hold_frames: int = 750
    features: str = "magnitude"
    gain_input: bool = False
    mask_floor_db: float | None = None
    mask_on: str = "wiener"
    clear_snr_db: float | None = None

    __pydantic_config__ = STRICT


def read_sound_path(document: Mapping[str, Any]) -> SoundPath:
    """A path that a user wrote: a table that holds its stages under `stages`, or a flat table.

    Raises StapesError for everything else.
    """
    if "stages" not in document:
        return from_front_end(document)
    if len(document) > 1:
        other = next(str(key) for key in document if key != "stages")
        raise StapesError(f"key {other[:40]!r} beside stages; a path is stages alone, or keys of a front end; {AGAIN}")
    return SoundPath.from_tables(document["stages"])


def from_front_end(table: Mapping[str, Any]) -> SoundPath:
    """The path of a flat table, whose absent keys take their defaults: the one translation of everything that was stored before.

    Raises StapesError for an unknown key, a wrong type, and for values that cannot work, alone or together.
    """
    return _path(validated(_FrontEnd, table, "front end", AGAIN))


def _path(told: _FrontEnd) -> SoundPath:
    if told.window is None:
        told = dataclasses.replace(told, window="sqrt_hann" if told.analysis == told.synthesis else "asymmetric")
    require_spectrum("mask_on", told.mask_on, (*SPECTRA, ALONE))
    features = [kind for kind, stage in kinds().items() if any(q.role == "features" for q in stage().quantities)]
    if told.features not in features:
        raise StapesError(f"features {told.features[:40]!r}: unknown; give one of {', '.join(features)}")
    if told.features == _COMPLEX:
        if told.gain_input or told.mask_floor_db is not None:
            raise StapesError(
                "front end: complex features have neither a Wiener gain nor a mask floor; leave gain_input and mask_floor_db out"
            )
        order: tuple[str, ...] = ("transform", _COMPLEX, "complex_mask", "inverse")
        # What a table says of the filter that is not there was checked and stored all the same.
        for kind in ("wiener", "mask"):
            _filled(kind, told)
    elif told.mask_on == ALONE:
        _refuse_wiener(told)
        order = ("transform", "power", told.features, "mask", "inverse")
    else:
        order = ("transform", "power", "wiener", told.features, "mask", "inverse")
    if told.clear_snr_db is not None and (told.features == _COMPLEX or told.mask_on != "noisy"):
        raise StapesError(
            'clear_snr_db: the Wiener gain is a floor only under a real mask on the noisy spectrum; set mask_on = "noisy", or leave it out'
        )
    return SoundPath(tuple(_filled(kind, told) for kind in order))


def _refuse_wiener(told: _FrontEnd) -> None:
    """Raise StapesError for features that need a Wiener filter where the mask stands alone."""
    made = {quantity.name for quantity in kinds()["wiener"]().makes}
    if made & set(_filled(told.features, told).reads):
        key = "gain_input" if told.gain_input else f"features {told.features!r}"
        raise StapesError(f'{key}: need the Wiener filter, which mask_on = "{ALONE}" leaves out; set mask_on = "noisy"')


def _filled(kind: str, told: _FrontEnd) -> Stage:
    """A stage with the settings that the table has for it."""
    stage = kinds()[kind]
    names = {field.name for field in dataclasses.fields(stage)}  # type: ignore[arg-type]
    settings = {
        name: getattr(told, key)
        for key, places in _SETTINGS.items()
        for owner, name in places
        if owner in (kind, "*") and name in names
    }
    if settings.get("of") == ALONE:
        settings["of"] = "noisy"
    try:
        return stage(**settings)
    except StapesError as error:
        raise StapesError(_with_key(str(error), kind)) from None


def _with_key(message: str, kind: str) -> str:
    """What a stage says of a setting, which it begins with, by the key of the flat table."""
    said = message.partition(" ")[0]
    keys = [key for key, places in _SETTINGS.items() if (kind, said) in places or ("*", said) in places]
    return keys[0] + message.removeprefix(said) if keys else message


def with_front_end(sound_path: SoundPath, changes: Mapping[str, Any]) -> SoundPath:
    """The path with other settings, named by the keys of a flat table: {"mask_floor_db": -20.0}.

    Raises StapesError for a key whose setting no stage of the path has, and for a value that cannot work.
    """
    stages = list(sound_path.stages)
    for key, value in changes.items():
        hits = [
            (place, name)
            for place, stage in enumerate(stages)
            for owner, name in _SETTINGS.get(key, ())
            if owner in (stage.kind, "*") and name in {field.name for field in dataclasses.fields(stage)}  # type: ignore[arg-type]
        ]
        if not hits:
            raise StapesError(f"{key}: no stage of this path has that setting; leave it out")
        for place, name in hits:
            try:
                stages[place] = dataclasses.replace(stages[place], **{name: value})  # type: ignore[type-var]
            except StapesError as error:
                raise StapesError(_with_key(str(error), stages[place].kind)) from None
    return SoundPath(tuple(stages))
