"""What stands at an output path: whether it can be written, and what must not be written over."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from ..errors import StapesError

# Names of other things: what is opened there may be a regular file, which must not change its place on the disk.
_LINKS_OF_THE_SYSTEM = ("/dev/", "/proc/")


def is_special(path: Path) -> bool:
    """A device, a pipe, a socket, or a name of one, such as /dev/stdout: it is written to, never replaced."""
    if os.path.abspath(path).startswith(_LINKS_OF_THE_SYSTEM):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of what a file holds, as hexadecimal digits, read piece by piece."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_file(path: Path, inputs: Iterable[Path] = (), begins: bytes = b"") -> None:
    """Raise StapesError where a file cannot be written at `path`, or is one of `inputs`. Nothing is changed.

    A file that stands there is replaced only where it begins as the new one would, with `begins`: anything else is not ours.
    """
    if str(path) and path.is_dir():
        raise StapesError(f"{path}: is a folder; give the name of a file")
    if is_special(path):
        return
    _refuse_inputs(path, inputs)
    require_writable(path)
    _require_room(path)
    _require_alike(path, begins)


def _require_alike(path: Path, begins: bytes) -> None:
    if not path.is_file():
        return
    try:
        with path.open("rb") as file:
            found = file.read(len(begins))
    except OSError as error:
        raise cannot_write(path, error) from None
    if found and found != begins:
        raise StapesError(f"{path}: exists, and is no file that this would write again; give another name")


def check_place_of_folder(path: Path) -> None:
    """Raise StapesError where a folder cannot be made or written to at `path`. Nothing is changed."""
    if os.path.lexists(path) and not path.is_dir() and (path.exists() or is_special(path)):
        raise StapesError(f"{path}: is a file; give the name of a folder")
    _require_room(path / "file", path)


def require_writable(path: Path) -> None:
    """Raise StapesError for a file that may not be changed: whoever took its rights away wants to keep it."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise cannot_write(path, error) from None
    if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        raise StapesError(f"{path}: is read-only; give another name, or make it writable")


def _refuse_inputs(path: Path, inputs: Iterable[Path]) -> None:
    real = os.path.realpath(path)
    if any(os.path.realpath(given) == real for given in inputs):
        raise StapesError(f"{path}: is an input and would be overwritten; give another output")


def _require_room(path: Path, told: Path | None = None) -> None:
    """The nearest folder above that is there lets files be made in it; `told` is named in place of the path."""
    for step in path.parents:
        if step.name == ".." and not step.exists():
            raise StapesError(
                f"{step.parent}: no such folder, so .. leads nowhere from there; give the path without it"
            )
    real = Path(os.path.realpath(path))
    try:
        above = next(folder for folder in real.parents if folder.exists())
    except OSError as error:
        raise cannot_write(path, error) from None
    if not above.is_dir():
        raise StapesError(f"{above}: is a file, so nothing can be written below it; choose another output")
    if not os.access(above, os.W_OK | os.X_OK):
        raise StapesError(
            f"{told or path}: cannot be written (Permission denied); check the folder {above} and its rights"
        )


def cannot_write(path: Path, error: OSError) -> StapesError:
    return StapesError(
        f"{path}: cannot be written ({error.strerror or error}); check the folder, its rights and the free space"
    )
