"""Firmware packages: the exported C of a bundle, an example that streams audio, and a self-test, in the format of a build system.

`contents` is what all of them hold; `cmake`, `arduino`, `zephyr` and
`cmsis_pack` lay it out; `templates` holds their files, those of all of them in `common`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ...models.audio import SoundPath
from ...models.errors import StapesError
from ...models.files import write_folder
from ...quantize.graph import Graph
from ..c import c_program, golden_vectors
from ..cmsis_dsp import CmsisDsp
from ..stamp import Stamp
from ..targets import CORTEX_M7, Target
from .arduino import arduino_files
from .cmake import cmake_files
from .cmsis_pack import cmsis_pack_files
from .contents import MARKER, Contents, as_bytes, licence, written_files
from .zephyr import zephyr_files

PACKAGES: Mapping[str, Callable[[Contents], dict[str, str | bytes]]] = {
    "cmake": cmake_files,
    "arduino": arduino_files,
    "zephyr": zephyr_files,
    "cmsis-pack": cmsis_pack_files,
}
# They bring the transform along; the others name the CMSIS-DSP of their package manager.
CARRIES_CMSIS_DSP = ("cmake", "arduino")


def export_package(
    graph: Graph,
    folder: str | os.PathLike[str],
    *,
    kind: str,
    name: str,
    sound_path: SoundPath | None,
    stamp: Stamp,
    vectors: Mapping[str, np.ndarray],
    target: Target = CORTEX_M7,
    cmsis_dsp: str | os.PathLike[str] | None = None,
) -> list[Path]:
    """Write a package of `kind` (see `PACKAGES`) into `folder`, whole or not at all, and return the paths of its files.

    `cmsis_dsp` is a folder of CMSIS-DSP, needed by `CARRIES_CMSIS_DSP` where there is an audio path. The same arguments
    give the same bytes. Raises `StapesError` as `export_c`, for files of CMSIS-DSP that are not there, and for a folder that
    holds other files but no earlier package.
    """
    if kind not in PACKAGES:
        raise StapesError(f"package '{kind}' is not known; choose one of {', '.join(PACKAGES)}")
    carried = None
    if sound_path is not None and not sound_path.transform.mixed and kind in CARRIES_CMSIS_DSP:
        if cmsis_dsp is None:
            raise StapesError(f"package '{kind}' carries CMSIS-DSP's transform; give the folder of CMSIS-DSP")
        carried = CmsisDsp.read(Path(cmsis_dsp))
    program = c_program(graph, name, sound_path, target=target)
    golden = golden_vectors(vectors, graph, sound_path)
    if (sound_path is None) != (golden.audio_in_q15 is None):
        raise StapesError("the golden vectors have no audio for the example to stream; make the bundle again")
    contents = Contents(program, stamp, golden, carried)
    files = {name: as_bytes(content) for name, content in {**PACKAGES[kind](contents), "LICENSE": licence()}.items()}
    return write_folder(folder, {**files, MARKER: contents.marker(kind, files)}, known=written_files, alone=True)


__all__ = ["CARRIES_CMSIS_DSP", "PACKAGES", "export_package"]
