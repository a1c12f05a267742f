"""A program streamed through the emulator unicorn, hop by hop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...models.errors import StapesError
from ..engines.base import Progress, no_progress
from ..engines.program import TracedTensor
from .firmware import Firmware
from .unicorn_device import EXCHANGE, EXCHANGE_BYTES, UnicornDevice

CONTEXT = "device_context"
_HOPS_A_CALL = 100


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


def unicorn_run(
    firmware: Firmware,
    samples: np.ndarray,
    hop: int,
    tensors: Sequence[TracedTensor] = (),
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Whole hops int16 (S,) from reset -> int16 (S,) and the traced bytes uint8 (T, bytes)."""
    device = UnicornDevice(firmware)
    context = started(device)
    frame_bytes = sum(tensor.bytes for tensor in tensors)
    hops = len(samples) // hop
    room = EXCHANGE_BYTES // (4 * hop + frame_bytes)
    made, frames = np.zeros_like(samples), np.zeros((hops, frame_bytes), np.uint8)
    for start in range(0, hops, min(_HOPS_A_CALL, room)):
        count = min(_HOPS_A_CALL, room, hops - start)
        here = slice(start * hop, (start + count) * hop)
        out = EXCHANGE + 2 * count * hop
        traced = out + 2 * count * hop
        device.write(EXCHANGE, samples[here].astype("<i2").tobytes())
        status = device.call("shim_run", context, EXCHANGE, out, count, traced if frame_bytes else 0, frame_bytes)
        if status:
            raise StapesError(f"engine cortex-m7: process returned status {status}")
        made[here] = np.frombuffer(device.read(out, 2 * count * hop), "<i2")
        if frame_bytes:
            raw = np.frombuffer(device.read(traced, count * frame_bytes), np.uint8)
            frames[start : start + count] = raw.reshape(count, frame_bytes)
        progress(count)
    return made, frames
