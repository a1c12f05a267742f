"""What a program is called with while its cost is counted, call by call: hops of sound, or frames of its network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from ...models.audio import SoundPath
from ...models.errors import StapesError
from ...quantize.audio.controls import control_turns
from ...quantize.graph import DTYPES, Graph
from ..compare import first_tensor_difference
from ..engines.network import run_network
from ..engines.numpy_engine import NumpyNetwork
from ..engines.pipeline import Pipeline
from ..engines.program import Ports, streams
from .unicorn_device import EXCHANGE, UnicornDevice
from .unicorn_run import PortMemory


class Calls(ABC):
    """Calls of one function of a program, in order from a reset.

    `function` is its name behind that of the program, `ports` those that the program is built with, `seconds` the time between
    two calls, where there is one.
    """

    function: str
    ports: Ports | None = None
    seconds: float | None = None

    @abstractmethod
    def __len__(self) -> int: ...

    def before(self, device: UnicornDevice, context: int, index: int) -> None:
        """What is set between call `index` and the one before it, which is not counted: by default nothing."""
        del device, context, index

    @abstractmethod
    def write(self, device: UnicornDevice, index: int) -> tuple[int, ...]:
        """Place what call `index` takes; returns its arguments behind the context."""

    @abstractmethod
    def read(self, device: UnicornDevice) -> bytes:
        """What the last call made."""

    @abstractmethod
    def require_same(self, made: Sequence[bytes]) -> None:
        """Raises StapesError where the calls made something else than numpy."""


class Hops(Calls):
    """Sound int16 (S,) through path and network; the last hop is filled with zeros. `controls` int32 (T, W) are in force hop by hop."""

    function = "process"

    def __init__(
        self, graph: Graph, sound_path: SoundPath, audio_q15: np.ndarray, controls: np.ndarray | None = None
    ) -> None:
        self._graph, self._path, self._controls = graph, sound_path, controls
        self._samples = streams(audio_q15, sound_path.hop)[0]
        self._changes = dict(control_turns(sound_path, controls, len(self)))
        self.seconds = sound_path.hop / sound_path.sample_rate

    def __len__(self) -> int:
        return len(self._samples) // self._path.hop

    def before(self, device: UnicornDevice, context: int, index: int) -> None:
        if index in self._changes:
            device.write(EXCHANGE, self._changes[index].astype("<i4").tobytes())
            if status := device.call("shim_set_controls", context, EXCHANGE):
                raise StapesError(f"engine cortex-m7: set_controls returned status {status}")

    def write(self, device: UnicornDevice, index: int) -> tuple[int, ...]:
        hop = self._path.hop
        device.write(EXCHANGE, self._samples[index * hop : (index + 1) * hop].astype("<i2").tobytes())
        return EXCHANGE, EXCHANGE + 2 * hop

    def read(self, device: UnicornDevice) -> bytes:
        return device.read(EXCHANGE + 2 * self._path.hop, 2 * self._path.hop)

    def require_same(self, made: Sequence[bytes]) -> None:
        got = np.frombuffer(b"".join(made), "<i2")
        pipeline = Pipeline(self._path, NumpyNetwork(self._graph))
        expected = pipeline.run(self._samples[None], controls=self._controls).audio_q15[0]
        if (expected != got).any():
            first = int(np.argmax(expected != got))
            raise StapesError(
                f"engine cortex-m7: sample {first} is {got[first]} instead of {expected[first]}; "
                "find the tensor with: stapes regress --engine cortex-m7"
            )


class Frames(Calls):
    """Codes of a network's inputs by name (T, *shape)."""

    function = "network"

    def __init__(self, graph: Graph, codes: Mapping[str, np.ndarray]) -> None:
        self._graph, self._codes = graph, codes
        self.ports = Ports.of(graph)
        self._memory = PortMemory(self.ports)

    def __len__(self) -> int:
        return len(next(iter(self._codes.values())))

    def write(self, device: UnicornDevice, index: int) -> tuple[int, ...]:
        tensors = self._graph.tensors
        given = [np.asarray(self._codes[name][index], DTYPES[tensors[name].dtype]) for name in self._graph.inputs]
        self._memory.write(device, [codes.tobytes() for codes in given])
        return tuple(self._memory.places)

    def read(self, device: UnicornDevice) -> bytes:
        return b"".join(self._memory.read(device))

    def require_same(self, made: Sequence[bytes]) -> None:
        expected = run_network(
            NumpyNetwork(self._graph), {name: self._codes[name][None] for name in self._graph.inputs}
        )
        rows = [Ports.of(self._graph).split(data) for data in made]
        got = {}
        for index, name in enumerate(self._graph.outputs):
            codes = np.frombuffer(b"".join(row[index] for row in rows), DTYPES[self._graph.tensors[name].dtype])
            got[name] = codes.reshape(1, len(rows), -1)
        if (found := first_tensor_difference("engine cortex-m7", expected, got)) is not None:
            raise StapesError(f"{found}; find where it begins with: stapes regress --engine cortex-m7")
