"""A program streamed through the emulator unicorn: hops of audio, or frames of its network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...models.errors import StapesError
from ..device.firmware import Firmware
from ..engines.compiled import Changes, Stream, stretches
from ..engines.network import Progress, no_progress
from ..engines.program import Ports, TracedTensor
from .unicorn_device import EXCHANGE, EXCHANGE_BYTES, UnicornDevice

CONTEXT = "device_context"
_HOPS_A_CALL = 100
_ALIGNED = 16
# What lies where an output will be, so that one which is not written is seen.
_UNWRITTEN = b"\x4d"


def traced_tensors(firmware: Firmware, name: str) -> list[TracedTensor]:
    """What a program built with STAPES_TRACE hands out, from its own tables."""
    names, sizes = firmware.words(f"{name}_tensor_names"), firmware.words(f"{name}_tensor_bytes")
    return [TracedTensor(firmware.string(at), size) for at, size in zip(names, sizes, strict=True)]


def started(device: UnicornDevice) -> int:
    """Initialise the program's context; returns its address."""
    context = device.firmware.symbol(CONTEXT).address
    status = device.call("shim_init", context)
    if status:
        raise StapesError(f"engine cortex-m7: init returned status {status}")
    return context


class PortMemory:
    """Where a device's memory holds the inputs and outputs of a network, from EXCHANGE on; `table` holds their addresses.

    Raises StapesError where they do not fit.
    """

    def __init__(self, ports: Ports, traced_bytes: int = 0) -> None:
        self.ports, self.table = ports, EXCHANGE
        at = EXCHANGE + _aligned(4 * ports.count)
        self.places: list[int] = []
        for size in (*ports.inputs, *ports.outputs):
            self.places.append(at)
            at += _aligned(size)
        self.trace = at
        if at + traced_bytes > EXCHANGE + EXCHANGE_BYTES:
            raise StapesError(
                f"engine cortex-m7: a frame's inputs, outputs and tensors take {at + traced_bytes - EXCHANGE:,} bytes; the "
                f"emulator has {EXCHANGE_BYTES:,} for them"
            )

    def prepare(self, device: UnicornDevice) -> None:
        device.write(self.table, b"".join(place.to_bytes(4, "little") for place in self.places))
        for place, size in zip(self.places[len(self.ports.inputs) :], self.ports.outputs, strict=True):
            device.write(place, _UNWRITTEN * size)

    def write(self, device: UnicornDevice, inputs: Sequence[bytes]) -> None:
        for place, data in zip(self.places, inputs, strict=False):
            device.write(place, data)

    def read(self, device: UnicornDevice) -> list[bytes]:
        places = self.places[len(self.ports.inputs) :]
        return [device.read(place, size) for place, size in zip(places, self.ports.outputs, strict=True)]


def _aligned(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


class UnicornStream(Stream):
    """One context of a program on a device of its own; `tensors` are what the program traces, `ports` those it was built with."""

    def __init__(self, firmware: Firmware, tensors: Sequence[TracedTensor] = (), ports: Ports | None = None) -> None:
        self._device = UnicornDevice(firmware)
        self._context = started(self._device)
        self._frame_bytes = sum(tensor.bytes for tensor in tensors)
        self._memory = PortMemory(ports or Ports((), ()), self._frame_bytes)
        self._memory.prepare(self._device)

    def hops(
        self, samples: np.ndarray, hop: int, progress: Progress, changes: Changes = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        device, frame_bytes, hops = self._device, self._frame_bytes, len(samples) // hop
        room = EXCHANGE_BYTES // (4 * hop + frame_bytes)
        made, frames = np.zeros_like(samples), np.zeros((hops, frame_bytes), np.uint8)
        for start, count, controls in stretches(hops, min(_HOPS_A_CALL, room), changes):
            if controls is not None:
                device.write(EXCHANGE, controls)
                _require_ok("set_controls", device.call("shim_set_controls", self._context, EXCHANGE))
            here = slice(start * hop, (start + count) * hop)
            out = EXCHANGE + 2 * count * hop
            traced = out + 2 * count * hop
            device.write(EXCHANGE, samples[here].astype("<i2").tobytes())
            arguments = (self._context, EXCHANGE, out, count, traced if frame_bytes else 0, frame_bytes)
            _require_ok("process", device.call("shim_run", *arguments))
            made[here] = np.frombuffer(device.read(out, 2 * count * hop), "<i2")
            if frame_bytes:
                raw = np.frombuffer(device.read(traced, count * frame_bytes), np.uint8)
                frames[start : start + count] = raw.reshape(count, frame_bytes)
            progress(count)
        return made, frames

    def frame(self, inputs: Sequence[bytes]) -> tuple[list[bytes], bytes]:
        device, memory = self._device, self._memory
        memory.write(device, inputs)
        trace = memory.trace if self._frame_bytes else 0
        _require_ok("network", device.call("shim_step", self._context, memory.table, trace))
        return memory.read(device), device.read(trace, self._frame_bytes) if trace else b""


def _require_ok(what: str, status: int) -> None:
    if status:
        raise StapesError(f"engine cortex-m7: {what} returned status {status}")


def unicorn_run(
    firmware: Firmware,
    samples: np.ndarray,
    hop: int,
    tensors: Sequence[TracedTensor] = (),
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Whole hops int16 (S,) from reset -> int16 (S,) and the traced bytes uint8 (T, bytes)."""
    return UnicornStream(firmware, tensors).hops(samples, hop, progress)
