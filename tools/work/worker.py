"""What runs in a worker: one piece of work at a time, by the same stapes as where it was given out."""

from __future__ import annotations

import functools
import hashlib
import os
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ...models.errors import StapesError
from ..pins import installed, pins

ROOT = Path(__file__).parents[2]
FLOORS = ("models", "quantize", "export", "firmware_sim", "tools")
# Of the sources: what is computed hangs on them, whatever the version's number says.
SOURCES = (".py", ".c", ".h", ".toml")

# The engines of a worker keep their state: two pieces at once in one process would mix them up.
_one_at_a_time = threading.Lock()


class OtherVersion(StapesError):
    """A worker computes by another stapes, or by other libraries, than whoever gave out the work."""


@dataclass(frozen=True)
class Piece:
    """A function of this package, what all pieces share, and the stamp of who gives it out."""

    function: Callable[[Any, Any], Any]
    stamp: str


@functools.cache
def versions() -> dict[str, str]:
    """Whatever figures hang on: stapes, its sources, and the pinned packages -> version."""
    found = {"stapes": metadata.version("stapes"), "sources": _hash_of_sources()}
    for pin in pins():
        if not pin.extra:
            found[pin.package] = installed(pin.package) or "not installed"
    return found


@functools.cache
def stamp() -> str:
    """One word for `versions`."""
    return hashlib.sha256(repr(sorted(versions().items())).encode()).hexdigest()


@functools.cache
def _hash_of_sources() -> str:
    hashes = hashlib.sha256()
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*")):
            if path.suffix in SOURCES:
                hashes.update(f"{path.relative_to(ROOT).as_posix()}\n".encode() + path.read_bytes())
    return hashes.hexdigest()[:12]


def described() -> dict[str, str]:
    """What `Crew` asks each worker before the work."""
    return versions()


def missing_paths(paths: Sequence[str]) -> list[str]:
    """Those of the paths that this machine does not have."""
    return [path for path in paths if not os.path.exists(path)]


def run_piece(piece: Piece, shared: Any, item: Any) -> Any:
    """One piece of work; raises OtherVersion where this is another stapes."""
    if piece.stamp != stamp():
        raise OtherVersion("a worker that came later has another version of stapes; install the same one everywhere")
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return piece.function(shared, item)


def share(shared: Any) -> Any:
    """What all pieces share, as a result that can be made again when the worker that holds it is lost."""
    return shared
