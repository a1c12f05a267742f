"""Bias correction: what rounding and clipping move a product's mean by is taken from its bias.

A format that clips, or whose steps are coarse for most values, moves the mean of a channel, and so do rounded weights. The
next product adds such errors up; their mean is known from calibration:

    e = W_q mean(x_q) - W mean(x)                    x_q: what the integers hold of x

Every channel's mean is taken over frames and positions. At the edges of a padded convolution fewer taps count; that is left out.

Source: Nagel et al., Data-free quantization through weight equalization and bias correction, 2019, section 4.2, whose
means are analytic; here they are those of the calibration audio.
"""

from __future__ import annotations

import math

import numpy as np

from .calibrate import Observations
from .float_graph import COPIES, FloatGraph
from .graph import Operator, Tensor

# Copies that leave the last axis as it is, or regroup rows only.
_KEEPS_CHANNELS = ("RESHAPE", "STRIDED_SLICE", "PAD")
# A correction is rounded to this part of the largest one: the last bits of float must not decide a bias.
STEPS = 256


class MeanErrors:
    """The mean error of each product of weights; means are computed once for each tensor and format."""

    def __init__(self, graph: FloatGraph, seen: Observations) -> None:
        self._graph, self._seen = graph, seen
        self._producers = {out: op for op in graph.operators for out in op.outputs}
        self._states = {state.input: state.output for state in graph.states}
        self._readers: dict[str, int] = {}
        for op in graph.operators:
            for name in op.inputs:
                self._readers[name] = self._readers.get(name, 0) + 1
        self._means: dict[tuple[object, ...], tuple[np.ndarray, np.ndarray]] = {}

    def of(self, op: Operator, x: Tensor, copy: Tensor, weights: Tensor) -> np.ndarray:
        """Mean error (O,) of `op` of the float graph where it reads x, as `copy` in another format, and rounded weights.

        Zero where nothing is known: for operands that mix channels, and a bias that several operators share.
        """
        exact = self._graph.tensors[op.inputs[1]].data
        assert exact is not None
        rounded = _real(weights)
        depthwise = op.kind == "DEPTHWISE_CONV_2D"
        outputs = exact.shape[-1 if depthwise else 0]
        source = self._source(op.inputs[0])
        if source is None or self._readers[op.inputs[2]] != 1:
            return np.zeros(outputs)
        held, true = self._channel_means(source, (x, copy))
        if depthwise:
            error = rounded.sum(axis=(0, 1, 2)) * held - exact.sum(axis=(0, 1, 2)) * true
        else:
            error = _product(rounded, held) - _product(exact, true)
        return _on_a_grid(error)

    def _source(self, name: str) -> str | None:
        """The observed tensor whose values an operand holds, channel for channel, or None."""
        channels = self._graph.tensors[name].shape[-1]
        while name not in self._seen.values:
            made = self._producers.get(name)
            if name in self._states:
                name = self._states[name]
            elif made is not None and made.kind in _KEEPS_CHANNELS:
                name = made.inputs[COPIES[made.kind]]
            else:
                return None
            if self._graph.tensors[name].shape[-1] != channels:
                return None
        return name

    def _channel_means(self, source: str, formats: tuple[Tensor, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Means (C,) of a tensor's values after one format and then the next, and of the values as they are."""
        key = (source, *((_step(tensor), tensor.zero_point, tensor.limits) for tensor in formats))
        if key not in self._means:
            values = self._seen.values[source].reshape(-1, self._graph.tensors[source].shape[-1])
            held = values
            for tensor in formats:
                low, high = (limit - tensor.zero_point for limit in tensor.limits)
                held = np.clip(np.round(held / _step(tensor)), low, high) * _step(tensor)
            self._means[key] = held.mean(axis=0, dtype=np.float64), values.mean(axis=0, dtype=np.float64)
        return self._means[key]


def _step(tensor: Tensor) -> np.float32:
    assert tensor.scale is not None
    result: np.float32 = tensor.scale[0]
    return result


def _real(weights: Tensor) -> np.ndarray:
    assert weights.data is not None
    assert weights.scale is not None
    axis = -1 if weights.axis is None else weights.axis
    shape = [-1 if a == axis else 1 for a in range(weights.data.ndim)] if len(weights.scale) > 1 else [1]
    return weights.data * weights.scale.astype(np.float64).reshape(shape)


def _product(weights: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Weights (O, C) or (O, KH, KW, C / groups) times means (C,): every tap reads the mean of its channel."""
    matrix = weights.reshape(len(weights), -1, weights.shape[-1]).sum(axis=1)
    groups = len(means) // matrix.shape[1]
    rows = np.repeat(means.reshape(groups, -1), len(matrix) // groups, axis=0)
    result: np.ndarray = (matrix * rows).sum(axis=1)
    return result


def _on_a_grid(error: np.ndarray) -> np.ndarray:
    largest = float(np.abs(error).max())
    if largest == 0.0:
        return error
    step = 2.0 ** math.floor(math.log2(largest)) / STEPS
    return np.round(error / step) * step
