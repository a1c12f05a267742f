"""Engines `cortex-m7` and `cortex-m7-qemu`: the exported C, cross-compiled, on an emulated Cortex-M7."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...models.audio import SoundPath
from ...quantize.graph import Graph
from ..cortex_m7.firmware import Firmware, import_elftools
from ..cortex_m7.network_stream import NetworkStream
from ..cortex_m7.qemu_device import find_qemu, run_in_qemu
from ..cortex_m7.toolchain import build, find_toolchain, new_work_folder
from ..cortex_m7.unicorn_device import import_unicorn
from ..cortex_m7.unicorn_run import traced_tensors, unicorn_run
from .base import Engine, Progress, Run, no_progress
from .network import NetworkEngine
from .program import ProgramSource, TracedTensor, ports_of, streams, unpack_frames


def require_unicorn() -> None:
    """Raises StapesError naming what the engine `cortex-m7` lacks on this machine."""
    import_elftools()
    import_unicorn()
    find_toolchain()


def require_qemu() -> None:
    """Raises StapesError naming what the engine `cortex-m7-qemu` lacks on this machine."""
    import_elftools()
    find_qemu()
    find_toolchain()


class _Image:
    """One linked variant of a program; its files live as long as this object."""

    def __init__(
        self, source: ProgramSource, toolchain: str | None, trace: bool, portable: bool, ports: int = 0
    ) -> None:
        work = new_work_folder()
        weakref.finalize(self, shutil.rmtree, work, ignore_errors=True)
        chain = find_toolchain(toolchain)
        built = build(source.folder, source.name, work, toolchain=chain, trace=trace, portable=portable, ports=ports)
        self.elf: Path = built.elf
        self.firmware = Firmware(built.elf)
        self.tensors: list[TracedTensor] = traced_tensors(self.firmware, source.name) if trace else []


class CortexM7Engine(Engine):
    """The C of an exported folder on the device's own instruction set. The folder may be removed once it is made.

    `toolchain` is "gcc", "zig" or None for the first that is here; `qemu` chooses that emulator instead of unicorn;
    `trace` compiles the traced variant at once instead of the plain one, the other follows when it is needed; `portable`
    takes the kernels in plain C99.
    """

    def __init__(
        self,
        folder: Path,
        graph: Graph,
        sound_path: SoundPath,
        *,
        program: str = "",
        toolchain: str | None = None,
        qemu: bool = False,
        trace: bool = False,
        portable: bool = False,
    ) -> None:
        super().__init__(sound_path)
        (require_qemu if qemu else require_unicorn)()
        self.name = "cortex-m7-qemu" if qemu else "cortex-m7"
        self._graph = graph
        self._toolchain = toolchain
        self._qemu = qemu
        self._portable = portable
        self._source = ProgramSource(folder, program)
        self._images: dict[bool, _Image] = {}
        self._image(trace)

    def _image(self, trace: bool) -> _Image:
        if trace not in self._images:
            self._images[trace] = _Image(self._source, self._toolchain, trace, self._portable)
        return self._images[trace]

    def run(self, audio_q15: np.ndarray, trace: bool = False, progress: Progress = no_progress) -> Run:
        audio_q15 = np.atleast_2d(audio_q15)
        image = self._image(trace)
        rows = [self._stream(image, row, progress) for row in streams(audio_q15, self.sound_path.hop)]
        audio = np.stack([made for made, _ in rows])[:, : audio_q15.shape[1]]
        frames = np.stack([frames for _, frames in rows])
        return Run(audio, unpack_frames(frames, image.tensors, self._graph) if trace else {})

    def _stream(self, image: _Image, samples: np.ndarray, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
        if self._qemu:
            done = run_in_qemu(image.elf, samples)
            progress(len(samples) // self.sound_path.hop)
            return done.audio_q15, done.frames
        return unicorn_run(image.firmware, samples, self.sound_path.hop, image.tensors, progress)


class CortexM7Network(NetworkEngine):
    """The C of an exported network without an audio path, as in `CortexM7Engine`, on the emulator unicorn."""

    name = "cortex-m7"

    def __init__(self, folder: Path, graph: Graph, *, toolchain: str | None = None) -> None:
        super().__init__(graph)
        require_unicorn()
        self._source, self._toolchain = ProgramSource(folder), toolchain
        self._images: dict[bool, _Image] = {}
        self._image(trace=False)

    def _image(self, trace: bool) -> _Image:
        if trace not in self._images:
            self._images[trace] = _Image(self._source, self._toolchain, trace, False, ports_of(self.graph))
        return self._images[trace]

    def start(self, batch: int, trace: bool = False) -> None:
        image = self._image(trace)
        self._streams = [
            NetworkStream(image.firmware, self._source.name, self.graph, image.tensors) for _ in range(batch)
        ]

    def step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = [
            stream.step({name: values[row] for name, values in inputs.items()})
            for row, stream in enumerate(self._streams)
        ]
        return {name: np.stack([made[name] for made in rows]) for name in rows[0]}
