"""A Cortex-M7 in the emulator unicorn: memory, calls by symbol, the depth of the stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...models.errors import StapesError
from ..device.firmware import Firmware

FLASH, RAM, EXCHANGE = 0x00000000, 0x20000000, 0x60000000
FLASH_BYTES, RAM_BYTES, EXCHANGE_BYTES = 4 << 20, 4 << 20, 16 << 20
STACK_TOP = RAM + RAM_BYTES
STACK_BYTES = 64 << 10
_RETURN = FLASH + FLASH_BYTES - 16
_PAINT = b"\xc5\x5a\xa3\x3c"


def import_unicorn() -> Any:
    """The package unicorn; raises StapesError where it is missing."""
    try:
        import unicorn
        import unicorn.arm_const
    except ImportError:
        raise StapesError("engine cortex-m7: package unicorn is missing; pip install 'stapes[m7]'") from None
    return unicorn


class UnicornDevice:
    """A device after power-up with the program in flash; code hooks belong here, before the first call."""

    def __init__(self, firmware: Firmware) -> None:
        unicorn = import_unicorn()
        self.firmware = firmware
        self._arm = unicorn.arm_const
        self._error = unicorn.UcError
        self._block_hook = unicorn.UC_HOOK_BLOCK
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(unicorn.arm_const.UC_CPU_ARM_CORTEX_M7)
        self._uc.mem_map(FLASH, FLASH_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        self._uc.mem_map(RAM, RAM_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        self._uc.mem_map(EXCHANGE, EXCHANGE_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        for segment in firmware.segments:
            self._uc.mem_write(segment.address, segment.data)
        # What start-up code does before main: full access to the floating-point unit.
        self._uc.reg_write(self._arm.UC_ARM_REG_C1_C0_2, 0xF << 20)
        self._uc.reg_write(self._arm.UC_ARM_REG_FPEXC, 1 << 30)

    def on_block(self, callback: Any) -> None:
        """Call `callback(uc, address, size, None)` before each block of instructions that is executed."""
        self._uc.hook_add(self._block_hook, callback)

    def register(self, name: str) -> int:
        return int(self._uc.reg_read(getattr(self._arm, f"UC_ARM_REG_{name.upper()}")))

    def read(self, address: int, size: int) -> bytes:
        return bytes(self._uc.mem_read(address, size))

    def write(self, address: int, data: bytes) -> None:
        self._uc.mem_write(address, data)

    def call(self, name: str, *arguments: int) -> int:
        """Call a function with words as arguments, from an empty stack; returns r0 as int32.

        Raises StapesError where the program faults.
        """
        return self._result(name, self._enter(name, arguments, STACK_TOP))

    def call_interrupted(self, call: tuple[Any, ...], interrupt: tuple[Any, ...], every: int) -> int:
        """Run `call` (name, arguments) and after each `every` instructions `interrupt`, on the same stack.

        Returns how often it was interrupted; raises StapesError where one of them faults or answers other than 0.
        """
        name, *arguments = call
        at, interruptions = self._enter(name, arguments, STACK_TOP), 0
        while at != _RETURN:
            self._run(name, at, every)
            at = self.register("pc")
            if at != _RETURN:
                interruptions += 1
                saved = self._uc.context_save()
                other, *others = interrupt
                below = (self.register("sp") - 8) & ~7
                self._require_zero(other, self._result(other, self._enter(other, others, below)))
                self._uc.context_restore(saved)
        self._require_zero(name, self.register("r0"))
        return interruptions

    def _require_zero(self, name: str, result: int) -> None:
        if result:
            raise StapesError(f"engine cortex-m7: {name} answers {result}")

    def _enter(self, name: str, arguments: Sequence[int], stack: int) -> int:
        """Set the registers for a call; returns where it starts."""
        stacked = arguments[4:]
        stack -= (4 * len(stacked) + 7) // 8 * 8
        for index, value in enumerate(arguments[:4]):
            self._uc.reg_write(self._arm.UC_ARM_REG_R0 + index, value)
        for index, value in enumerate(stacked):
            self.write(stack + 4 * index, value.to_bytes(4, "little"))
        self._uc.reg_write(self._arm.UC_ARM_REG_SP, stack)
        self._uc.reg_write(self._arm.UC_ARM_REG_LR, _RETURN | 1)
        return self.firmware.symbol(name).address

    def _run(self, name: str, address: int, instructions: int = 0) -> None:
        """Up to the return from the outermost call, or for a number of instructions."""
        if instructions:
            self._uc.ctl_flush_tb()  # code that was translated before does not count
        try:
            self._uc.emu_start(address | 1, _RETURN, count=instructions)
        except self._error as error:
            where = self._function_at(self.register("pc"))
            raise StapesError(f"engine cortex-m7: {name} faults in {where}: {error}") from None

    def _result(self, name: str, address: int) -> int:
        self._run(name, address)
        result = self.register("r0")
        return result - (1 << 32) if result & (1 << 31) else result

    def _function_at(self, address: int) -> str:
        inside = [s.name for s in self.firmware.symbols if s.address <= address < s.address + max(s.size, 1)]
        return f"{inside[0] if inside else 'no function'} at {address:#x}"

    def paint_stack(self) -> None:
        """Fill the stack with a pattern, before the calls whose depth `stack_bytes` tells."""
        self.write(STACK_TOP - STACK_BYTES, _PAINT * (STACK_BYTES // len(_PAINT)))

    def stack_bytes(self) -> int:
        """From the top of the stack down to the lowest word that was written since it was painted."""
        words = np.frombuffer(self.read(STACK_TOP - STACK_BYTES, STACK_BYTES), "<u4")
        written = np.flatnonzero(words != np.frombuffer(_PAINT, "<u4")[0])
        return int(STACK_BYTES - 4 * written[0]) if len(written) else 0
