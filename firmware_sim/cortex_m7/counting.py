"""Executed instructions of one call, exactly, by stage and by function.

The emulator tells each block of instructions before it runs. A block that begins at a function's first instruction
enters it, and one that begins at the return address of the function on top leaves it; the instructions in between are
counted where they stand, and those of an inlined function that has a stage of its own are given to that stage.
Instructions of an IT block whose condition fails are counted too: they take their cycle.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from ..device.firmware import Firmware
from .stages import CALLS, in_order, is_kernel, layer_stage, own_name, stage_of
from .unicorn_device import UnicornDevice

# The first halfword of a 32-bit Thumb instruction has one of these in its upper five bits.
_WIDE = (0b11101, 0b11110, 0b11111)


@dataclass(frozen=True)
class Count:
    """`by_stage` and `by_function` (without callees) both sum up to `instructions`.

    `stack_bytes` is the deepest sum of the compiler's own figures for the functions on the stack.
    """

    instructions: int
    by_stage: dict[str, int]
    by_function: dict[str, int]
    stack_bytes: int


@dataclass
class _Frame:
    function: str
    return_address: int
    stage: str
    stack_bytes: int


class InstructionCounter:
    """A device whose calls can be counted. `stack_usage` maps functions to their bytes of stack, as the compiler says."""

    def __init__(self, firmware: Firmware, stack_usage: Mapping[str, int] | None = None) -> None:
        self.device = UnicornDevice(firmware)
        self._functions = {address: own_name(name) for address, name in firmware.functions().items()}
        self._objects = firmware.objects()
        self._stack_usage = stack_usage or {}
        self._inlined = _stages_of_inlined(firmware)
        self._addresses: dict[tuple[int, int], tuple[int, ...]] = {}
        self._active = False
        self._reset()
        self.device.on_block(self._block)

    def _reset(self) -> None:
        self._frames: list[_Frame] = []
        self._tallies: dict[tuple[str, str], Counter[tuple[int, int]]] = defaultdict(Counter)
        self._tally: Counter[tuple[int, int]] = Counter()
        self._deepest = 0

    def count(self, name: str, *arguments: int) -> tuple[int, Count]:
        """Call a function; returns r0 and what it executed."""
        self._reset()
        self._active = True
        try:
            result = self.device.call(name, *arguments)
        finally:
            self._active = False
        return result, self._summary()

    def _block(self, uc: object, address: int, size: int, user: object) -> None:
        if not self._active:
            return
        if address in self._functions:
            self._enter(self._functions[address])
        elif self._frames and address == self._frames[-1].return_address:
            self._leave(address)
        self._tally[address, size] += 1

    def _enter(self, function: str) -> None:
        return_address = self.device.register("lr") & ~1
        top = self._frames[-1] if self._frames else None
        if top and top.function == function and top.return_address == return_address:
            return  # a loop whose body begins with the function
        if top and top.return_address == return_address:
            top.stack_bytes = 0  # left for good: its callee returns in its place
        stage = self._stage(function, top)
        self._frames.append(_Frame(function, return_address, stage, self._stack_usage.get(function, 0)))
        self._deepest = max(self._deepest, sum(frame.stack_bytes for frame in self._frames))
        self._tally = self._tallies[stage, function]

    def _stage(self, function: str, caller: _Frame | None) -> str:
        own = stage_of(function)
        if own is not None:
            return own
        if caller is None:
            return CALLS
        if caller.stage == CALLS and is_kernel(function):
            return layer_stage(function, self._objects.get(self.device.register("r0")))
        return caller.stage

    def _leave(self, address: int) -> None:
        while self._frames and self._frames[-1].return_address == address:
            self._frames.pop()
            if self._frames:
                top = self._frames[-1]
                self._tally = self._tallies[top.stage, top.function]

    def _summary(self) -> Count:
        by_stage: Counter[str] = Counter()
        by_function: Counter[str] = Counter()
        for (stage, function), tally in self._tallies.items():
            for block, times in tally.items():
                for address in self._instructions(*block):
                    by_stage[self._inlined.get(address, stage)] += times
                    by_function[function] += times
        total = sum(by_stage.values())
        return Count(total, in_order(dict(by_stage)), dict(by_function.most_common()), self._deepest)

    def _instructions(self, address: int, size: int) -> tuple[int, ...]:
        """Addresses of the instructions of a block."""
        if (address, size) not in self._addresses:
            code = self.device.read(address, size)
            found, offset = [], 0
            while offset < size:
                found.append(address + offset)
                offset += 4 if code[offset + 1] >> 3 in _WIDE else 2
            self._addresses[address, size] = tuple(found)
        return self._addresses[address, size]


def _stages_of_inlined(firmware: Firmware) -> dict[int, str]:
    """Address of an instruction -> the stage of the innermost inlined function around it that has one."""
    stages = {}
    for copy in firmware.inlined():
        stage = stage_of(own_name(copy.name))
        if stage is not None:
            stages.update(dict.fromkeys(range(copy.low, copy.high, 2), stage))
    return stages
