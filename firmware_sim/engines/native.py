"""Engine `native`: the exported C compiled for the host and called through ctypes."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...models.errors import StapesError
from ..cmsis_dsp import sources
from .compiled import Changes, Machine, Program, Stream, stretches
from .network import Progress
from .program import (
    HOPS_A_CALL,
    SHIM,
    STRICT,
    Ports,
    ProgramSource,
    TracedTensor,
    call_compiler,
    needs_controls,
    needs_transform,
    program_defines,
    program_files,
    runtime_of,
    shared_object,
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
    ports: Ports | None = None,
) -> None:
    """Compile an exported folder, the shim (see `program_defines`) and what it needs of CMSIS-DSP to a shared library.

    The exported C is compiled as its own Makefile does, CMSIS-DSP without warnings. Raises StapesError with the compiler's
    first complaint.
    """
    compiler = (cc or find_compiler()).split()
    cmsis = sources()
    common = ["-std=c99", "-fPIC", *flags, *(f"-I{d}" for d in cmsis.include_dirs), *(f"-D{d}" for d in cmsis.defines)]
    files = [(path, runtime_of(folder, path)) for path in program_files(folder)]
    objects = [str(shared_object([*compiler, *common], path, runtime)) for path, runtime in files if runtime]
    if needs_transform(folder):
        objects += [str(shared_object([*compiler, *common, "-w"], path)) for path in cmsis.c_files]
    own = [*compiler, *common, *program_defines(folder, name, trace, ports)]
    with tempfile.TemporaryDirectory(prefix="stapes-build-") as work:
        for index, path in enumerate([*(path for path, runtime in files if not runtime), SHIM]):
            objects.append(f"{work}/{index}.o")
            call_compiler([*own, "-c", str(path), "-o", objects[-1]])
        call_compiler([*compiler, *flags, "-shared", *objects, "-o", str(output)])


class Native(Machine):
    """This host and its C compiler, called through ctypes. `flags` and `cc` are those of `build`."""

    name = "native"

    def __init__(self, flags: tuple[str, ...] = FAST, cc: str | None = None) -> None:
        self._flags, self._cc = flags, cc
        if cc is None:
            find_compiler()

    def load(self, source: ProgramSource, *, trace: bool, ports: Ports | None = None) -> Program:
        return _Library(source, self._flags, trace, self._cc, ports)


class _Library(Program):
    """One compiled variant of a program, loaded."""

    def __init__(
        self, source: ProgramSource, flags: tuple[str, ...], trace: bool, cc: str | None, ports: Ports | None
    ) -> None:
        work = tempfile.mkdtemp(prefix="stapes-native-")
        weakref.finalize(self, shutil.rmtree, work, ignore_errors=True)
        path = Path(work) / f"{source.name}.so"
        build(source.folder, source.name, path, flags=flags, trace=trace, cc=cc, ports=ports)
        self.ports = ports or Ports((), ())
        self.c = ctypes.CDLL(str(path))
        self.c.shim_context_bytes.restype = ctypes.c_size_t
        self.c.shim_init.argtypes = [ctypes.c_void_p]
        if ports:
            self.c.shim_step.argtypes = [ctypes.c_void_p] * 3
        else:
            if needs_controls(source.folder):
                self.c.shim_set_controls.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
            self.c.shim_run.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t]
        if trace:
            self.c.shim_tensor_name.restype = ctypes.c_char_p
            count = self.c.shim_tensors()
            names = [self.c.shim_tensor_name(index).decode() for index in range(count)]
            self.tensors = [TracedTensor(name, self.c.shim_tensor_bytes(i)) for i, name in enumerate(names)]

    def start(self) -> Stream:
        return _Context(self)


class _Context(Stream):
    """A context in this process, aligned to 16 bytes."""

    def __init__(self, library: _Library) -> None:
        self._library = library
        size = int(library.c.shim_context_bytes())
        self._memory = np.zeros(size + 16, np.uint8)
        self._context = self._memory.ctypes.data + -self._memory.ctypes.data % 16
        self._frame_bytes = sum(tensor.bytes for tensor in library.tensors)
        sizes = (*library.ports.inputs, *library.ports.outputs)
        self._arrays = [ctypes.create_string_buffer(size) for size in sizes]
        self._pointers = (ctypes.c_void_p * len(sizes))(*map(ctypes.addressof, self._arrays))
        status = library.c.shim_init(self._context)
        if status:
            raise StapesError(f"engine native: init returned status {status}")

    def hops(
        self, samples: np.ndarray, hop: int, progress: Progress, changes: Changes = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        hops = len(samples) // hop
        made = np.zeros_like(samples)
        frames = np.zeros((hops, self._frame_bytes), np.uint8)
        for start, count, controls in stretches(hops, HOPS_A_CALL, changes):
            if controls is not None and (status := self._library.c.shim_set_controls(self._context, controls)):
                raise StapesError(f"engine native: set_controls returned status {status}")
            traced = frames[start:].ctypes.data if self._frame_bytes else None
            here = slice(start * hop, (start + count) * hop)
            given, out = samples[here].ctypes.data, made[here].ctypes.data
            status = self._library.c.shim_run(self._context, given, out, count, traced, self._frame_bytes)
            if status:
                raise StapesError(f"engine native: process returned status {status}")
            progress(count)
        return made, frames

    def frame(self, inputs: Sequence[bytes]) -> tuple[list[bytes], bytes]:
        for array, data in zip(self._arrays, inputs, strict=False):
            ctypes.memmove(array, data, len(data))
        traced = ctypes.create_string_buffer(self._frame_bytes) if self._frame_bytes else None
        status = self._library.c.shim_step(self._context, self._pointers, traced)
        if status:
            raise StapesError(f"engine native: network returned status {status}")
        return [array.raw for array in self._arrays[len(inputs) :]], traced.raw if traced else b""


__all__ = ["FAST", "STRICT", "Native", "build", "find_compiler"]
