"""All files at their places in one moment, or none of them; nothing is left of what was begun."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from .. import stopping
from ..errors import StapesError
from .places import cannot_write, is_special, require_writable

# Files and folders that are no result yet, and how each goes when a signal ends the command.
_unfinished: dict[Path, Callable[[Path], object]] = {}


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write one file as `write_all` does."""
    write_all({Path(path): data})


def write_all(files: Mapping[Path, bytes], remove: Iterable[Path] = ()) -> None:
    """Write several files, and remove some, in one moment: each is whole before the first takes its place.

    A link is followed: what it points to is written. Devices and pipes are written to. Raises StapesError, and leaves all as
    it was, when one of them cannot be written.
    """
    staged: list[tuple[Path, Path]] = []
    path = Path()
    try:
        for path, data in files.items():
            if path.is_dir():
                raise StapesError(f"{path}: is a folder; give the name of a file")
            if is_special(path):
                continue
            require_writable(path)
            real = Path(os.path.realpath(path))
            staged.append((_neighbour(real), real))
            _fill(staged[-1][0], data, real)
        _refuse_one_file_for_two(staged)
        _commit(staged, remove)
        for path, data in files.items():
            if is_special(path):
                with open(path, "wb") as device:
                    device.write(data)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        for temporary, _ in staged:
            _forget(temporary)


def _neighbour(real: Path) -> Path:
    """A name beside a file that no other file has, whatever an earlier run has left; short, as names have a limit."""
    return real.with_name(f".{real.name[:200]}.{secrets.token_hex(4)}.partial")


def _fill(temporary: Path, data: bytes, real: Path) -> None:
    with stopping.held():
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        _unfinished[temporary] = os.unlink
    with open(descriptor, "wb") as file:
        file.write(data)
    if real.exists():
        temporary.chmod(stat.S_IMODE(real.stat().st_mode))


def _refuse_one_file_for_two(staged: list[tuple[Path, Path]]) -> None:
    """Names that differ in case alone are one file on some disks, and links may lead two names to one file."""
    taken: dict[str, Path] = {}
    for temporary, real in staged:
        folds = temporary.with_name(temporary.name.swapcase()).exists()
        key = str(real).casefold() if folds else str(real)
        if key in taken:
            raise StapesError(f"{real}: is the same file as {taken[key]} here; rename one of the inputs")
        taken[key] = real


def _commit(staged: list[tuple[Path, Path]], remove: Iterable[Path]) -> None:
    """Each step can be taken back until the last is done; no signal comes between."""
    undo = contextlib.ExitStack()
    with stopping.held(), undo:
        former: list[Path] = []
        for temporary, real in [*staged, *((None, path) for path in remove)]:
            if os.path.lexists(real):
                former.append(_neighbour(real))
                os.rename(real, former[-1])
                undo.callback(os.rename, former[-1], real)
            if temporary is not None:
                os.rename(temporary, real)
                undo.callback(os.rename, real, temporary)
        undo.pop_all()
        for path in former:
            with contextlib.suppress(OSError):
                path.unlink()


def _forget(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    _unfinished.pop(path, None)


@contextlib.contextmanager
def made_folders(folders: Iterable[Path]) -> Iterator[None]:
    """Make folders with their parents; those that were missing vanish again, if empty, when the block fails.

    Raises StapesError for a folder that cannot be made.
    """
    made: list[Path] = []
    try:
        for folder in folders:
            missing = [path for path in (folder, *folder.parents) if not path.exists()]
            for path in reversed(missing):
                try:
                    with stopping.held():
                        path.mkdir(exist_ok=True)
                        made.append(path)
                        _unfinished[path] = os.rmdir  # which leaves what others have put there
                except OSError as error:
                    raise cannot_write(folder, error) from None
            if not folder.is_dir():
                raise StapesError(f"{folder}: is a file; give the name of a folder")
        yield
    except BaseException:
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir()
        raise
    finally:
        for path in made:
            _unfinished.pop(path, None)


@contextlib.contextmanager
def staging(parent: Path | None = None, prefix: str = "stapes-") -> Iterator[Path]:
    """A temporary folder, in `parent` or where temporary files go; it vanishes with the block."""
    with stopping.held():
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        _unfinished[folder] = shutil.rmtree
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unfinished.pop(folder, None)


def _clear() -> None:
    for path, take_away in reversed(_unfinished.items()):
        with contextlib.suppress(OSError):
            take_away(path)


stopping.at_stop(_clear)
