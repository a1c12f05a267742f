"""Arrays in .npz files of others: names, shapes and dtypes are looked at before any memory is taken."""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..models.errors import StapesError

# An archive may be compressed; beyond this it is no recording of frames.
MOST_BYTES = 1 << 30
KINDS = "biuf"


def read_npz(
    source: Path | bytes, label: str, remedy: str, names: Iterable[str] | None = None
) -> dict[str, np.ndarray]:
    """The arrays of an .npz file by name, or those of `names`; nothing is unpickled.

    Raises StapesError: no .npz, damaged, an array that is missing, is of objects, or does not hold what its header says.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            if len(sizes) != len(archive.infolist()):
                raise ValueError("two arrays of one name")
            known = {name.removesuffix(".npy"): name for name in sizes}
            wanted = list(known) if names is None else list(names)
            if missing := [name for name in wanted if name not in known]:
                raise StapesError(
                    f"{label}: has no array {missing[0]!r}, only {', '.join(map(repr, known)) or 'none'}; {remedy}"
                )
            if sum(sizes[known[name]] for name in wanted) > MOST_BYTES:
                raise ValueError(f"more than {MOST_BYTES >> 30} GB")
            return {name: _array(archive, known[name], sizes[known[name]]) for name in wanted}
    except (
        zipfile.BadZipFile,
        OSError,
        EOFError,
        RuntimeError,
        NotImplementedError,
        ValueError,
        OverflowError,
    ) as error:
        reason = (str(error).splitlines() or ["damaged"])[0][:120]
        raise StapesError(f"{label}: not an .npz file of plain arrays ({reason}); {remedy}") from None
    except (SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError, zipfile.LargeZipFile):
        raise StapesError(f"{label}: not an .npz file of plain arrays (damaged); {remedy}") from None


def _array(archive: zipfile.ZipFile, member: str, size: int) -> np.ndarray:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{member} is of version {version}")
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = reader(file)
        if dtype.kind not in KINDS or dtype.hasobject:
            raise ValueError(f"{member} holds {dtype}")
        count = math.prod(shape)
        if min(shape, default=1) < 0 or count * dtype.itemsize > size:
            raise ValueError(f"{member} says {shape}, and holds less")
        data = file.read()
    if len(data) != count * dtype.itemsize:
        raise ValueError(f"{member} does not hold {shape} of {dtype}")
    array = np.frombuffer(data, dtype)
    return array.reshape(shape[::-1]).T if fortran else array.reshape(shape)
