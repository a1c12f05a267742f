"""Arrays in place of audio, for a network without an audio path: .npz files with one array (frames, values) an input."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..models.errors import StapesError
from ..quantize.graph import DTYPES, Graph, Tensor, to_codes
from .arrays import read_npz


@dataclass(frozen=True, eq=False)
class Frames:
    """One stretch of frames: input name -> codes (T, *shape); `real` where the file held real numbers instead of codes."""

    label: str
    codes: dict[str, np.ndarray]
    real: bool = False

    @property
    def count(self) -> int:
        return len(next(iter(self.codes.values())))


def read_frames(path: Path, graph: Graph) -> Frames:
    """The inputs of a graph from a .npz file: arrays of floats are real numbers, of the tensors' own dtype codes.

    Arrays of other names are left alone, so that a file of golden vectors serves too. Raises StapesError for what is no such
    file, and for arrays that are missing or do not fit.
    """
    names = ", ".join(graph.inputs)
    remedy = f"this bundle is a network without an audio path and takes {names}, written with numpy.savez"
    given = read_npz(path, str(path), remedy, graph.inputs)
    return as_frames(str(path), given, graph)


def read_stretches(source: Path, graph: Graph, refused: dict[Path, str] | None = None) -> dict[Path, Frames]:
    """The frames of an .npz file, or of all of a folder, searched to any depth, sorted by name.

    With `refused` files that do not fit are left out and put there with the reason; the first of them is raised where none is left.
    Raises StapesError for a folder without such a file.
    """
    paths = [source]
    if source.is_dir():
        paths = sorted(path for path in source.rglob("*") if path.suffix.lower() == ".npz" and path.is_file())
    if not paths:
        raise StapesError(f"{source}: no .npz files in this folder; give another one")
    found = {}
    for path in paths:
        try:
            found[path] = read_frames(path, graph)
        except StapesError as error:
            if refused is None:
                raise
            refused[path] = str(error)
    if not found:
        raise StapesError(next(iter((refused or {}).values())))
    return found


def as_frames(label: str, given: Mapping[str, np.ndarray], graph: Graph) -> Frames:
    """Arrays by input name as `Frames`; raises StapesError naming `label` where they do not fit."""
    kinds = {given[name].dtype.kind == "f" for name in graph.inputs}
    if len(kinds) > 1:
        raise StapesError(f"{label}: some arrays hold real numbers and some codes; give all in one form")
    counts = {name: given[name].shape[0] if given[name].ndim else 0 for name in graph.inputs}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise StapesError(f"{label}: the arrays have different numbers of frames ({told})")
    if not min(counts.values()):
        raise StapesError(f"{label}: holds no frames; give at least one")
    codes = {name: _codes(label, graph.tensors[name], given[name]) for name in graph.inputs}
    return Frames(label, codes, kinds.pop())


def _codes(label: str, tensor: Tensor, values: np.ndarray) -> np.ndarray:
    size = int(np.prod(values.shape[1:], dtype=np.int64))
    if size != tensor.size:
        raise StapesError(f"{label}: array {tensor.name!r} has {size} values a frame; the network takes {tensor.size}")
    if values.dtype.kind == "f":
        if not np.isfinite(values).all():
            raise StapesError(f"{label}: array {tensor.name!r} holds NaN or infinity; give finite numbers")
        return to_codes(tensor, values)
    if values.dtype != DTYPES[tensor.dtype]:
        raise StapesError(
            f"{label}: array {tensor.name!r} is {values.dtype}; give floats, or codes of the tensor as {tensor.dtype}"
        )
    return values.reshape(len(values), *tensor.shape)


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """As `numpy.savez`, which takes no array of the name of one of its own parameters, such as `file`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return buffer.getvalue()


def sha256_of_codes(stretches: Sequence[Mapping[str, np.ndarray]], graph: Graph) -> str:
    """One hash of codes by tensor name, stretch by stretch, each as little-endian integers of its tensor."""
    hashed = hashlib.sha256()
    for stretch in stretches:
        for name, codes in stretch.items():
            narrow = np.ascontiguousarray(codes, np.dtype(DTYPES[graph.tensors[name].dtype]).newbyteorder("<"))
            hashed.update(f"{name} {len(narrow)} ".encode() + narrow.tobytes())
    return hashed.hexdigest()
