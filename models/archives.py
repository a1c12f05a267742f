"""The files of a tar archive, and nothing else that it may hold.

The filter of Python's own tarfile came with 3.11.4, and Debian 12 has an older 3.11.
"""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath


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
