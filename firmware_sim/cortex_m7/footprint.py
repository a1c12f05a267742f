"""Flash and RAM of a linked program, by section and by object file, and the compiler's word on the stack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..device.firmware import Firmware, Section, Symbol, import_elftools
from ..device.toolchain import HERE, Build
from ..engines.program import SHIM
from .stages import own_name
from .unicorn_run import CONTEXT

LIBRARY = "C library"
UNNAMED = "padding and constants without a name"
_CONTEXT = "context"
_EXCHANGE = ".exchange"


@dataclass(frozen=True)
class Footprint:
    """Bytes without those of the test's own start-up and file handling; the two tables of each memory sum up to it."""

    flash_by_section: dict[str, int]
    flash_by_object: dict[str, int]
    ram_by_section: dict[str, int]
    ram_by_object: dict[str, int]

    @property
    def flash_bytes(self) -> int:
        return sum(self.flash_by_section.values())

    @property
    def ram_bytes(self) -> int:
        return sum(self.ram_by_section.values())


def footprint(firmware: Firmware, build: Build) -> Footprint:
    """What the exported program, CMSIS-DSP and the C library take; the context counts as RAM, the stack does not."""
    owners = _owners(build)
    flash = {section.name: _by_object(section, firmware, owners) for section in firmware.sections if section.filled}
    ram = {
        section.name: _by_object(section, firmware, owners)
        for section in firmware.sections
        if section.writable and section.name != _EXCHANGE
    }
    return Footprint(_sizes(flash), _joined(flash), _sizes(ram), _joined(ram))


def _sizes(sections: Mapping[str, Counter[str]]) -> dict[str, int]:
    return {name: objects.total() for name, objects in sections.items() if objects.total()}


def _joined(sections: Mapping[str, Counter[str]]) -> dict[str, int]:
    return dict(sum(sections.values(), Counter()).most_common())


def _harness() -> set[str]:
    return {SHIM.name, *(path.name for path in HERE.glob("*.c"))}


def _owners(build: Build) -> dict[str, str]:
    """Global name -> source file."""
    owners = {}
    for source, path in build.objects.items():
        with path.open("rb") as file:
            for symbol in import_elftools()(file).get_section_by_name(".symtab").iter_symbols():
                if symbol["st_info"]["bind"] != "STB_LOCAL" and isinstance(symbol["st_shndx"], int):
                    owners[symbol.name] = source
    return owners


def _by_object(section: Section, firmware: Firmware, owners: Mapping[str, str]) -> Counter[str]:
    """Bytes of a section by source file; where symbols share an address, the larger one counts."""
    named = sorted((s for s in firmware.symbols if s.section == section.name), key=lambda s: (s.address, -s.size))
    sizes: Counter[str] = Counter()
    end = section.address
    for symbol in named:
        size = symbol.address + symbol.size - max(end, symbol.address)
        if size > 0:
            sizes[_owner(symbol, owners)] += size
            end = symbol.address + symbol.size
    sizes[UNNAMED] = section.size - sizes.total()
    return Counter({name: size for name, size in sizes.items() if size and name not in _harness()})


def _owner(symbol: Symbol, owners: Mapping[str, str]) -> str:
    if symbol.name == CONTEXT:
        return _CONTEXT
    return (Path(symbol.file).name if symbol.file else owners.get(symbol.name, LIBRARY)) or LIBRARY


def stack_usage(build: Build) -> dict[str, int]:
    """Function -> bytes of stack, from GCC's -fstack-usage; empty where the compiler wrote none.

    Where two files have a static function of the same name, the larger figure.
    """
    usage: dict[str, int] = {}
    for path in build.objects.values():
        file = path.with_suffix(".su")
        for line in file.read_text().splitlines() if file.is_file() else []:
            place, size, _ = line.split("\t")
            name = own_name(place.rpartition(":")[2])
            usage[name] = max(usage.get(name, 0), int(size))
    return usage
