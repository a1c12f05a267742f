"""Where the files of DeepFilterNet3 stand: in the official archive, in a folder, or beside each other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..archives import ARCHIVES, files_of
from ..errors import StapesError

GRAPHS = ("enc", "erb_dec", "df_dec")
CONFIG = "config.ini"
_NAMES = (*(f"{graph}.onnx" for graph in GRAPHS), CONFIG)
# The official files hold 2 to 3 MB each.
MOST_BYTES = 64 << 20
_REMEDY = "give the official DeepFilterNet3_onnx.tar.gz, or the folder that it unpacks to"


@dataclass(frozen=True, eq=False)
class Files:
    """The bytes of the three graphs, by the names of GRAPHS, and of config.ini; `whole` are those of all, for a hash."""

    graphs: Mapping[str, bytes]
    config: bytes
    whole: bytes


def is_deepfilternet(path: Path) -> bool:
    """Whether a path can only mean DeepFilterNet: an archive, a folder, config.ini, or a file of one of its names beside another one."""
    if path.is_dir() or path.name.lower().endswith(ARCHIVES):
        return True
    return path.name in _NAMES and (path.name == CONFIG or len(_beside(path.parent)) > 1)


def read_files(path: Path) -> Files:
    """The files of the network at `path`; raises StapesError where one is missing, and for an archive that is not sound."""
    if path.is_dir() or path.name in _NAMES:
        found = _read(path, _in_folder(path) if path.is_dir() else _beside(path.parent))
        whole = b"".join(found[name] for name in _NAMES)
    else:
        found = {Path(name).name: content for name, content in files_of(path, _NAMES, MOST_BYTES).items()}
        if not found:
            raise StapesError(
                f"{path}: an archive, and not that of DeepFilterNet3 ({', '.join(_NAMES)}); unpack it and give the checkpoint "
                "that it holds"
            )
        _require_all(path, found)
        whole = path.read_bytes()
    return Files({graph: found[f"{graph}.onnx"] for graph in GRAPHS}, found[CONFIG], whole)


def _beside(folder: Path) -> dict[str, Path]:
    """The files that stand in a folder itself."""
    return {name: folder / name for name in _NAMES if (folder / name).is_file()}


def _in_folder(folder: Path) -> dict[str, Path]:
    """The files in a folder, or in the one folder below it that has them (the archive holds tmp/export)."""
    places = [Path(top) for top, _, names in _walk(folder) if set(names) & set(_NAMES)]
    if len(places) > 1:
        raise StapesError(f"{folder}: several networks in it ({places[0]}, {places[1]}); give the folder of one")
    if not places:
        raise StapesError(
            f"{folder}: a folder, and not that of DeepFilterNet3 ({', '.join(_NAMES)}); give a checkpoint (.pt, .pth, .tar), "
            "a streaming .onnx file, or DeepFilterNet3_onnx.tar.gz"
        )
    return _beside(places[0])


def _read(path: Path, found: Mapping[str, Path]) -> dict[str, bytes]:
    """The bytes of all files; `path` is what the user gave."""
    _require_all(path, found)
    for place in found.values():
        if place.stat().st_size > MOST_BYTES:
            raise StapesError(f"{place}: more than {MOST_BYTES >> 20} MB; {_REMEDY}")
    return {name: place.read_bytes() for name, place in found.items()}


def _walk(folder: Path, deepest: int = 3) -> list[tuple[str, list[str], list[str]]]:
    found = []
    for top, folders, names in os.walk(folder):
        found.append((top, sorted(folders), names))
        if len(Path(top).relative_to(folder).parts) >= deepest - 1:
            folders.clear()
    return found


def _require_all(path: Path, found: Mapping[str, object]) -> None:
    if missing := [name for name in _NAMES if name not in found]:
        has = f" beside {', '.join(name for name in _NAMES if name in found)}" if found else ""
        are = "is" if len(missing) == 1 else "are"
        raise StapesError(f"{path}: {', '.join(missing)} of DeepFilterNet3 {are} missing{has}; {_REMEDY}")
