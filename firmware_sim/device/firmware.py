"""What an ELF says of itself: segments to load, symbols, sections, inlined functions."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...models.errors import StapesError

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

_WRITE, _ALLOCATE = 0x1, 0x2


def import_elftools() -> Any:
    """The class that reads ELF files; raises StapesError where the package is missing."""
    try:
        from elftools.elf.elffile import ELFFile
    except ImportError:
        raise StapesError("engine cortex-m7: package pyelftools is missing; pip install 'stapes[m7]'") from None
    return ELFFile


@dataclass(frozen=True)
class Symbol:
    """A function or an object; the Thumb bit is taken off its address. `file` is the source of a local symbol."""

    name: str
    address: int
    size: int
    kind: str
    section: str
    file: str = ""


@dataclass(frozen=True)
class Section:
    """A section that takes memory; `filled` where the file holds its bytes."""

    name: str
    address: int
    size: int
    filled: bool
    writable: bool


@dataclass(frozen=True)
class Segment:
    address: int
    data: bytes


@dataclass(frozen=True)
class Inlined:
    """The copy of a function in another one: addresses low <= a < high."""

    name: str
    low: int
    high: int


class Firmware:
    """A linked program, read once."""

    def __init__(self, path: Path) -> None:
        self._elf = import_elftools()(io.BytesIO(path.read_bytes()))
        self.segments = tuple(_segments(self._elf))
        self.sections = tuple(_sections(self._elf))
        self.symbols = tuple(_symbols(self._elf))
        self._by_name = {symbol.name: symbol for symbol in self.symbols}

    def symbol(self, name: str) -> Symbol:
        """Raises StapesError where the program has none of that name."""
        if name not in self._by_name:
            raise StapesError(f"the firmware has no symbol {name}; was the folder exported with an audio path?")
        return self._by_name[name]

    def functions(self) -> dict[int, str]:
        """Address -> name."""
        return {symbol.address: symbol.name for symbol in self.symbols if symbol.kind == "STT_FUNC"}

    def objects(self) -> dict[int, str]:
        """Address -> name of constants and variables."""
        return {symbol.address: symbol.name for symbol in self.symbols if symbol.kind == "STT_OBJECT"}

    def read(self, address: int, size: int) -> bytes:
        """Bytes of the loaded program."""
        for segment in self.segments:
            offset = address - segment.address
            if offset >= 0 and offset + size <= len(segment.data):
                return segment.data[offset : offset + size]
        raise ValueError(f"{address:#x}: not in the file")

    def words(self, name: str) -> tuple[int, ...]:
        """An array of 32-bit words, unsigned."""
        symbol = self.symbol(name)
        data = self.read(symbol.address, symbol.size)
        return tuple(int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4))

    def string(self, address: int) -> str:
        text = bytearray()
        while byte := self.read(address + len(text), 1):
            if byte == b"\0":
                break
            text += byte
        return text.decode()

    def inlined(self) -> list[Inlined]:
        """Every inlined copy of a function that the debug information knows, an inner one behind the one around it."""
        if not self._elf.has_dwarf_info():
            return []
        dwarf = self._elf.get_dwarf_info()
        found: list[Inlined] = []
        for unit in dwarf.iter_CUs():
            found += _inlined_in(unit, dwarf.range_lists())
        return found


def _segments(elf: ELFFile) -> Iterator[Segment]:
    for segment in elf.iter_segments("PT_LOAD"):
        if segment["p_filesz"]:
            yield Segment(segment["p_vaddr"], segment.data())


def _sections(elf: ELFFile) -> Iterator[Section]:
    for section in elf.iter_sections():
        flags = section["sh_flags"]
        if flags & _ALLOCATE and section["sh_size"]:
            filled = section["sh_type"] != "SHT_NOBITS"
            yield Section(section.name, section["sh_addr"], section["sh_size"], filled, bool(flags & _WRITE))


def _symbols(elf: ELFFile) -> Iterator[Symbol]:
    file = ""
    table: Any = elf.get_section_by_name(".symtab")
    for symbol in table.iter_symbols():
        kind, bind, index = symbol["st_info"]["type"], symbol["st_info"]["bind"], symbol["st_shndx"]
        if kind == "STT_FILE":
            file = symbol.name
        elif kind in ("STT_FUNC", "STT_OBJECT") and isinstance(index, int):
            address = symbol["st_value"] & ~1 if kind == "STT_FUNC" else symbol["st_value"]
            section = elf.get_section(index).name
            yield Symbol(symbol.name, address, symbol["st_size"], kind, section, file if bind == "STB_LOCAL" else "")


def _inlined_in(unit: Any, range_lists: Any) -> Iterator[Inlined]:
    base = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
    base = base.value if base else 0
    for die in unit.iter_DIEs():
        if die.tag != "DW_TAG_inlined_subroutine":
            continue
        origin = die.get_DIE_from_attribute("DW_AT_abstract_origin")
        name = origin.attributes.get("DW_AT_name")
        if name is None:
            continue
        for low, high in _ranges(die, base, range_lists):
            yield Inlined(name.value.decode(), low, high)


def _ranges(die: Any, base: int, range_lists: Any) -> Iterator[tuple[int, int]]:
    if "DW_AT_ranges" in die.attributes:
        for entry in range_lists.get_range_list_at_offset(die.attributes["DW_AT_ranges"].value, die.cu):
            if hasattr(entry, "base_address"):
                base = entry.base_address
            else:
                start = 0 if getattr(entry, "is_absolute", False) else base
                yield start + entry.begin_offset, start + entry.end_offset
    elif "DW_AT_low_pc" in die.attributes and "DW_AT_high_pc" in die.attributes:
        low, high = die.attributes["DW_AT_low_pc"].value, die.attributes["DW_AT_high_pc"]
        yield low, high.value if high.form == "DW_FORM_addr" else low + high.value
