"""The matrix kernels alone: on the emulated device, in C on the host and in numpy, over every size; and what they cost."""

from __future__ import annotations

import ctypes
import itertools
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...export.c.packing import COLUMNS as COLUMNS_OF_GROUP
from ...export.c.packing import ONCE_HIGH, ROWS, TWICE_HIGH, Matrix, PackedMatrix, pack, padded
from ...export.c.runtime import runtime_files, runtime_text
from ...export.targets import CORTEX_M7, Target
from ...firmware_sim.cortex_m7.counting import InstructionCounter
from ...firmware_sim.cortex_m7.unicorn_device import EXCHANGE, EXCHANGE_BYTES, UnicornDevice
from ...firmware_sim.device.firmware import Firmware
from ...firmware_sim.engines.native import FAST, find_compiler
from ...firmware_sim.engines.program import call_compiler
from ...quantize.arithmetic import quantize_multiplier, requantise_64, requantise_double

# Of whole matrices and of sparse ones.
KERNELS = {
    (ONCE_HIGH, False): "stapes_rows_once",
    (TWICE_HIGH, False): "stapes_rows_twice",
    (ONCE_HIGH, True): "stapes_sparse_once",
    (TWICE_HIGH, True): "stapes_sparse_twice",
}
# Where loops begin, end and turn: a group is 4 columns, a turn 4 or 8, all turns of a loop 64.
COLUMNS = (*range(1, 14), 16, 17, 31, 32, 33, 60, 61, 63, 64, 65, 68, 69, 127, 128, 129, 132, 192, 193, 256, 257)
OUTPUTS = (1, 2, 3, 4, 5, 8, 9, 65)
DATA = ("noise", "largest sums", "smallest sums", "turns")
# Shares of groups of a sparse matrix that are all zeros; None is a whole matrix.
ZEROS = (None, 0.0, 0.3, 0.5, 0.9, 1.0)
COUNTED = ((65, 384), (128, 384))
COUNTED_ZEROS = (None, 0.5)

# What the emulated device holds of a case, and what stands behind values that must not be written.
_PARTS = ("weights", "rows", "vector")
_CANARY = b"\xa5" * 64


@dataclass(frozen=True)
class Case:
    """A matrix, an input vector that is padded with nonsense, and the outputs that numpy gives."""

    name: str
    matrix: Matrix
    packed: PackedMatrix
    vector: np.ndarray
    expected: np.ndarray

    @property
    def kernel(self) -> str:
        return KERNELS[self.packed.rounding, self.packed.sparse]

    @property
    def place(self) -> int:
        """The third argument of the kernel: groups of a block, or where the first block begins."""
        return 0 if self.packed.sparse else self.packed.weights.shape[1]

    @property
    def blocks(self) -> int:
        return len(self.packed.rows)


class Rows(Protocol):
    """Something that computes all rows of a case: int16 (blocks * 4,)."""

    def values(self, case: Case) -> np.ndarray: ...


def make_case(columns: int, outputs: int, narrow: bool, data: str, zeros: float | None = None, seed: int = 0) -> Case:
    """A case of int8 activations (`narrow`) or int16; all bounds of the kernels hold.

    `data` is one of DATA, `zeros` one of ZEROS.
    """
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
    if zeros is not None:
        weights = weights * _kept(rng, outputs, columns, zeros)
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
    name = f"{kind} {columns}->{outputs}, {data}" + ("" if zeros is None else f", {100 * zeros:g} % zeros")
    return Case(name, matrix, pack("case", matrix, sparse=zeros is not None), vector, _expected(matrix, x))


def _kept(rng: np.random.Generator, outputs: int, columns: int, zeros: float) -> np.ndarray:
    """0 in the given share of all groups of a block, drawn by chance, else 1: (outputs, columns)."""
    blocks, groups = -(-outputs // ROWS), padded(columns) // COLUMNS_OF_GROUP
    order = rng.permutation(blocks * groups)
    kept = (order >= round(zeros * blocks * groups)).reshape(blocks, groups)
    return np.kron(kept, np.ones((ROWS, COLUMNS_OF_GROUP), np.int64))[:outputs, :columns]


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
        wide: np.ndarray = np.clip(requantise_64(sums, matrix.multiplier_q31, matrix.shift), -(2**15), 2**15 - 1)
        return wide
    scaled = requantise_double(sums, matrix.multiplier_q31, matrix.shift)
    narrow: np.ndarray = np.clip(scaled + matrix.zero_point, -128, 127)
    return narrow


class HostRows:
    """The portable kernels of a target, compiled for this machine with the flags given."""

    def __init__(self, flags: Iterable[str] = FAST, target: Target = CORTEX_M7) -> None:
        self._target = target
        with tempfile.TemporaryDirectory(prefix="stapes-rows-") as work:
            library = Path(work) / "rows.so"
            names = runtime_files(KERNELS.values(), target=target)
            for name in names:
                (Path(work) / name).parent.mkdir(exist_ok=True)
                (Path(work) / name).write_text(runtime_text(name, target), encoding="utf-8")
            files = [str(Path(work) / name) for name in names if name.endswith(".c")]
            call_compiler(
                [*find_compiler().split(), "-std=c99", "-fPIC", "-shared", *flags, *files, "-o", str(library)]
            )
            self._c = ctypes.CDLL(str(library))

    def values(self, case: Case) -> np.ndarray:
        made = np.empty(ROWS * case.blocks, np.int16)
        packed = case.packed
        if self._target != CORTEX_M7:
            packed = pack("case", case.matrix, sparse=packed.sparse, target=self._target)
        weights, vector, rows, values = (
            np.ascontiguousarray(array).ctypes.data_as(ctypes.c_void_p)
            for array in (packed.weights, case.vector, packed.rows, made)
        )
        kernel = getattr(self._c, case.kernel)
        kernel(weights, vector, ctypes.c_int32(case.place), rows, values, ctypes.c_int32(case.blocks))
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
        self._device.call(case.kernel, *arguments)
        size = 2 * ROWS * case.blocks
        made = self._device.read(values, size + len(_CANARY))
        if made[size:] != _CANARY:
            raise ValueError(f"{case.name}: writes behind its values")
        return np.frombuffer(made[:size], "<i2")

    def instructions(self, case: Case) -> int:
        """Of one call, requantisation and the call itself included."""
        assert self._counter is not None
        arguments, _ = self._place(case)
        return self._counter.count(case.kernel, *arguments)[1].instructions

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
        return (at["weights"], at["vector"], case.place, at["rows"], values, case.blocks), values


def sweep(
    engines: Iterable[Rows],
    columns: Iterable[int],
    outputs: Iterable[int],
    data: Iterable[str] = DATA,
    zeros: Iterable[float | None] = ZEROS,
) -> int:
    """Every size with all of `data` and of `zeros` in both kernels; returns the number of cases.

    Raises AssertionError with the first case and engine that give other integers than numpy.
    """
    count = 0
    for case in _cases(columns, list(outputs), list(data), list(zeros)):
        for engine in engines:
            made = engine.values(case)[: len(case.expected)]
            np.testing.assert_array_equal(made, case.expected, err_msg=f"{case.name}, {type(engine).__name__}")
        count += 1
    return count


def _cases(
    columns: Iterable[int], outputs: Sequence[int], data: Sequence[str], zeros: Sequence[float | None]
) -> Iterator[Case]:
    for inputs in columns:
        for narrow, rows, kind, share in itertools.product((False, True), outputs, data, zeros):
            yield make_case(inputs, rows, narrow, kind, share)


def instructions_per_mac(elf: Path) -> dict[str, dict[str, Any]]:
    """What the kernels of a linked program cost at the sizes in COUNTED; zeros are counted as multiply-accumulates too."""
    device = DeviceRows(elf, counted=True)
    found = {}
    for narrow, zeros, (inputs, outputs) in itertools.product((False, True), COUNTED_ZEROS, COUNTED):
        taken = device.instructions(make_case(inputs, outputs, narrow, "noise", zeros))
        name = f"{'int8' if narrow else 'int16'} activations, {inputs}->{outputs}"
        name += "" if zeros is None else f", {100 * zeros:g} % zeros"
        found[name] = {"instructions": taken, "instructions_per_mac": round(taken / (inputs * outputs), 3)}
    return found
