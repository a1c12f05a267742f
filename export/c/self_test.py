"""What the self-test of a program holds: the checksum of every constant array, and the golden vectors."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..stamp import Stamp
from ..template import Code
from ..vectors import Vectors
from .constants import Array
from .program import Program
from .runtime import runtime_text
from .text import assigned, code, quoted, shape
from .variables import Variable

FUNCTIONS = ("stapes_check_arrays", "stapes_compare_s8", "stapes_compare_s16", "stapes_crc32")
_TABLE = re.compile(r"^(?:STAPES_\w+ )*const u?int(\d+)_t (\w+)\[\d+\] = \{(.*?)\};", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Checked:
    """A constant by its C name, and the CRC-32 of its bytes as a C constant."""

    name: str
    crc32: str
    array: bool = True

    @property
    def address(self) -> Code:
        return code(self.name if self.array else f"&{self.name}")


@dataclass(frozen=True)
class Part:
    """Golden vectors of one kind, "network" or "audio"."""

    name: str
    arrays: tuple[Array, ...]

    @property
    def macro(self) -> str:
        """What leaves it out."""
        return f"STAPES_SELF_TEST_{self.name.upper()}"

    @property
    def bytes(self) -> int:
        return sum(array.data.nbytes for array in self.arrays)

    @property
    def checked(self) -> tuple[Checked, ...]:
        return tuple(_checked(array) for array in self.arrays)


@dataclass(frozen=True)
class SelfTest:
    """`constants` are all arrays but the vectors; `table_headers` declare those of the runtime."""

    constants: tuple[Checked, ...]
    table_headers: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def bytes(self) -> int:
        """Flash of the vectors."""
        return sum(part.bytes for part in self.parts)


def self_test(
    program: Program, vectors: Vectors, runtime: Iterable[str], guard: str, vector_guard: str, stamp: Stamp
) -> SelfTest:
    """The self-test of a program with these runtime files; the guards are those of its weights and of its vectors."""
    runtime = tuple(runtime)
    tables = [table for file in runtime if file.endswith(".c") for table in runtime_tables(runtime_text(file))]
    headers = [file for file in runtime if file.endswith(".h") and _declares(runtime_text(file), tables)]
    guards = (
        Checked(guard, crc32(stamp.guard.to_bytes(4, "little")), array=False),
        Checked(vector_guard, crc32(stamp.bundle_hash.encode("ascii") + b"\0")),
    )
    constants = (*guards, *map(_checked, program.arrays), *tables)
    return SelfTest(constants, tuple(headers), tuple(_parts(program, vectors)))


def network_on_vectors(program: Program, target: str, context: str, made: str) -> Code:
    """The call that runs the network on the golden vectors of `frame`; `made` is in front of the name of each output."""
    inputs = [_golden(program, port.name, f"{port.macro}_SIZE") for port in program.inputs]
    outputs = [f"{made}{port.name}" for port in program.outputs]
    return assigned(target, f"{program.name}_network", [context, *inputs, *outputs])


def replays(program: Program) -> dict[str, Code | list[Code]]:
    """The calls by which the self-test runs the vectors, and those that compare what comes out."""
    prefix = program.name.upper()
    made = "made." if program.audio is None else "ctx->scratch."

    def compared(port: Variable) -> Code:
        size, golden = f"{prefix}_{port.macro}_SIZE", _golden(program, port.name, f"{port.macro}_SIZE")
        arguments = [quoted(port.name), "frame", size, f"{made}{port.name}", golden, "report"]
        return assigned("            status", f"stapes_compare_{port.suffix}", arguments)

    audio_in, audio_out = (_golden(program, name, "HOP") for name in ("audio_in_q15", "audio_out_q15"))
    compared_audio = [quoted("audio"), "frame", f"{prefix}_HOP", "out", audio_out, "report"]
    return {
        "replay_network": network_on_vectors(program, "        status", "ctx", made),
        "compare_outputs": [compared(port) for port in program.outputs],
        "replay_audio": assigned("        status", f"{program.name}_process", ["ctx", audio_in, "out"]),
        "compare_audio": assigned("            status", "stapes_compare_s16", compared_audio),
    }


def _golden(program: Program, name: str, size: str) -> str:
    """Where the vector of `frame` begins; `size` is the end of the macro that says how long it is."""
    return f"&{program.name}_vector_{name}[frame * {program.name.upper()}_{size}]"


def crc32(data: bytes) -> str:
    """The CRC-32 of bytes as a C constant.

    >>> crc32(b"123456789")
    '0xCBF43926u'
    """
    return f"0x{zlib.crc32(data):08X}u"


def _checked(array: Array) -> Checked:
    little_endian = array.data.astype(array.data.dtype.newbyteorder("<"))
    return Checked(array.name, crc32(little_endian.tobytes()))


def runtime_tables(text: str) -> list[Checked]:
    """The global constant arrays that a runtime file defines.

    >>> runtime_tables("const uint16_t t[3] = {1u, 2u, 3u};")
    [Checked(name='t', crc32='0xFBBAE94Eu', array=True)]
    """
    found = []
    for bits, name, values in _TABLE.findall(text):
        numbers = [int(number, 0) for number in re.findall(r"-?(?:0x[0-9A-Fa-f]+|\d+)", values)]
        data = b"".join(number.to_bytes(int(bits) // 8, "little", signed=number < 0) for number in numbers)
        found.append(Checked(name, crc32(data)))
    return found


def _declares(header: str, tables: Iterable[Checked]) -> bool:
    return any(re.search(rf"^extern const \w+ {table.name}\[", header, re.MULTILINE) for table in tables)


def _parts(program: Program, vectors: Vectors) -> Iterable[Part]:
    if vectors.network:
        ports = (*program.inputs, *program.outputs)
        yield Part("network", tuple(_vector(program, port.name, vectors.network[port.tensor]) for port in ports))
    if vectors.audio_in_q15 is not None and vectors.audio_out_q15 is not None:
        signals = (("audio_in_q15", vectors.audio_in_q15), ("audio_out_q15", vectors.audio_out_q15))
        yield Part("audio", tuple(_vector(program, name, data) for name, data in signals))


def _vector(program: Program, name: str, data: np.ndarray) -> Array:
    return Array(f"{program.name}_vector_{name}", data, shape(data.shape))
