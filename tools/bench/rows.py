"""The matrix kernels alone: on the emulated device, in C on the host and in numpy, over every size; and what they cost."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from export.c.packing import ONCE_HIGH, ROWS, TWICE_HIGH, Matrix, PackedMatrix, pack, padded
from export.c.runtime import RUNTIME
from firmware_sim.cortex_m7.counting import InstructionCounter
from firmware_sim.cortex_m7.firmware import Firmware
from firmware_sim.cortex_m7.unicorn_device import EXCHANGE, EXCHANGE_BYTES, UnicornDevice
from firmware_sim.engines.native import FAST, find_compiler
from firmware_sim.engines.program import call_compiler
from quantize.arithmetic import quantize_multiplier, requantise_64, requantise_double

KERNELS = {ONCE_HIGH: "stapes_rows_once", TWICE_HIGH: "stapes_rows_twice"}
# Where loops begin, end and turn: a group is 4 columns, a turn 4 or 8, all turns of a loop 64.
COLUMNS = (*range(1, 14), 16, 17, 31, 32, 33, 60, 61, 63, 64, 65, 68, 69, 127, 128, 129, 132, 192, 193, 256, 257)
OUTPUTS = (1, 2, 3, 4, 5, 8, 9, 65)
DATA = ("noise", "largest sums", "smallest sums", "turns")
COUNTED = ((65, 384), (128, 384))

# What the emulated device holds of a case, and what stands behind values that must not be written.
_PARTS = ("weights", "rows", "vector")
_CANARY = b"\xa5" * 64


@dataclass(frozen=True)
class Case:
    """A matrix, an input vector that is padded with nonsense, and the outputs that numpy gives."""

    name: str
    packed: PackedMatrix
    vector: np.ndarray
    expected: np.ndarray

    @property
    def groups(self) -> int:
        return self.packed.weights.shape[1]

    @property
    def blocks(self) -> int:
        return len(self.packed.weights)


class Rows(Protocol):
    """Something that computes all rows of a case: int16 (blocks * 4,)."""

    def values(self, case: Case) -> np.ndarray: ...


def make_case(columns: int, outputs: int, narrow: bool, data: str, seed: int = 0) -> Case:
    """A case of int8 activations (`narrow`) or int16; `data` is one of DATA, and all bounds of the kernels hold."""
    rng = np.random.default_rng([columns, outputs, narrow, DATA.index(data), seed])
    low, high = (-128, 127) if narrow else (-(2**15), 2**15 - 1)
    if data == "noise":
        weights = rng.integers(-127, 128, (outputs, columns))
        x = rng.integers(low, high + 1, columns)
    else:
        weights = np.full((outputs, columns), 127)
        x = np.full(columns, high if data == "largest sums" else low)
        if data == "turns":
            turn = 1 - 2 * (np.arange(columns) % 2)
            weights, x = weights * turn, np.where(turn > 0, low, high)
        weights = weights * rng.choice([-1, 1], (outputs, 1))
    room = 2**23 - 1 - columns * 127 * 128 if narrow else 2**30 - 1
    bias = rng.integers(-room, room + 1, outputs)
    matrix = Matrix(
        weights.astype(np.int8),
        bias,
        *_multipliers(rng, outputs, columns, narrow),
        zero_point=np.repeat(rng.integers(-128, 128, -(-outputs // ROWS)) * narrow, ROWS)[:outputs],
        wide=not narrow,
        narrow=narrow,
        largest_input=-low,
    )
    # Weights behind the last column are zero, so that no value there may matter.
    vector = np.concatenate([x, rng.integers(low, high + 1, padded(columns) - columns)]).astype(np.int16)
    kind = "int8 activations" if narrow else "int16 activations"
    return Case(f"{kind} {columns}->{outputs}, {data}", pack("case", matrix), vector, _expected(matrix, x))


def _multipliers(rng: np.random.Generator, outputs: int, columns: int, narrow: bool) -> tuple[np.ndarray, np.ndarray]:
    """From those that saturate every output to those that leave nothing of it."""
    typical = np.log2(1.0 / (127 * np.sqrt(columns)))
    smallest, largest = (-30.5, -2.01) if narrow else (-17.01, -1.01)
    powers = np.clip(typical + rng.normal(0, 3, outputs), smallest, largest)
    pairs = [quantize_multiplier(float(2.0**power)) for power in powers]
    multiplier, shift = np.array(pairs).T
    return multiplier, shift


def _expected(matrix: Matrix, x: np.ndarray) -> np.ndarray:
    sums = matrix.weights.astype(np.int64) @ x.astype(np.int64) + matrix.bias
    if matrix.wide:
        return np.clip(requantise_64(sums, matrix.multiplier_q31, matrix.shift), -(2**15), 2**15 - 1)
    scaled = requantise_double(sums, matrix.multiplier_q31, matrix.shift)
    return np.clip(scaled + matrix.zero_point, -128, 127)


class HostRows:
    """The portable kernels, compiled for this machine with the flags given."""

    def __init__(self, flags: Iterable[str] = FAST) -> None:
        with tempfile.TemporaryDirectory(prefix="stapes-rows-") as work:
            library = Path(work) / "rows.so"
            files = [str(RUNTIME / f"{name}.c") for name in (*KERNELS.values(), "stapes_block_sums")]
            call_compiler(
                [*find_compiler().split(), "-std=c99", "-fPIC", "-shared", *flags, *files, "-o", str(library)]
            )
            self._c = ctypes.CDLL(str(library))

    def values(self, case: Case) -> np.ndarray:
        made = np.empty(ROWS * case.blocks, np.int16)
        weights, vector, rows, values = (
            np.ascontiguousarray(array).ctypes.data_as(ctypes.c_void_p)
            for array in (case.packed.weights, case.vector, case.packed.rows, made)
        )
        kernel = getattr(self._c, KERNELS[case.packed.rounding])
        kernel(weights, vector, ctypes.c_int32(case.groups), rows, values, ctypes.c_int32(case.blocks))
        return made


class DeviceRows:
    """The kernels of a linked program on the emulated device, and their instructions.

    In turn one of what a case hands over ends where the memory ends, so that a read beyond it faults.
    """

    def __init__(self, elf: Path, counted: bool = False) -> None:
        self._counter = InstructionCounter(Firmware(elf)) if counted else None
        self._device = self._counter.device if self._counter else UnicornDevice(Firmware(elf))
        self._calls = 0

    def values(self, case: Case) -> np.ndarray:
        arguments, values = self._place(case)
        self._device.call(KERNELS[case.packed.rounding], *arguments)
        size = 2 * ROWS * case.blocks
        made = self._device.read(values, size + len(_CANARY))
        if made[size:] != _CANARY:
            raise ValueError(f"{case.name}: writes behind its values")
        return np.frombuffer(made[:size], "<i2")

    def instructions(self, case: Case) -> int:
        """Of one call, requantisation and the call itself included."""
        assert self._counter is not None
        arguments, _ = self._place(case)
        return self._counter.count(KERNELS[case.packed.rounding], *arguments)[1].instructions

    def _place(self, case: Case) -> tuple[tuple[int, ...], int]:
        """Arguments of the kernel, and where its values will be."""
        values = EXCHANGE
        self._device.write(values, bytes(2 * ROWS * case.blocks) + _CANARY)
        last = _PARTS[self._calls % len(_PARTS)]
        self._calls += 1
        at, place = {}, values + 2 * ROWS * case.blocks + len(_CANARY)
        for name, array in zip(_PARTS, (case.packed.weights, case.packed.rows, case.vector), strict=True):
            at[name] = EXCHANGE + EXCHANGE_BYTES - array.nbytes if name == last else place
            self._device.write(at[name], array.tobytes())
            place += array.nbytes
        return (at["weights"], at["vector"], case.groups, at["rows"], values, case.blocks), values


def sweep(engines: Iterable[Rows], columns: Iterable[int], outputs: Iterable[int], data: Iterable[str] = DATA) -> int:
    """Every size with all of `data` in both kernels; returns the number of cases.

    Raises AssertionError with the first case and engine that give other integers than numpy.
    """
    count = 0
    for case in _cases(columns, list(outputs), list(data)):
        for engine in engines:
            made = engine.values(case)[: len(case.expected)]
            np.testing.assert_array_equal(made, case.expected, err_msg=f"{case.name}, {type(engine).__name__}")
        count += 1
    return count


def _cases(columns: Iterable[int], outputs: Sequence[int], data: Sequence[str]) -> Iterator[Case]:
    sizes = list(columns)
    for narrow in (False, True):
        for inputs in sizes:
            for rows in outputs:
                for kind in data:
                    yield make_case(inputs, rows, narrow, kind)


def instructions_per_mac(elf: Path) -> dict[str, dict[str, Any]]:
    """What the kernels of a linked program cost at the sizes in COUNTED."""
    device = DeviceRows(elf, counted=True)
    found = {}
    for narrow in (False, True):
        for inputs, outputs in COUNTED:
            taken = device.instructions(make_case(inputs, outputs, narrow, "noise"))
            name = f"{'int8' if narrow else 'int16'} activations, {inputs}->{outputs}"
            found[name] = {"instructions": taken, "instructions_per_mac": round(taken / (inputs * outputs), 3)}
    return found
