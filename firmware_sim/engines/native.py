"""Engine `native`: the exported C compiled for the host and called through ctypes."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...models.audio import SoundPath
from ...models.errors import StapesError
from ...quantize.graph import DTYPES, Graph
from ..cmsis_dsp import sources
from .base import Engine, Progress, Run, no_progress
from .network import NetworkEngine
from .program import (
    HOPS_A_CALL,
    SHIM,
    STRICT,
    ProgramSource,
    TracedTensor,
    call_compiler,
    ports_of,
    program_defines,
    program_files,
    runtime_of,
    shared_object,
    streams,
    unpack_frames,
)

FAST = ("-O3", "-march=native")


def find_compiler() -> str:
    """The C compiler: $CC, else cc, gcc or clang. Raises StapesError when there is none."""
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and shutil.which(name.split()[0]):
            return name
    raise StapesError("engine native: no C compiler found; install gcc or clang, or set CC")


def build(
    folder: Path,
    name: str,
    output: Path,
    *,
    flags: tuple[str, ...] = FAST,
    trace: bool = False,
    cc: str | None = None,
    ports: int = 0,
) -> None:
    """Compile an exported folder, the shim and CMSIS-DSP to a shared library.

    The exported C is compiled as its own Makefile does, CMSIS-DSP without warnings; a network without an audio path, of
    so many `ports`, needs none. Raises StapesError with the compiler's first complaint.
    """
    compiler = (cc or find_compiler()).split()
    cmsis = sources()
    common = ["-std=c99", "-fPIC", *flags, *(f"-I{d}" for d in cmsis.include_dirs), *(f"-D{d}" for d in cmsis.defines)]
    files = [(path, runtime_of(folder, path)) for path in program_files(folder)]
    objects = [str(shared_object([*compiler, *common], path, runtime)) for path, runtime in files if runtime]
    if not ports:
        objects += [str(shared_object([*compiler, *common, "-w"], path)) for path in cmsis.c_files]
    own = [*compiler, *common, *program_defines(folder, name, trace, ports)]
    with tempfile.TemporaryDirectory(prefix="stapes-build-") as work:
        for index, path in enumerate([*(path for path, runtime in files if not runtime), SHIM]):
            objects.append(f"{work}/{index}.o")
            call_compiler([*own, "-c", str(path), "-o", objects[-1]])
        call_compiler([*compiler, *flags, "-shared", *objects, "-o", str(output)])


class _Library:
    """One compiled variant of a program, loaded."""

    def __init__(
        self, source: ProgramSource, flags: tuple[str, ...], trace: bool, cc: str | None, ports: int = 0
    ) -> None:
        work = tempfile.mkdtemp(prefix="stapes-native-")
        weakref.finalize(self, shutil.rmtree, work, ignore_errors=True)
        path = Path(work) / f"{source.name}.so"
        build(source.folder, source.name, path, flags=flags, trace=trace, cc=cc, ports=ports)
        self.c = ctypes.CDLL(str(path))
        self.c.shim_context_bytes.restype = ctypes.c_size_t
        self.c.shim_init.argtypes = [ctypes.c_void_p]
        if ports:
            self.c.shim_step.argtypes = [ctypes.c_void_p] * 3
        else:
            self.c.shim_run.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]
        self.tensors: list[TracedTensor] = []
        if trace:
            self.c.shim_tensor_name.restype = ctypes.c_char_p
            count = self.c.shim_tensors()
            names = [self.c.shim_tensor_name(index).decode() for index in range(count)]
            self.tensors = [TracedTensor(name, self.c.shim_tensor_bytes(i)) for i, name in enumerate(names)]

    @property
    def context_bytes(self) -> int:
        return int(self.c.shim_context_bytes())

    def start(self) -> np.ndarray:
        """A new context, initialised and aligned to 16 bytes."""
        memory = np.zeros(self.context_bytes + 16, np.uint8)
        offset = -memory.ctypes.data % 16
        context = memory[offset : offset + self.context_bytes]
        status = self.c.shim_init(context.ctypes.data)
        if status:
            raise StapesError(f"engine native: init returned status {status}")
        return context


class NativeEngine(Engine):
    """The C of an exported folder. The folder may be removed once the engine is made."""

    name = "native"

    def __init__(
        self,
        folder: Path,
        graph: Graph,
        sound_path: SoundPath,
        *,
        program: str = "",
        flags: tuple[str, ...] = FAST,
        cc: str | None = None,
    ) -> None:
        super().__init__(sound_path)
        self._graph = graph
        self._source = ProgramSource(folder, program)
        self._flags = flags
        self._cc = cc
        self._fast = self._make(trace=False)
        self._traced: _Library | None = None

    def _make(self, trace: bool) -> _Library:
        return _Library(self._source, self._flags, trace, self._cc)

    @property
    def context_bytes(self) -> int:
        """RAM of one stream on this host (pointers are 8 bytes here and 4 on the device)."""
        return self._fast.context_bytes

    def run(self, audio_q15: np.ndarray, trace: bool = False, progress: Progress = no_progress) -> Run:
        audio_q15 = np.atleast_2d(audio_q15)
        if trace and self._traced is None:
            self._traced = self._make(trace=True)
        library = self._traced if trace and self._traced else self._fast
        rows = [self._stream(library, row, trace, progress) for row in streams(audio_q15, self.sound_path.hop)]
        audio = np.stack([samples for samples, _ in rows])[:, : audio_q15.shape[1]]
        frames = np.stack([frames for _, frames in rows])
        return Run(audio, unpack_frames(frames, library.tensors, self._graph) if trace else {})

    def _stream(
        self, library: _Library, given: np.ndarray, trace: bool, progress: Progress
    ) -> tuple[np.ndarray, np.ndarray]:
        hop = self.sound_path.hop
        hops = len(given) // hop
        made = np.zeros_like(given)
        frame_bytes = sum(tensor.bytes for tensor in library.tensors)
        frames = np.zeros((hops, frame_bytes if trace else 0), np.uint8)
        context = library.start()
        for start in range(0, hops, HOPS_A_CALL):
            count = min(HOPS_A_CALL, hops - start)
            traced = frames[start:].ctypes.data if trace else None
            here = slice(start * hop, (start + count) * hop)
            status = library.c.shim_run(
                context.ctypes.data, given[here].ctypes.data, made[here].ctypes.data, count, traced, frame_bytes
            )
            if status:
                raise StapesError(f"engine native: process returned status {status}")
            progress(count)
        return made, frames


class NativeNetwork(NetworkEngine):
    """The C of an exported network without an audio path. The folder may be removed once the engine is made."""

    name = "native"

    def __init__(self, folder: Path, graph: Graph) -> None:
        super().__init__(graph)
        self._source = ProgramSource(folder)
        self._libraries: dict[bool, _Library] = {}
        self._library(trace=False)

    def _library(self, trace: bool) -> _Library:
        if trace not in self._libraries:
            self._libraries[trace] = _Library(self._source, FAST, trace, None, ports_of(self.graph))
        return self._libraries[trace]

    def start(self, batch: int, trace: bool = False) -> None:
        self._running, self._trace = self._library(trace), trace
        self._contexts = [self._running.start() for _ in range(batch)]

    def step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = [
            self._step(context, {name: values[row] for name, values in inputs.items()})
            for row, context in enumerate(self._contexts)
        ]
        return {name: np.stack([made[name] for made in rows]) for name in rows[0]}

    def _step(self, context: np.ndarray, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        tensors = self.graph.tensors
        given = [
            np.ascontiguousarray(np.reshape(inputs[name], tensors[name].shape), DTYPES[tensors[name].dtype])
            for name in self.graph.inputs
        ]
        made = {name: np.zeros(tensors[name].shape, DTYPES[tensors[name].dtype]) for name in self.graph.outputs}
        arrays = [*given, *made.values()]
        ports = (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
        frame = np.zeros(sum(tensor.bytes for tensor in self._running.tensors), np.uint8)
        status = self._running.c.shim_step(context.ctypes.data, ports, frame.ctypes.data if self._trace else None)
        if status:
            raise StapesError(f"engine native: network returned status {status}")
        if not self._trace:
            return made
        traced = unpack_frames(frame.reshape(1, 1, -1), self._running.tensors, self.graph)
        return {**{name: values[0, 0] for name, values in traced.items()}, **made}


__all__ = ["FAST", "STRICT", "NativeEngine", "NativeNetwork", "build", "find_compiler"]
