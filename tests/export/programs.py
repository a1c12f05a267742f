"""Exported networks compiled for the host and called through ctypes."""

from __future__ import annotations

import ctypes
import shlex
import subprocess
from pathlib import Path

import numpy as np
from stapes.export.c import export_c
from stapes.export.stamp import Stamp
from stapes.export.targets import CORTEX_M7, Target
from stapes.quantize.graph import DTYPES, Graph

from tests.compiling import compile_all
from tests.machine import require

STRICT = shlex.split(
    "-std=c99 -pedantic -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion -Wundef -Wcast-align "
    "-Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wwrite-strings -Wvla -Werror"
)
BUILDS = {
    "gcc": ["gcc", "-O3"],
    "clang": ["clang", "-O2"],
    # Without vector instructions the matrix kernels go other ways.
    "sanitised": ["gcc", "-O1", "-DSTAPES_VECTORS=0", "-fsanitize=undefined", "-fno-sanitize-recover=all"],
}
HASH = "0123456789abcdef" * 4
STAMP = Stamp(HASH, "1.2.3", "w8a16")


def compiler(build: str) -> list[str]:
    """Compiler and flags of a build; skips without the compiler."""
    require("gcc sanitised" if build == "sanitised" else BUILDS[build][0])
    return BUILDS[build]


def compile_files(command: list[str], files: list[Path], output: Path, *flags: str) -> None:
    """Every file on its own, every warning an error, then linked as `flags` say."""
    work = output.with_suffix(".objects")
    work.mkdir(exist_ok=True)
    objects = compile_all([*command, *STRICT, "-fPIC"], files, work)
    subprocess.run([*command, *flags, *objects, "-o", str(output)], check=True)


class CNetwork:
    """A graph exported without an audio path, as a library: one stream, one frame a call."""

    def __init__(
        self, graph: Graph, folder: Path, build: str = "gcc", fuse: bool = True, target: Target = CORTEX_M7
    ) -> None:
        command = compiler(build)
        self.graph = graph
        self.folder = folder / "net"
        export_c(graph, self.folder, name="net", sound_path=None, stamp=STAMP, fuse=fuse, target=target)
        size = folder / "size.c"
        size.write_text(
            '#include "net/net.h"\nsize_t net_size(void);\nsize_t net_size(void) { return sizeof(net_context); }\n'
        )
        files = [*self.folder.glob("*.c"), *(self.folder / "runtime").rglob("*.c"), size]
        compile_files(command, sorted(files), folder / "net.so", "-shared")
        self.c = ctypes.CDLL(str(folder / "net.so"))
        self.c.net_size.restype = ctypes.c_size_t
        self.context = ctypes.create_string_buffer(self.c.net_size())
        assert self.c.net_init(self.context, ctypes.c_size_t(self.c.net_size())) == 0

    def reset(self) -> None:
        assert self.c.net_reset(self.context) == 0

    def step(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Input name -> values of the tensor's shape; output name -> int64 values likewise."""
        given = [self._narrow(name, inputs[name]) for name in self.graph.inputs]
        made = [self._narrow(name, np.full(self.graph.tensors[name].shape, 77)) for name in self.graph.outputs]
        arguments = [array.ctypes.data_as(ctypes.c_void_p) for array in (*given, *made)]
        assert self.c.net_network(self.context, *arguments) == 0
        return {name: array.astype(np.int64) for name, array in zip(self.graph.outputs, made, strict=True)}

    def _narrow(self, name: str, values: np.ndarray) -> np.ndarray:
        tensor = self.graph.tensors[name]
        narrow = np.ascontiguousarray(values, DTYPES[tensor.dtype])
        assert narrow.shape == tensor.shape
        assert (narrow == values).all()
        return narrow
