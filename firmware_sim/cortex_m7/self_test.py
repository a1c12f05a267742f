"""The self-test of an exported program on the emulated device."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ..device.firmware import Firmware
from .unicorn_device import EXCHANGE, UnicornDevice
from .unicorn_run import CONTEXT

# stapes_self_test_report; the enum takes one byte or four, the first of which tells it.
_REPORT = struct.Struct("<B3xI4i")


@dataclass(frozen=True)
class SelfTestReport:
    """`stapes_self_test_report`, where the device left it."""

    status: int
    part: str
    frame: int
    index: int
    got: int
    expected: int


def run_self_test(device: UnicornDevice, name: str) -> SelfTestReport:
    """Call the self-test of program `name`, built with it; raises StapesError where it faults or is not there."""
    context = device.firmware.symbol(CONTEXT)
    device.call(f"{name}_self_test", context.address, context.size, EXCHANGE)
    status, part, *rest = _REPORT.unpack(device.read(EXCHANGE, _REPORT.size))
    return SelfTestReport(status, device.firmware.string(part), *rest)


def constant_arrays(firmware: Firmware) -> dict[str, tuple[int, int]]:
    """Name -> (address, bytes) of every array that the self-test has a checksum for, from its own table."""
    words = firmware.words("checked_arrays")
    rows = zip(words[0::4], words[1::4], words[2::4], strict=True)
    return {firmware.string(name): (data, size) for name, data, size in rows}
