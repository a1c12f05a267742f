"""RESHAPE, TRANSPOSE, SLICE, STRIDED_SLICE, SPLIT, CONCATENATION and PAD: values move, none changes."""

from __future__ import annotations

import numpy as np

from ...quantize.prepare import (
    ConcatenationParams,
    PadParams,
    ReshapeParams,
    SliceParams,
    SplitParams,
    TransposeParams,
)


def reshape(params: ReshapeParams, x: np.ndarray) -> np.ndarray:
    """x (B, *shape) -> (B, *output_shape)."""
    return x.reshape(x.shape[0], *params.output_shape)


def transpose(params: TransposeParams, x: np.ndarray) -> np.ndarray:
    """x (B, *shape) -> (B, *output_shape)."""
    return x.transpose(0, *(axis + 1 for axis in params.permutation))


def strided_slice(params: SliceParams, x: np.ndarray) -> np.ndarray:
    """SLICE and STRIDED_SLICE: x (B, *shape) -> (B, *output_shape)."""
    for axis, (begin, size, stride) in enumerate(zip(params.begin, params.size, params.stride, strict=True), start=1):
        x = x.take(range(begin, begin + size * stride, stride), axis=axis)
    return x.reshape(x.shape[0], *params.output_shape)


def split(params: SplitParams, x: np.ndarray) -> tuple[np.ndarray, ...]:
    """x (B, *shape) -> `count` arrays (B, *output_shape)."""
    return tuple(np.split(x, params.count, axis=params.axis + 1))


def concatenation(params: ConcatenationParams, *parts: np.ndarray) -> np.ndarray:
    """Arrays (B, *shape) -> (B, *output_shape); constants are repeated for every utterance."""
    batch = max(len(part) for part in parts)
    repeated = [np.broadcast_to(part, (batch, *part.shape[1:])) for part in parts]
    return np.concatenate(repeated, axis=params.axis + 1)


def pad(params: PadParams, x: np.ndarray) -> np.ndarray:
    """x (B, *shape) -> (B, *output_shape)."""
    widths = [(0, 0), *zip(params.before, params.after, strict=True)]
    return np.pad(x, widths, constant_values=params.value)
