"""`stapes export`: a bundle becomes C, a firmware package, a .tflite, an ONNX file or golden vectors."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...export.c import export_c
from ...export.packages import CARRIES_CMSIS_DSP, export_package
from ...export.stamp import Stamp
from ...firmware_sim.cmsis_dsp import sources
from ...models.errors import StapesError
from ...models.files import check_folder, write_folder
from ..bundle import Bundle, load_bundle
from ..console import console
from ..targets import Package, Target

FILES = {Target.tflite: "model.tflite", Target.onnx: "float.onnx", Target.vectors: "vectors.npz"}


def export(bundle: Path, output: Path, *, to: Target, package: Package | None) -> None:
    """The command, whose options stand in `tools.cli.export`."""
    if package is not None and to is not Target.c:
        raise StapesError(f"--package {package} wraps the C; leave out --to {to}, or export that on its own")
    check_folder(output)
    opened = load_bundle(bundle)
    if package is not None:
        written = write_package(opened, output, package)
        console.print(
            f"{output}: {package} package of {len(written)} files, read README.md, bundle {opened.hash[:16]}",
            soft_wrap=True,
        )
        return
    if to is Target.c:
        written = write_c(opened, output)
        console.print(f"{output}: {len(written)} files, entry {opened.name}.h, bundle {opened.hash[:16]}")
        return
    source = opened.folder / FILES[to]
    target = output / f"{opened.name}{source.suffix}"
    write_folder(output, {target.name: source.read_bytes()}, part=f"{to} {opened.name}")
    console.print(str(target))


def write_c(bundle: Bundle, folder: Path, complete: bool = True) -> list[Path]:
    """Export C into a folder, with the golden vectors and their runner; what it needs of CMSIS-DSP comes along if `complete`."""
    return export_c(
        bundle.graph,
        folder,
        name=bundle.name,
        frontend=bundle.frontend,
        stamp=_stamp(bundle),
        vectors=bundle.vectors(),
        cmsis_dsp=_cmsis_dsp() if complete and bundle.frontend is not None else None,
    )


def _cmsis_dsp() -> Path:
    return sources().include_dirs[0].parent


def write_package(bundle: Bundle, folder: Path, package: Package) -> list[Path]:
    """Export a firmware package into a folder and return the paths of its files."""
    carried = package.value in CARRIES_CMSIS_DSP and bundle.frontend is not None
    return export_package(
        bundle.graph,
        folder,
        kind=package.value,
        name=bundle.name,
        frontend=bundle.frontend,
        stamp=_stamp(bundle),
        vectors=bundle.vectors(),
        cmsis_dsp=_cmsis_dsp() if carried else None,
    )


def _stamp(bundle: Bundle) -> Stamp:
    return Stamp(bundle.hash, str(bundle.manifest["version"]), bundle.recipe.name)


@contextmanager
def exported_c(bundle: Bundle) -> Iterator[Path]:
    """The exported C in a temporary folder."""
    parent = Path(tempfile.mkdtemp(prefix="stapes-"))
    try:
        write_c(bundle, parent / bundle.name, complete=False)
        yield parent / bundle.name
    finally:
        shutil.rmtree(parent, ignore_errors=True)
