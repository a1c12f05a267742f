"""The integer graph as C sources and headers for firmware.

In the order in which a graph meets them: `schedule` (steps; `fusion` says how each kind of region is one, `gru`,
`gru_sequence`, `layer_norm`, `energy`, `history` and `neighbours` where it is, `regions` what they ask; `moves` makes one
copy of several), `places` and `layout` (memory), `fields`, `packing`, `sparse`, `windows`, `depthwise` and `shapes` (parameters as C
structs), `writer`, `products` and `statements` (calls), `kernels` (which one multiplies), `variables` and `constants` (names and arrays),
`blocks` and `functions` (which calls make one function), `program` (all of it as data), `audio` (the path around the
network), `self_test`, `templates/` and `text` (C), `names` (which a program can have), `runtime` (files that come along).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...models.audio import SoundPath
from ...models.files import write_folder
from ...quantize.graph import Graph
from ..cmsis_dsp import CmsisDsp
from ..stamp import Stamp
from ..targets import CORTEX_M7, Target
from ..vectors import SELF_TEST_FRAMES, Vectors
from .files import render
from .names import require_name
from .program import Program, build_program


def export_c(
    graph: Graph,
    folder: str | os.PathLike[str],
    *,
    name: str,
    sound_path: SoundPath | None,
    stamp: Stamp,
    vectors: Mapping[str, np.ndarray] | None = None,
    fuse: bool = True,
    target: Target = CORTEX_M7,
    cmsis_dsp: str | os.PathLike[str] | None = None,
) -> list[Path]:
    """Write the program `name` of a graph into `folder` and return the paths of its files.

    `sound_path` adds the path of the sound around the network; `vectors` (see `export.vectors`) add a self-test on their first
    `SELF_TEST_FRAMES` frames, and its runner; `fuse` False runs every region operator by operator; `target` chooses the
    kernels (see `export.targets`); `cmsis_dsp` is a folder of CMSIS-DSP, of which what the audio path needs comes along. The
    same arguments give the same bytes.
    Raises `StapesError` for a name that is no C identifier, for what C cannot run, for vectors and a front end that do
    not fit the graph, and for a folder that cannot be written.
    """
    golden = golden_vectors(vectors, graph, sound_path) if vectors is not None else None
    files = {
        name: text.encode()
        for name, text in render(c_program(graph, name, sound_path, fuse, target), stamp, golden).items()
    }
    if cmsis_dsp is not None and sound_path is not None and not sound_path.transform.mixed:
        files |= CmsisDsp.read(Path(cmsis_dsp)).beside()
    return write_folder(folder, files, part=f"c {name}")


def c_program(
    graph: Graph, name: str, sound_path: SoundPath | None, fuse: bool = True, target: Target = CORTEX_M7
) -> Program:
    """The program `name` of a graph as data; raises `StapesError` as `export_c` does."""
    require_name(name, "name")
    return build_program(graph, name, sound_path, fuse, target)


def golden_vectors(vectors: Mapping[str, np.ndarray], graph: Graph, sound_path: SoundPath | None) -> Vectors:
    """What the self-test of a program keeps of a bundle's vectors; raises `StapesError` where they do not fit the graph."""
    whole = Vectors.from_arrays(vectors, graph, sound_path)
    return whole.first(SELF_TEST_FRAMES, sound_path.hop if sound_path is not None else 0)


__all__ = ["Stamp", "c_program", "export_c", "golden_vectors"]
