"""Engines of an exported program: its network frame by frame, or path and network in one, on any machine that can run its C.

A `Machine` compiles a program and loads it, a `Program` is one compiled variant, a `Stream` one context of it from a reset. They
take and give bytes as they lie in the device's memory; what the bytes mean is told here, once for all machines.
B utterances, S samples, T frames.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from ...models.audio import SoundPath
from ...quantize.audio.controls import control_turns
from ...quantize.graph import DTYPES, Graph
from .audio import AudioEngine, Run
from .network import NetworkEngine, Progress, no_progress
from .program import Ports, ProgramSource, TracedTensor, streams, unpack_frames

# Hops from which on other controls are in force, in order, with their words as they lie in memory.
Changes = Sequence[tuple[int, bytes]]


def stretches(hops: int, longest: int, changes: Changes) -> Iterator[tuple[int, int, bytes | None]]:
    """(first hop, number of hops, controls that are set before it) of calls of at most `longest` hops."""
    given = dict(changes)
    stops = sorted({*range(0, hops, longest), *(hop for hop in given if hop < hops), hops})
    for start, end in pairwise(stops):
        yield start, end - start, given.get(start)


class Stream(ABC):
    """One context of a program. It runs hops or frames, as the program was loaded."""

    @abstractmethod
    def hops(
        self, samples: np.ndarray, hop: int, progress: Progress, changes: Changes = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Whole hops int16 (S,) -> int16 (S,), and the traced bytes uint8 (T, bytes). Raises StapesError where the program fails."""

    @abstractmethod
    def frame(self, inputs: Sequence[bytes]) -> tuple[list[bytes], bytes]:
        """One frame of the network: its inputs in their order -> its outputs, and the traced bytes."""


class Program(ABC):
    """A compiled variant of a program; `tensors` are what it traces, in order."""

    tensors: Sequence[TracedTensor] = ()

    @abstractmethod
    def start(self) -> Stream:
        """A new context, initialised. Raises StapesError where the program does not start."""


class Machine(ABC):
    """A compiler and what runs its programs."""

    name: str

    @abstractmethod
    def load(self, source: ProgramSource, *, trace: bool, ports: Ports | None = None) -> Program:
        """Compile a program: for frames of its network, where `ports` are given, else for hops of audio.

        Raises StapesError where this machine lacks what it takes, and with the compiler's first complaint.
        """


class _Variants:
    """A program with and without its trace; each is compiled when it is first needed."""

    def __init__(self, machine: Machine, folder: Path, name: str = "", ports: Ports | None = None) -> None:
        self._machine, self._source, self._ports = machine, ProgramSource(folder, name), ports
        self._made: dict[bool, Program] = {}

    def get(self, trace: bool) -> Program:
        if trace not in self._made:
            self._made[trace] = self._machine.load(self._source, trace=trace, ports=self._ports)
        return self._made[trace]


class CompiledPipeline(AudioEngine):
    """The C of an exported folder as a firmware calls it: a hop of audio in, a hop out. The folder may be removed once it is made.

    `program` is the name of the program, that of the folder by default; `trace` compiles the traced variant at once instead of
    the plain one, the other follows when it is needed.
    """

    def __init__(
        self,
        machine: Machine,
        folder: Path,
        graph: Graph,
        sound_path: SoundPath,
        *,
        program: str = "",
        trace: bool = False,
    ) -> None:
        super().__init__(sound_path)
        self.name, self.graph = machine.name, graph
        self._variants = _Variants(machine, folder, program)
        self._variants.get(trace)

    def run(
        self,
        audio_q15: np.ndarray,
        trace: bool = False,
        progress: Progress = no_progress,
        controls: np.ndarray | None = None,
    ) -> Run:
        audio_q15, hop = np.atleast_2d(audio_q15), self.sound_path.hop
        program = self._variants.get(trace)
        blocks = -(-audio_q15.shape[1] // hop)
        changes = [
            (block, row.astype("<i4").tobytes()) for block, row in control_turns(self.sound_path, controls, blocks)
        ]
        rows = [program.start().hops(row, hop, progress, changes) for row in streams(audio_q15, hop)]
        audio = np.stack([made for made, _ in rows])[:, : audio_q15.shape[1]]
        if not trace:
            return Run(audio)
        return Run(audio, unpack_frames(np.stack([frames for _, frames in rows]), program.tensors, self.graph))


class CompiledNetwork(NetworkEngine):
    """The network of an exported program, with or without an audio path in it. The folder may be removed once it is made."""

    def __init__(self, machine: Machine, folder: Path, graph: Graph, *, program: str = "", trace: bool = False) -> None:
        super().__init__(graph)
        self.name = machine.name
        self._variants = _Variants(machine, folder, program, Ports.of(graph))
        self._variants.get(trace)
        self._streams: list[Stream] = []

    def _start(self, batch: int, trace: bool) -> None:
        self._program = self._variants.get(trace)
        self._streams.clear()  # a stream may hold a whole emulator
        self._streams += [self._program.start() for _ in range(batch)]

    def _step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = [
            stream.frame([values[row].tobytes() for values in inputs.values()])
            for row, stream in enumerate(self._streams)
        ]
        made = {}
        for index, name in enumerate(self.graph.outputs):
            tensor = self.graph.tensors[name]
            codes = np.frombuffer(b"".join(outputs[index] for outputs, _ in rows), DTYPES[tensor.dtype])
            made[name] = codes.reshape(len(rows), *tensor.shape)
        return self._traced([frame for _, frame in rows]) | made

    def _traced(self, rows: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Tensors of the graph by name; the quantities of an audio path, which did not run, are left out."""
        if not self._program.tensors:
            return {}
        frames = np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), 1, -1)
        traced = unpack_frames(frames, self._program.tensors, self.graph)
        return {name: values[:, 0] for name, values in traced.items() if name in self.graph.tensors}
