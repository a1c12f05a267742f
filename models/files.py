"""Files and folders that are either whole or not there."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from models.errors import StapesError


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file through a temporary neighbour; raises StapesError, and leaves nothing, when it cannot be written."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.partial")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _cannot_write(path, error) from None


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike[str], marker: str) -> Iterator[Path]:
    """A temporary folder that becomes `path` when the block ends without an error, and vanishes otherwise.

    An existing folder is replaced only when it is empty or holds the file `marker`, that is, when it was made by the
    same command. Raises StapesError when it may not be replaced or cannot be written.
    """
    path = Path(path)
    if path.is_file():
        raise StapesError(f"{path}: is a file; give the name of a folder")
    if path.is_dir() and any(path.iterdir()) and not (path / marker).is_file():
        raise StapesError(f"{path}: the folder holds other files; give a new folder or empty it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise _cannot_write(path, error) from None
    try:
        yield temporary
        temporary.chmod(0o755)
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)
    except OSError as error:
        raise _cannot_write(path, error) from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _cannot_write(path: Path, error: OSError) -> StapesError:
    return StapesError(
        f"{path}: cannot be written ({error.strerror or error}); check the folder, its rights and the free space"
    )
