"""A bundle becomes C, a firmware package, a .tflite, an ONNX file or golden vectors."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ...export.c import export_c
from ...export.packages import CARRIES_CMSIS_DSP, export_package
from ...export.stamp import Stamp
from ...export.targets import CORTEX_M7, find_target
from ...export.targets import Target as Processor
from ...firmware_sim.cmsis_dsp import sources
from ...models.errors import StapesError
from ...models.files import check_folder, write_folder
from ..bundle import Bundle, opened, refuse_inside
from ..given import given, given_path
from ..targets import Package, Target

Word = TypeVar("Word", Target, Package)

FILES = {Target.tflite: "model.tflite", Target.onnx: "float.onnx", Target.vectors: "vectors.npz"}


@dataclass(frozen=True)
class Exported:
    """What `export` wrote: `files` lie in `folder`; `name` is the program's, whose header is `NAME.h`."""

    folder: Path
    files: tuple[Path, ...]
    name: str
    bundle_sha256: str


def export(
    bundle: Bundle | str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    to: str = Target.c,
    package: str | None = None,
    target: str = CORTEX_M7.name,
) -> Exported:
    """Write C sources and headers for the firmware, a package of them, or one of the bundle's files into a folder.

    bundle   a `Bundle`, or its folder
    output   the folder; only files that an earlier export wrote there, and that are as it left them, are replaced
    to       `c`, `tflite`, `onnx` or `vectors` (golden input and output, .npz)
    package  with `c`: `cmake`, `arduino`, `zephyr` or `cmsis-pack`, the build system that the C is wrapped for
    target   with `c`: `cortex-m7`, `portable` or `host`, for which processor the C is; the bits are the same

    Raises StapesError: no bundle, an unknown word, a file in the way that is not ours; nothing is written then.

    >>> made = export(bundle, folder / "firmware")
    >>> (folder / "firmware" / f"{made.name}.h") in made.files
    True
    """
    product, kind = _one_of(Target, "--to", to), _one_of(Package, "--package", package) if package is not None else None
    processor = find_target(given(target, str, "the name of a target"))
    if kind is not None and product is not Target.c:
        raise StapesError(f"--package {kind} wraps the C; leave out --to {product}, or export that on its own")
    if processor is not CORTEX_M7 and product is not Target.c:
        raise StapesError(f"--target {target} chooses the kernels of the C; leave it out with --to {product}")
    folder = given_path(output, "a folder")
    of = opened(bundle)
    refuse_inside(of, folder)
    check_folder(folder)
    if kind is not None:
        files = write_package(of, folder, kind, processor)
    elif product is Target.c:
        files = write_c(of, folder, target=processor)
    else:
        source = of.folder / FILES[product]
        name = f"{of.name}{source.suffix}"
        files = write_folder(folder, {name: source.read_bytes()}, part=f"{product} {of.name}")
    return Exported(folder, tuple(files), of.name, of.hash)


def _one_of(kinds: type[Word], what: str, word: str) -> Word:
    try:
        return kinds(word)
    except ValueError:
        raise StapesError(f"{what} {word!r}: unknown; give one of {', '.join(kinds)}") from None


def write_c(bundle: Bundle, folder: Path, complete: bool = True, target: Processor = CORTEX_M7) -> list[Path]:
    """Export C into a folder, with the golden vectors and their runner; what it needs of CMSIS-DSP comes along if `complete`."""
    return export_c(
        bundle.graph,
        folder,
        name=bundle.name,
        sound_path=bundle.sound_path,
        stamp=_stamp(bundle),
        vectors=bundle.vectors(),
        target=target,
        cmsis_dsp=_cmsis_dsp() if complete and bundle.sound_path is not None else None,
    )


def _cmsis_dsp() -> Path:
    return sources().include_dirs[0].parent


def write_package(bundle: Bundle, folder: Path, package: Package, target: Processor = CORTEX_M7) -> list[Path]:
    """Export a firmware package into a folder and return the paths of its files."""
    carried = package.value in CARRIES_CMSIS_DSP and bundle.sound_path is not None
    return export_package(
        bundle.graph,
        folder,
        kind=package.value,
        name=bundle.name,
        sound_path=bundle.sound_path,
        stamp=_stamp(bundle),
        vectors=bundle.vectors(),
        target=target,
        cmsis_dsp=_cmsis_dsp() if carried else None,
    )


def _stamp(bundle: Bundle) -> Stamp:
    return Stamp(bundle.hash, str(bundle.manifest["version"]), bundle.recipe.name)


@contextmanager
def exported_c(bundle: Bundle, target: Processor = CORTEX_M7) -> Iterator[Path]:
    """The exported C in a temporary folder."""
    parent = Path(tempfile.mkdtemp(prefix="stapes-"))
    try:
        write_c(bundle, parent / bundle.name, complete=False, target=target)
        yield parent / bundle.name
    finally:
        shutil.rmtree(parent, ignore_errors=True)
