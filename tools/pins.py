"""The packages that stapes asks for, each at one version: as the checkout says, else as what is installed says."""

from __future__ import annotations

import functools
import tomllib
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from ..models.errors import StapesError

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


class Pin(NamedTuple):
    """A package at a version; `extra` is the set of extras that brings it, such as `metrics`, or "" for what every installation has."""

    package: str
    version: str
    extra: str


@functools.cache
def pins() -> tuple[Pin, ...]:
    """All of this kind of machine, in their order."""
    try:
        from packaging.requirements import Requirement
    except ImportError:
        raise StapesError(
            "the package packaging is missing, which reads what stapes asks for; install stapes again"
        ) from None
    found = []
    for line, extra in _lines():
        asked = Requirement(line)
        exact = [clause.version for clause in asked.specifier if clause.operator == "=="]
        if exact and (asked.marker is None or asked.marker.evaluate({"extra": extra})):
            found.append(Pin(asked.name, exact[0], extra))
    return tuple(found)


def _lines() -> list[tuple[str, str]]:
    """Each requirement with its extra. A checkout may be newer than what was noted when it was installed."""
    if PROJECT.is_file():
        project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
        extras = project["optional-dependencies"]
        return [(line, "") for line in project["dependencies"]] + [
            (line, extra) for extra, lines in extras.items() for line in lines
        ]
    lines = []
    for line in metadata.requires("stapes") or ():
        _, found, extra = line.partition("extra == ")
        lines.append((line, extra.strip("\"') ") if found else ""))
    return lines


def installed(package: str) -> str | None:
    """The version that is installed, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
