"""Folders of a command: only what it wrote there before, and is as it was, is replaced or deleted.

A folder holds a list of what was written into it with the hash of each file: `.stapes`, or a file of its own kind such as
the manifest of a bundle. Other files in the folder are somebody else's: they stay, and one that is in the way is refused by
its name.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import StapesError
from .places import cannot_write, check_place_of_folder, require_writable
from .writing import made_folders, staging, write_all

LIST = ".stapes"
# Of a name in a list, far beyond what is written.
_LONGEST = 1024
_FORMAT = 1
# What lies in a folder, by the first word of the part of it that was written.
_WRITTEN = {
    **dict.fromkeys(("c", "tflite", "onnx", "vectors", "package"), "an export"),
    "simulate": "sound",
    "evaluate": "a report",
    "demo": "a demo",
    "mix": "mixed recordings",
}
# Folder -> name -> SHA-256 of what was written there, as a file of the folder's own kind says it; {} where it is another folder.
Known = Callable[[Path], Mapping[str, str]]


@dataclass
class _List:
    """`hashes` of all files that were written; `parts` says which belong together, as one command wrote them."""

    hashes: dict[str, str] = field(default_factory=dict)
    parts: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> _List:
        path = folder / LIST
        if not path.is_file():
            return cls()
        try:
            document = json.loads(path.read_bytes())
            hashes, parts = document["files"], document["parts"]
            right = document["format"] == _FORMAT and _all_text(hashes) and all(map(_is_below, hashes))
            if not right or not all(_all_text(dict.fromkeys(names, "")) for names in parts.values()):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise StapesError(f"{path}: damaged, or not written by stapes; give a new folder, or delete it") from None
        return cls(hashes, parts)

    def content(self) -> bytes:
        document = {"files": self.hashes, "format": _FORMAT, "parts": self.parts}
        return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def _all_text(values: Any) -> bool:
    return isinstance(values, dict) and all(isinstance(text, str) for item in values.items() for text in item)


def _is_below(name: str) -> bool:
    """A list may come from anywhere: it must not name what lies outside its folder."""
    parts = PurePosixPath(name).parts
    if not name.isprintable() or len(name) > _LONGEST:
        return False
    return bool(parts) and not PurePosixPath(name).is_absolute() and ".." not in parts


def check_folder(
    folder: str | os.PathLike[str],
    names: Iterable[str] = (),
    *,
    known: Known | None = None,
    alone: bool = False,
    inputs: Iterable[Path] = (),
) -> None:
    """Raise StapesError where `write_folder` would refuse, as far as it can be told before the files are made.

    `names` are those that will be written, as far as they are known; `inputs` files that are read for it.
    """
    folder = Path(folder)
    check_place_of_folder(folder)
    names = list(names)
    real = {os.path.realpath(path) for path in inputs}
    for name in names:
        if os.path.realpath(folder / name) in real:
            raise StapesError(f"{folder / name}: is an input and would be overwritten; give another output")
    if folder.is_dir():
        _require_ours(folder, {**dict.fromkeys(_hashes(folder, known)), **dict.fromkeys(names)}, known, alone)


def write_folder(
    folder: str | os.PathLike[str],
    files: Mapping[str, bytes],
    *,
    part: str = "",
    known: Known | None = None,
    alone: bool = False,
    keep: bool = False,
) -> list[Path]:
    """Write `files` (relative name -> content) into a folder, all or none of them, and return their paths.

    What was written as the same `part` before and is not among them now is deleted, where it has not been changed; with
    `keep` it stays. `known` reads the list of a folder that has one of its own kind, which `files` must hold. With `alone`
    the folder must be new, empty, or have been written before.

    Raises StapesError, and changes nothing, where a file is in the way that was not written here or has been changed since,
    and where something cannot be written.
    """
    folder = Path(folder)
    check_place_of_folder(folder)
    root = Path(os.path.realpath(folder))
    with made_folders([root]), locked(root):
        _require_ours(folder, files, known, alone)
        hashes = _hashes(root, known)
        written = {name: _sha256(data) for name, data in files.items()}
        content = dict(files)
        listed = _List.read(root) if known is None else _List(dict(hashes), {part: list(hashes)})
        others = {name for other, names in listed.parts.items() if other != part for name in names}
        former = set(listed.parts.get(part, ())) - set(files) - others
        stale = [] if keep else [name for name in sorted(former) if _may_go(root, name, hashes)]
        if known is None:
            kept = sorted(former) if keep else []
            listed.hashes = {n: h for n, h in listed.hashes.items() if n not in former or keep} | written
            listed.parts[part] = sorted([*files, *kept])
            content[LIST] = listed.content()
        with made_folders(sorted({(root / name).parent for name in files})):
            write_all({root / name: data for name, data in content.items()}, [root / name for name in stale])
        _remove_empty(root, stale)
    return [folder / name for name in files]


@contextlib.contextmanager
def whole_folder(
    folder: str | os.PathLike[str], *, part: str = "", known: Known | None = None, alone: bool = True
) -> Iterator[Path]:
    """A temporary folder whose files are written to `folder`, as by `write_folder`, when the block ends without an error."""
    folder = Path(folder)
    check_folder(folder, known=known, alone=alone)
    with staging() as work:
        try:
            yield work
            files = {
                path.relative_to(work).as_posix(): path.read_bytes()
                for path in sorted(work.rglob("*"))
                if path.is_file()
            }
        except OSError as error:
            if error.filename is not None and not Path(os.fsdecode(error.filename)).is_relative_to(work):
                raise
            raise cannot_write(folder, error) from None
        except StapesError as error:
            raise StapesError(str(error).replace(str(work), str(folder))) from None
        write_folder(folder, files, part=part, known=known, alone=alone)


@contextlib.contextmanager
def locked(folder: Path, busy: str = "") -> Iterator[None]:
    """No other run writes into the folder meanwhile; with `busy` a StapesError of these words where one does already."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise cannot_write(folder, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
    except BlockingIOError:
        os.close(descriptor)
        raise StapesError(f"{folder}: {busy}") from None
    except OSError:
        pass  # a file system without locks
    try:
        yield
    finally:
        os.close(descriptor)


def record(folder: Path, names: Collection[str], part: str) -> None:
    """Put files that were written by other means on the list of a folder; raises StapesError as `write_folder`."""
    listed = _List.read(folder)
    listed.hashes |= {name: _sha256((folder / name).read_bytes()) for name in names}
    listed.parts[part] = sorted({*listed.parts.get(part, ()), *names})
    write_all({folder / LIST: listed.content()})


def is_listed(folder: Path) -> bool:
    """Whether a folder has a list of what was written into it."""
    return (folder / LIST).is_file()


def _hashes(folder: Path, known: Known | None) -> Mapping[str, str]:
    return known(folder) if known is not None else _List.read(folder).hashes


def _require_ours(folder: Path, names: Mapping[str, bytes | None], known: Known | None, alone: bool) -> None:
    """Raise StapesError for a file that would be replaced and was not written here, or has been changed since."""
    hashes = _hashes(folder, known)
    strange = [name for name in sorted(os.listdir(folder)) if not _is_left_over(name)]
    if alone and not hashes and LIST in strange:
        listed = _List.read(folder)
        told = " and ".join(
            dict.fromkeys(_WRITTEN.get(part.split()[0] if part else "", "files") for part in listed.parts)
        )
        raise StapesError(
            f"{folder}: holds {told or 'files'} that stapes wrote ({len(listed.hashes)} files); give another folder"
        )
    if alone and not hashes and strange:
        raise StapesError(
            f"{folder / strange[0]}: not written by stapes; the folder holds other files; give a new folder or empty it"
        )
    for name, data in names.items():
        path = folder / name
        if path.is_dir():
            raise StapesError(f"{path}: is a folder where a file belongs; choose another output folder")
        if not path.exists() or _is_unchanged(folder, name, hashes):
            require_writable(path)
        elif data is None or path.read_bytes() != data:
            told = "has been changed since it was written" if name in hashes else "exists and was not generated"
            raise StapesError(f"{path}: {told}; move it away, or choose another output folder")


def _is_unchanged(folder: Path, name: str, hashes: Mapping[str, str]) -> bool:
    path = folder / name
    try:
        return name in hashes and path.is_file() and _sha256(path.read_bytes()) == hashes[name]
    except OSError:
        return False


def _may_go(root: Path, name: str, hashes: Mapping[str, str]) -> bool:
    """Behind a link lies what somebody else has put there."""
    return _is_below(name) and os.path.realpath(root / name) == str(root / name) and _is_unchanged(root, name, hashes)


def _is_left_over(name: str) -> bool:
    """What a run that was killed has left, of this version or an earlier one."""
    return name.startswith(".") and name.endswith(".partial")


def _remove_empty(root: Path, names: Iterable[str]) -> None:
    """Folders that held nothing but what was deleted."""
    for name in names:
        for parent in (root / name).parents:
            if parent == root:
                break
            with contextlib.suppress(OSError):
                parent.rmdir()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
