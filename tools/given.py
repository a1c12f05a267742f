"""What a function of the library was given, where its type is none that the function takes: one line, as for every wrong input."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..models.errors import StapesError

_T = TypeVar("_T")


def given_paths(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """One path or several, as functions of the library take them; raises StapesError for what is neither."""
    several: object = [paths] if isinstance(paths, str | os.PathLike | bytes | Mapping) else paths
    return [given_path(path, "recordings") for path in (several if isinstance(several, Iterable) else [several])]


def given_sounds(
    sounds: str | os.PathLike[str] | np.ndarray | Sequence[str | os.PathLike[str] | np.ndarray],
) -> list[Path | np.ndarray]:
    """Recordings as functions of the library take them: one or several, paths or arrays of samples; raises StapesError for others."""
    if isinstance(sounds, np.ndarray):
        return [sounds]
    if isinstance(sounds, list | tuple):
        return [sound if isinstance(sound, np.ndarray) else given_path(sound, "recordings") for sound in sounds]
    others: Any = sounds
    return [*given_paths(others)]


def given_path(value: object, of: str) -> Path:
    """A path that a function of the library was given; raises StapesError for a value of another type.

    >>> given_path("noisy.wav", "a recording").name
    'noisy.wav'
    """
    if not isinstance(value, str | os.PathLike):
        raise StapesError(f"a {type(value).__name__} is no path of {of}; give a str or a pathlib.Path")
    if not os.fspath(value):
        raise StapesError(f"an empty name is no path of {of}; give a name")
    return Path(value)


def given(value: object, kind: type[_T], of: str) -> _T:
    """A value of one type; raises StapesError for a value of another.

    >>> given("w8a16", str, "the name of a recipe")
    'w8a16'
    """
    if not isinstance(value, kind):
        raise StapesError(f"a {type(value).__name__} is not {of}; give a {kind.__name__}")
    return value


def several(values: Sequence[str]) -> list[Any]:
    """One text or several, as a list."""
    several: Any = [values] if isinstance(values, str) or not isinstance(values, Sequence) else values
    return list(several)
