"""Where each buffer of a frame lies in the arena: buffers whose lifetimes do not meet share memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Buffer:
    """`size` bytes that are in use from step `first` to step `last`, both included."""

    name: str
    size: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        """Whether both are in use in some step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Plan:
    """Byte offsets of the buffers in an arena of `size` bytes."""

    offsets: dict[str, int]
    size: int


def aligned(size: int, alignment: int) -> int:
    """The next multiple of `alignment`.

    >>> aligned(65, 16), aligned(64, 16)
    (80, 64)
    """
    return -(-size // alignment) * alignment


def plan(buffers: Sequence[Buffer], alignment: int = 16) -> Plan:
    """Offsets by first fit, the largest buffers first: deterministic, and no buffer moves once it is placed.

    Source: "greedy by size" of Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference (2020).
    """
    placed: list[tuple[int, Buffer]] = []
    offsets = {}
    for buffer in sorted(buffers, key=lambda b: (-b.size, b.first, b.name)):
        offset = 0
        for start, other in sorted((pair for pair in placed if pair[1].meets(buffer)), key=lambda pair: pair[0]):
            if offset + buffer.size <= start:
                break
            offset = max(offset, aligned(start + other.size, alignment))
        placed.append((offset, buffer))
        offsets[buffer.name] = offset
    size = max((offset + buffer.size for offset, buffer in placed), default=0)
    return Plan({buffer.name: offsets[buffer.name] for buffer in buffers}, aligned(size, alignment))
