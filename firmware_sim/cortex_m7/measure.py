"""What an exported program costs on the Cortex-M7: instructions, stack, flash and RAM, counted and repeatable.

Instructions are not cycles: neither emulator knows of dual issue, wait states or caches.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...models.audio import SoundPath
from ...models.errors import StapesError
from ...quantize.graph import Graph
from ..engines.numpy_engine import NumpyEngine
from ..engines.program import streams
from .counting import Count, InstructionCounter
from .firmware import Firmware
from .footprint import footprint, stack_usage
from .stages import NETWORK
from .toolchain import OPTIMISATION, build, find_toolchain
from .unicorn_device import EXCHANGE, UnicornDevice
from .unicorn_run import CONTEXT, started

COUNTED_HOPS = 125


@dataclass(frozen=True)
class DeviceReport:
    """Counted costs; sizes in bytes. `instructions_by_stage` and `instructions_by_function` are those of the hop with
    the most instructions among `counted_hops`, and sum up to `instructions_per_hop`.

    `instructions_per_mac` sets the network's instructions against its multiply-accumulates. `stack_bytes` is the depth
    that was reached over all hops, `stack_bytes_by_compiler` the sum of the compiler's figures along the deepest chain
    of calls (None where it gives none). The stack is not part of `ram_bytes`.
    """

    kernels: str
    compiler: str
    hops: int
    counted_hops: int
    hop_seconds: float
    macs: int
    instructions_per_hop: int
    instructions_per_hop_mean: float
    instructions_per_hop_least: int
    instructions_network: int
    instructions_audio: int
    instructions_per_mac: float
    instructions_by_stage: dict[str, int]
    instructions_by_function: dict[str, int]
    stack_bytes: int
    stack_bytes_by_compiler: int | None
    flash_bytes: int
    flash_by_section: dict[str, int]
    flash_by_object: dict[str, int]
    ram_bytes: int
    ram_by_section: dict[str, int]
    ram_by_object: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure(
    folder: Path,
    graph: Graph,
    sound_path: SoundPath,
    audio_q15: np.ndarray,
    *,
    program: str = "",
    toolchain: str | None = None,
    counted_hops: int = COUNTED_HOPS,
    kernels: str = "Cortex-M7",
) -> DeviceReport:
    """Run audio int16 (S,) through the exported program on the emulated device and count what it costs.

    `counted_hops` hops, evenly spread over the audio, are counted; `kernels` says in words what was exported. Raises
    StapesError where the machine lacks the compiler or the emulator, and where the device's bits are not those of the graph.
    """
    name = program or Path(folder).name
    samples = streams(audio_q15, sound_path.hop)[0]
    with tempfile.TemporaryDirectory(prefix="stapes-m7-") as work:
        chain = find_toolchain(toolchain)
        built = build(folder, name, Path(work), toolchain=chain)
        firmware = Firmware(built.elf)
        usage = stack_usage(built)
        sizes = footprint(firmware, built)
    hops = len(samples) // sound_path.hop
    chosen = sorted({int(hop) for hop in np.linspace(0, hops - 1, min(hops, counted_hops))})
    streamed = _stream(firmware, f"{name}_process", samples, sound_path.hop, chosen)
    _require_same_bits(streamed.audio_q15, samples, graph, sound_path)
    counts = _count(firmware, f"{name}_process", streamed, samples, sound_path.hop, usage)
    worst = max(counts, key=lambda count: count.instructions)
    network = sum(count for stage, count in worst.by_stage.items() if stage.startswith(NETWORK))
    macs = _macs(folder, name)
    return DeviceReport(
        kernels=kernels,
        compiler=f"{chain.version}, {OPTIMISATION}",
        hops=hops,
        counted_hops=len(counts),
        hop_seconds=sound_path.hop / sound_path.sample_rate,
        macs=macs,
        instructions_per_hop=worst.instructions,
        instructions_per_hop_mean=round(float(np.mean([count.instructions for count in counts])), 1),
        instructions_per_hop_least=min(count.instructions for count in counts),
        instructions_network=network,
        instructions_audio=worst.instructions - network,
        instructions_per_mac=round(network / macs, 3),
        instructions_by_stage=worst.by_stage,
        instructions_by_function=worst.by_function,
        stack_bytes=streamed.stack_bytes,
        stack_bytes_by_compiler=max(count.stack_bytes for count in counts) if usage else None,
        flash_bytes=sizes.flash_bytes,
        flash_by_section=sizes.flash_by_section,
        flash_by_object=sizes.flash_by_object,
        ram_bytes=sizes.ram_bytes,
        ram_by_section=sizes.ram_by_section,
        ram_by_object=sizes.ram_by_object,
    )


def _macs(folder: Path, name: str) -> int:
    """Multiply-accumulates of a frame, as the program's own header states them."""
    found = re.search(rf"^#define {name.upper()}_MACS (\d+)", (folder / f"{name}.h").read_text(), re.MULTILINE)
    if found is None or not int(found[1]):
        raise StapesError(f"{folder / f'{name}.h'}: states no multiply-accumulates; export the bundle again")
    return int(found[1])


@dataclass(frozen=True)
class _Streamed:
    """A run at full speed, with the context as it was before each chosen hop."""

    audio_q15: np.ndarray
    contexts: dict[int, bytes]
    stack_bytes: int


def _stream(firmware: Firmware, process: str, samples: np.ndarray, hop: int, chosen: list[int]) -> _Streamed:
    device = UnicornDevice(firmware)
    context, size = started(device), firmware.symbol(CONTEXT).size
    device.paint_stack()
    made, contexts = np.zeros_like(samples), {}
    for index in range(len(samples) // hop):
        if index in chosen:
            contexts[index] = device.read(context, size)
        made[index * hop : (index + 1) * hop] = _process(device, process, context, samples, hop, index)
    return _Streamed(made, contexts, device.stack_bytes())


def _process(
    device: UnicornDevice, process: str, context: int, samples: np.ndarray, hop: int, index: int
) -> np.ndarray:
    device.write(EXCHANGE, samples[index * hop : (index + 1) * hop].astype("<i2").tobytes())
    _require_ok(device.call(process, context, EXCHANGE, EXCHANGE + 2 * hop))
    return np.frombuffer(device.read(EXCHANGE + 2 * hop, 2 * hop), "<i2")


def _require_ok(status: int) -> None:
    if status:
        raise StapesError(f"engine cortex-m7: process returned status {status}")


def _count(
    firmware: Firmware, process: str, streamed: _Streamed, samples: np.ndarray, hop: int, usage: dict[str, int]
) -> list[Count]:
    counter = InstructionCounter(firmware, usage)
    device = counter.device
    context = started(device)
    counts = []
    for index, state in streamed.contexts.items():
        here = slice(index * hop, (index + 1) * hop)
        device.write(context, state)
        device.write(EXCHANGE, samples[here].astype("<i2").tobytes())
        status, count = counter.count(process, context, EXCHANGE, EXCHANGE + 2 * hop)
        _require_ok(status)
        if device.read(EXCHANGE + 2 * hop, 2 * hop) != streamed.audio_q15[here].astype("<i2").tobytes():
            raise StapesError(f"engine cortex-m7: hop {index} gives other bits when it is counted")
        counts.append(count)
    return counts


def _require_same_bits(made: np.ndarray, samples: np.ndarray, graph: Graph, sound_path: SoundPath) -> None:
    expected = NumpyEngine(graph, sound_path).run(samples[None]).audio_q15[0]
    if (expected != made).any():
        first = int(np.argmax(expected != made))
        raise StapesError(
            f"engine cortex-m7: sample {first} is {made[first]} instead of {expected[first]}; "
            "find the tensor with: stapes regress --engine cortex-m7"
        )
