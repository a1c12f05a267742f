"""`stapes export`: a bundle becomes C, a .tflite, an ONNX file or golden vectors."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from export.c import export_c
from export.stamp import Stamp
from models.files import made_folders, write_whole
from tools.bundle import Bundle, load_bundle
from tools.console import console


class Target(StrEnum):
    """What can be exported."""

    c = "c"
    tflite = "tflite"
    onnx = "onnx"
    vectors = "vectors"


FILES = {Target.tflite: "model.tflite", Target.onnx: "float.onnx", Target.vectors: "vectors.npz"}


def export(
    bundle: Annotated[Path, typer.Argument(help="Bundle made by `stapes quantize`.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write to.")],
    to: Annotated[Target, typer.Option(help="What to write.")] = Target.c,
) -> None:
    """Write C sources and headers for the firmware, or one of the bundle's files under the model's name.

    Examples:

    `stapes export build/mask -o firmware/mask`

    `stapes export build/mask -o firmware --to tflite`
    """
    opened = load_bundle(bundle)
    if to is Target.c:
        write_c(opened, output)
        count = sum(1 for path in output.rglob("*") if path.is_file())
        console.print(f"{output}: {count} files, entry {opened.name}.h, bundle {opened.hash[:16]}", markup=False)
        return
    source = opened.folder / FILES[to]
    target = output / f"{opened.name}{source.suffix}"
    with made_folders([output]):
        write_whole(target, source.read_bytes())
    console.print(str(target), markup=False)


def write_c(bundle: Bundle, folder: Path) -> None:
    """Export C into a folder, with the golden vectors and their runner."""
    export_c(
        bundle.graph,
        folder,
        name=bundle.name,
        frontend=bundle.frontend,
        stamp=Stamp(bundle.hash, str(bundle.manifest["version"]), bundle.recipe.name),
        vectors=bundle.vectors(),
    )


@contextmanager
def exported_c(bundle: Bundle) -> Iterator[Path]:
    """The exported C in a temporary folder."""
    parent = Path(tempfile.mkdtemp(prefix="stapes-"))
    try:
        write_c(bundle, parent / bundle.name)
        yield parent / bundle.name
    finally:
        shutil.rmtree(parent, ignore_errors=True)


__all__ = ["Target", "export", "exported_c", "write_c"]
