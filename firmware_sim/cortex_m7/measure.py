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

from ...models.errors import StapesError
from ..device.firmware import Firmware
from ..device.toolchain import OPTIMISATION, build, find_toolchain
from .calls import Calls
from .counting import Count, InstructionCounter
from .footprint import footprint, stack_usage
from .stages import NETWORK
from .unicorn_device import UnicornDevice
from .unicorn_run import CONTEXT, started

COUNTED_HOPS = 125


@dataclass(frozen=True)
class DeviceReport:
    """Counted costs; sizes in bytes. `instructions_by_stage` and `instructions_by_function` are those of the hop with
    the most instructions among `counted_hops`, and sum up to `instructions_per_hop`. A hop is a frame where the program is a
    network alone; `hop_seconds` is then None.

    `instructions_per_mac` sets the network's instructions against its multiply-accumulates, None where it has none. `stack_bytes` is the depth
    that was reached over all hops, `stack_bytes_by_compiler` the sum of the compiler's figures along the deepest chain
    of calls (None where it gives none). The stack is not part of `ram_bytes`.
    """

    kernels: str
    compiler: str
    hops: int
    counted_hops: int
    hop_seconds: float | None
    macs: int
    instructions_per_hop: int
    instructions_per_hop_mean: float
    instructions_per_hop_least: int
    instructions_network: int
    instructions_audio: int
    instructions_per_mac: float | None
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
    calls: Calls,
    *,
    program: str = "",
    toolchain: str | None = None,
    counted_hops: int = COUNTED_HOPS,
    kernels: str = "Cortex-M7",
) -> DeviceReport:
    """Run the calls through the exported program on the emulated device and count what they cost.

    `counted_hops` of them, evenly spread, are counted; `kernels` says in words what was exported. Raises StapesError where the
    machine lacks the compiler or the emulator, and where the device's bits are not those of the graph.
    """
    name = program or Path(folder).name
    with tempfile.TemporaryDirectory(prefix="stapes-m7-") as work:
        chain = find_toolchain(toolchain)
        built = build(folder, name, Path(work), toolchain=chain, ports=calls.ports)
        firmware = Firmware(built.elf)
        usage = stack_usage(built)
        sizes = footprint(firmware, built)
    chosen = sorted({int(index) for index in np.linspace(0, len(calls) - 1, min(len(calls), counted_hops))})
    streamed = _stream(firmware, f"{name}_{calls.function}", calls, chosen)
    calls.require_same(streamed.made)
    counts = _count(firmware, f"{name}_{calls.function}", streamed, calls, usage)
    worst = max(counts, key=lambda count: count.instructions)
    network = _of_network(worst, calls)
    macs = _macs(folder, name)
    return DeviceReport(
        kernels=kernels,
        compiler=f"{chain.version}, {OPTIMISATION}",
        hops=len(calls),
        counted_hops=len(counts),
        hop_seconds=calls.seconds,
        macs=macs,
        instructions_per_hop=worst.instructions,
        instructions_per_hop_mean=round(float(np.mean([count.instructions for count in counts])), 1),
        instructions_per_hop_least=min(count.instructions for count in counts),
        instructions_network=network,
        instructions_audio=worst.instructions - network,
        instructions_per_mac=round(network / macs, 3) if macs else None,
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


def _of_network(count: Count, calls: Calls) -> int:
    """Instructions of the network: of its operators, or all of them where nothing else runs."""
    if calls.ports is not None:
        return count.instructions
    return sum(taken for stage, taken in count.by_stage.items() if stage.startswith(NETWORK))


def _macs(folder: Path, name: str) -> int:
    """Multiply-accumulates of a frame, as the program's own header states them."""
    found = re.search(rf"^#define {name.upper()}_MACS (\d+)", (folder / f"{name}.h").read_text(), re.MULTILINE)
    if found is None:
        raise StapesError(f"{folder / f'{name}.h'}: states no multiply-accumulates; export the bundle again")
    return int(found[1])


@dataclass(frozen=True)
class _Streamed:
    """What each call made at full speed, and the context as it was before each chosen one."""

    made: list[bytes]
    contexts: dict[int, bytes]
    stack_bytes: int


def _stream(firmware: Firmware, function: str, calls: Calls, chosen: list[int]) -> _Streamed:
    device = UnicornDevice(firmware)
    context, size = started(device), firmware.symbol(CONTEXT).size
    device.paint_stack()
    made, contexts = [], {}
    for index in range(len(calls)):
        calls.before(device, context, index)
        if index in chosen:
            contexts[index] = device.read(context, size)
        _require_ok(calls, device.call(function, context, *calls.write(device, index)))
        made.append(calls.read(device))
    return _Streamed(made, contexts, device.stack_bytes())


def _require_ok(calls: Calls, status: int) -> None:
    if status:
        raise StapesError(f"engine cortex-m7: {calls.function} returned status {status}")


def _count(firmware: Firmware, function: str, streamed: _Streamed, calls: Calls, usage: dict[str, int]) -> list[Count]:
    counter = InstructionCounter(firmware, usage)
    device = counter.device
    context = started(device)
    counts = []
    for index, state in streamed.contexts.items():
        device.write(context, state)
        status, count = counter.count(function, context, *calls.write(device, index))
        _require_ok(calls, status)
        if calls.read(device) != streamed.made[index]:
            raise StapesError(f"engine cortex-m7: {calls.function} {index} gives other bits when it is counted")
        counts.append(count)
    return counts
