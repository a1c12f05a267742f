"""The constant arrays of a program: each distinct array is stored once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..targets import CORTEX_M7, Target
from ..template import Code
from .text import C_TYPES, Names, code, shape, values

# Behind the name of the program these are its functions, types and tables; arrays of the self-test begin so.
_TAKEN = [
    "init",
    "reset",
    "network",
    "process",
    "context",
    "audio",
    "aligned_context",
    "aligned_ear",
    "aligned_ears",
    "ear",
    "ears",
    "scratch",
    "init_ears",
    "reset_ears",
    "process_ears",
    "ear_set_controls",
    "ear_get_controls",
    "ear_set_program",
    "ear_set_latent",
    "set_latent",
    "self_test",
    "stream",
    "stream_init",
    "tensor_names",
    "tensor_bytes",
]
_BEGINNINGS = ("vector_", "vectors_", "bundle_", "stream_")


@dataclass(frozen=True, eq=False)
class Array:
    """One array of the weights file."""

    name: str
    data: np.ndarray
    about: str

    @property
    def declaration(self) -> Code:
        """`const int8_t name[2 * 3]`."""
        sizes = " * ".join(str(n) for n in self.data.shape if n != 1) or "1"
        return code(f"const {C_TYPES[self.data.dtype.name]} {self.name}[{sizes}]")

    @property
    def values(self) -> Code:
        """The inside of its initialiser."""
        return values(self.data, self.data.dtype.name)


class Constants:
    """Collects arrays for a target; a second array with the same dtype and values gets the name of the first."""

    def __init__(self, prefix: str, target: Target = CORTEX_M7) -> None:
        self.target = target
        self._prefix = prefix
        self._names = Names(_TAKEN, _BEGINNINGS)
        self._arrays: dict[tuple[str, bytes], Array] = {}

    def add(self, label: str, data: np.ndarray) -> str:
        """The C name of an array with these values; `label` says what it is."""
        data = np.ascontiguousarray(data)
        key = (data.dtype.name, data.tobytes())
        if key not in self._arrays:
            name = f"{self._prefix}_{self._names.take(label)}"
            self._arrays[key] = Array(name, data, f"{label}: {shape(data.shape)}")
        return self._arrays[key].name

    def __iter__(self) -> Iterator[Array]:
        return iter(self._arrays.values())

    @property
    def bytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.data.nbytes for array in self)
