"""Files and folders that are either whole or not there."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from models.errors import StapesError


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file through a temporary neighbour; raises StapesError, and leaves nothing, when it cannot be written."""
    write_all({Path(path): data})


def write_all(files: Mapping[Path, bytes]) -> None:
    """Write several files: all of them are whole before the first takes its place. Raises StapesError as `write_whole`."""
    staged: list[tuple[Path, Path]] = []
    path = Path()
    try:
        for path, data in files.items():
            _refuse_other_kind(path)
            staged.append((path.with_name(f".{path.name}.partial"), path))
            staged[-1][0].write_bytes(data)
        for temporary, path in staged:
            os.replace(temporary, path)
    except OSError as error:
        raise _cannot_write(path, error) from None
    finally:
        for temporary, _ in staged:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def made_folders(folders: Iterator[Path] | list[Path]) -> Iterator[None]:
    """Make folders with their parents; those that were missing vanish again, if empty, when the block fails.

    Raises StapesError for a folder that cannot be made.
    """
    made: list[Path] = []
    try:
        for folder in folders:
            missing = [path for path in (folder, *folder.parents) if not path.exists()]
            for path in reversed(missing):
                try:
                    path.mkdir()
                except OSError as error:
                    raise _cannot_write(folder, error) from None
                made.append(path)
            if not folder.is_dir():
                raise StapesError(f"{folder}: is a file; give the name of a folder")
        yield
    except BaseException:
        for path in reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike[str], marker: str) -> Iterator[Path]:
    """A temporary folder that becomes `path` when the block ends without an error, and vanishes otherwise.

    An existing folder is replaced only when it is empty or holds the file `marker`, that is, when it was made by the
    same command. Raises StapesError when it may not be replaced or cannot be written.
    """
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise StapesError(f"{path}: is a file; give the name of a folder")
    if path.is_dir() and any(path.iterdir()) and not (path / marker).is_file():
        raise StapesError(f"{path}: the folder holds other files; give a new folder or empty it")
    target = Path(os.path.realpath(path))  # the folder itself moves, not a link to it
    if Path(os.path.realpath(os.curdir)).is_relative_to(target):
        raise StapesError(f"{path}: is the folder you are in; give the name of one inside, or go up")
    with made_folders([target.parent]):
        try:
            temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        except OSError as error:
            raise _cannot_write(path, error) from None
        try:
            yield temporary
            temporary.chmod(0o755)
            _take_place(temporary, target)
        except OSError as error:
            if error.filename is not None and not Path(os.fsdecode(error.filename)).is_relative_to(temporary):
                raise
            raise _cannot_write(path, error) from None
        except StapesError as error:
            raise StapesError(str(error).replace(str(temporary), str(path))) from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _take_place(temporary: Path, target: Path) -> None:
    """Move a folder to its place; one that stands there goes only when the new one is in."""
    if not target.is_dir():
        os.replace(temporary, target)
        return
    former = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    os.replace(target, former)
    try:
        os.replace(temporary, target)
    except OSError:
        os.replace(former, target)
        raise
    shutil.rmtree(former, ignore_errors=True)


def _refuse_other_kind(path: Path) -> None:
    """A device or a folder must not be replaced by a file."""
    if path.is_dir():
        raise StapesError(f"{path}: is a folder; give the name of a file")
    if path.exists() and not path.is_file():
        raise StapesError(f"{path}: is a device or a pipe; give the name of a file")


def _cannot_write(path: Path, error: OSError) -> StapesError:
    return StapesError(
        f"{path}: cannot be written ({error.strerror or error}); check the folder, its rights and the free space"
    )
