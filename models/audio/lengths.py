"""Lengths for which there is a real transform."""

from __future__ import annotations

# Of the mixed radix; powers of two go on to LONGEST_ANALYSIS in float.
SHORTEST_MIXED, LONGEST_MIXED = 16, 2048
# Lengths that CMSIS-DSP's transform serves.
SHORTEST_CMSIS, LONGEST_CMSIS = 32, 1024


def is_smooth(number: int) -> bool:
    """Whether a positive number has no prime factor above 5."""
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number == 1


def mixed_length(length: int) -> bool:
    """Whether the transform of mixed radix takes `length` real points: even, no prime factor above 5."""
    return SHORTEST_MIXED <= length <= LONGEST_MIXED and length % 2 == 0 and is_smooth(length)


def cmsis_length(length: int) -> bool:
    """Whether CMSIS-DSP's transform takes `length` real points: a power of two."""
    return SHORTEST_CMSIS <= length <= LONGEST_CMSIS and not length & (length - 1)


def next_mixed_length(length: int) -> int:
    """The shortest transform of `length` points or more; LONGEST_MIXED where there is none."""
    return next(
        (points for points in range(max(length, SHORTEST_MIXED), LONGEST_MIXED) if mixed_length(points)), LONGEST_MIXED
    )
