"""Dataclasses that are also structs in C: the type of a field is that of the member, and this is the one description of both.

The exporter prints them, the tests lay memory out by them and hold the headers of the runtime to them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_type_hints

import numpy as np

from ...models.errors import StapesError

Bool = Annotated[bool, "bool"]
Int16 = Annotated[int, "int16"]
UInt16 = Annotated[int, "uint16"]
Int32 = Annotated[int, "int32"]
UInt32 = Annotated[int, "uint32"]
Int64 = Annotated[int, "int64"]
UInt64 = Annotated[int, "uint64"]
Int16s = Annotated[np.ndarray, "int16"]
Int32s = Annotated[np.ndarray, "int32"]
UInt16s = Annotated[np.ndarray, "uint16"]

# Sums of 64 bits keep two bits of room.
_WIDEST = 62


@dataclass(frozen=True)
class Member:
    """One member of a struct: of a numpy dtype, or of another struct; an array is a pointer to `shape` values.

    `shape` is in numbers and the letters of `models.audio.stage.Quantity`, and None for a single value. `constant` is what is not written through the pointer.
    `view`: the function sets the pointer, into another array of the struct.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...] | None = None
    constant: bool = False
    struct: type | None = None
    view: bool = False

    @property
    def pointer(self) -> bool:
        return self.shape is not None or self.struct is not None

    @property
    def c_type(self) -> str:
        """The type in C, without the star of a pointer."""
        kind = struct_name(self.struct) if self.struct else self.dtype if self.dtype == "bool" else f"{self.dtype}_t"
        return f"const {kind}" if self.constant else kind

    @property
    def declaration(self) -> str:
        """`const int32_t *window_q31;`"""
        return f"{self.c_type} {'*' if self.pointer else ''}{self.name};"


def struct_name(kind: type) -> str:
    """The name of a dataclass in C: its attribute `c_name`."""
    return str(kind.c_name)  # type: ignore[attr-defined]


_known: dict[type, tuple[Member, ...]] = {}


def members(kind: type) -> tuple[Member, ...]:
    """The members of a dataclass in order; arrays and other dataclasses are pointers to constants."""
    if kind not in _known:
        _known[kind] = _members(kind)
    return _known[kind]


def _members(kind: type) -> tuple[Member, ...]:
    hints = get_type_hints(kind, include_extras=True)
    found = []
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            found.append(Member(field.name, "", None, True, hint))  # type: ignore[arg-type]
        else:
            base, dtype = get_args(hint)
            array = base is np.ndarray
            found.append(Member(field.name, dtype, () if array else None, array))
    return tuple(found)


def checked(params: Any) -> Any:
    """The same, when every number fits its member; raises StapesError for one that does not."""
    for member in members(type(params)):
        value = getattr(params, member.name)
        if member.pointer or member.dtype == "bool":
            continue
        limits = np.iinfo(member.dtype)
        low, high = max(int(limits.min), -(2**_WIDEST)), min(int(limits.max), 2**_WIDEST - 1)
        if not low <= value <= high:
            raise StapesError(
                f"{member.name.rpartition('_q')[0] or member.name}: too large for the fixed-point path; give a smaller value"
            )
    return params


def struct_bytes(parts: tuple[Member, ...], pointer: int = 4) -> tuple[int, int]:
    """`sizeof` and alignment of a struct, by default on a Cortex-M: 64-bit integers stand on boundaries of 8 bytes."""
    end, widest = 0, 1
    for member in parts:
        width = pointer if member.pointer else np.dtype(member.dtype).itemsize
        end = -(-end // width) * width + width
        widest = max(widest, width)
    return -(-end // widest) * widest, widest
