"""A network without an audio path on the emulated device, frame by frame: its arrays, its context, its traced tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...models.errors import StapesError
from ...quantize.graph import DTYPES, Graph
from ..engines.program import TracedTensor, unpack_frames
from .firmware import Firmware
from .unicorn_device import EXCHANGE, UnicornDevice
from .unicorn_run import started

_ALIGNED = 16


class NetworkStream:
    """One utterance through a program that was built with `ports`; `tensors` are what it traces."""

    def __init__(self, firmware: Firmware, name: str, graph: Graph, tensors: Sequence[TracedTensor] = ()) -> None:
        self._name, self._graph, self._tensors = name, graph, tensors
        self.device = UnicornDevice(firmware)
        self._context = started(self.device)
        ports = (*graph.inputs, *graph.outputs)
        at = EXCHANGE + _aligned(4 * len(ports))
        self._places: dict[str, int] = {}
        for port in ports:
            self._places[port] = at
            at += _aligned(graph.tensors[port].bytes)
        self._frame = at
        self.device.write(EXCHANGE, b"".join(place.to_bytes(4, "little") for place in self._places.values()))

    def step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One frame: input name -> integers of the tensor's shape; the traced tensors and the outputs by name."""
        self._write(inputs)
        self._require_ok(self.device.call("shim_step", self._context, EXCHANGE, self._frame if self._tensors else 0))
        return self._made()

    def _write(self, inputs: Mapping[str, np.ndarray]) -> None:
        for name in self._graph.inputs:
            codes = np.ascontiguousarray(inputs[name], DTYPES[self._graph.tensors[name].dtype])
            self.device.write(self._places[name], codes.tobytes())

    def _made(self) -> dict[str, np.ndarray]:
        made = {}
        if self._tensors:
            raw = self.device.read(self._frame, sum(tensor.bytes for tensor in self._tensors))
            traced = unpack_frames(np.frombuffer(raw, np.uint8).reshape(1, 1, -1), self._tensors, self._graph)
            made = {name: values[0, 0] for name, values in traced.items()}
        for name in self._graph.outputs:
            tensor = self._graph.tensors[name]
            raw = self.device.read(self._places[name], tensor.bytes)
            made[name] = np.frombuffer(raw, DTYPES[tensor.dtype]).reshape(tensor.shape)
        return made

    def _require_ok(self, status: int) -> None:
        if status:
            raise StapesError(f"engine cortex-m7: {self._name}_network returned status {status}")


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED
