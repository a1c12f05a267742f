"""The files of a tar archive, and nothing else that it may hold.

The filter of Python's own tarfile came with 3.11.4, and Debian 12 has an older 3.11.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import IO, cast

from .errors import StapesError

ARCHIVES = (".tar.gz", ".tgz")
# An archive of a network has a handful of members; tar's own records between them are small.
MOST_MEMBERS = 1000
_RECORDS = 1 << 20


def extract_files(tar: tarfile.TarFile, folder: Path, members: Iterable[tarfile.TarInfo] | None = None) -> None:
    """Write the regular files among the members (all of them by default) below `folder`; links and devices are left out.

    Raises tarfile.TarError, before anything is written, where a name leads out of the folder.
    """
    files = [member for member in (tar if members is None else members) if member.isfile()]
    for member in files:
        place = PurePosixPath(member.name)
        if place.is_absolute() or ".." in place.parts:
            raise tarfile.ExtractError(f"{member.name!r} leads out of the archive's folder")
    for member in files:
        target = folder / member.name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = tar.extractfile(member)
        assert source is not None
        with source, open(target, "wb") as file:
            shutil.copyfileobj(source, file)


def files_of(path: Path, names: Collection[str], most: int) -> dict[str, bytes]:
    """The bytes of the members of a .tar or .tar.gz whose last names are among `names`, by their full names; nothing is written.

    Raises StapesError: not such an archive, damaged, more than `most` bytes unpacked, links, names that lead out of it, one name twice.
    """
    found: dict[str, bytes] = {}
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            source = cast(IO[bytes], gzip.GzipFile(fileobj=file) if packed else file)
            counted = _Counted(source, most + _RECORDS)
            with tarfile.open(fileobj=cast(IO[bytes], counted), mode="r|") as tar:
                for count, member in enumerate(tar):
                    place = PurePosixPath(member.name)
                    _require_plain(path, member, place, count)
                    if not member.isfile() or place.name not in names:
                        continue
                    if any(PurePosixPath(other).name == place.name for other in found):
                        raise StapesError(f"{path}: holds {place.name} twice; give the archive of one network")
                    if member.size > most:
                        raise _too_much(path, most)
                    content = tar.extractfile(member)
                    assert content is not None
                    found[member.name] = content.read()
            while counted.read(1 << 16):
                continue  # to the end, where the checksum stands
    except _TooMuch:
        raise _too_much(path, most) from None
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise _damaged(path) from None
        raise StapesError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except (tarfile.TarError, EOFError, zlib.error, ValueError, OverflowError):
        raise _damaged(path) from None
    return found


def _require_plain(path: Path, member: tarfile.TarInfo, place: PurePosixPath, count: int) -> None:
    if place.is_absolute() or ".." in place.parts:
        raise StapesError(f"{path}: {member.name!r} leads out of the archive; it is refused")
    if not (member.isfile() or member.isdir()):
        raise StapesError(f"{path}: {member.name!r} is a link or a device; an archive of a network holds plain files")
    if count >= MOST_MEMBERS:
        raise StapesError(f"{path}: more than {MOST_MEMBERS} files; it is no archive of a network")


def _too_much(path: Path, most: int) -> StapesError:
    return StapesError(f"{path}: unpacks to more than {most >> 20} MB; it is no archive of a network")


def _damaged(path: Path) -> StapesError:
    return StapesError(f"{path}: not a .tar.gz archive, or damaged; copy it again")


class _TooMuch(Exception):
    """More bytes came out of an archive than any network has."""


class _Counted:
    """A stream that ends with an error after so many bytes: what is packed may be a thousandth of that."""

    def __init__(self, source: IO[bytes], most: int) -> None:
        self.source = source
        self.left = most

    def read(self, size: int) -> bytes:
        data = self.source.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise _TooMuch
        return data
