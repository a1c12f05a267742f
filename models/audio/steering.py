"""A network that steers a stage of the path, as the path keeps it: the integers of its layers, as text.

    latent (L,) -> layers, each of one vector -> frequency, gain, quality and perhaps weight, (K,) each

The formats are those of a decoder that was quantised by itself (`models/white_box.py` says what it computes).
"""

from __future__ import annotations

import base64
import binascii
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from ..errors import StapesError
from ..schema import STRICT

PRODUCT: Final = "FULLY_CONNECTED"
HEADS = ("frequency", "gain", "quality")
WEIGHT = "weight"
LATENT = "latent"
MOST_BANDS, MOST_LAYERS, WIDEST = 10, 64, 4096
# A vector begins on a boundary that the kernels of products take, and has a length that they take.
GROUP = 4
AGAIN = "quantise the decoder again"


@dataclass(frozen=True)
class Layer:
    """What makes the vector `makes` of `size` values in int16, each worth `scale`, of the vectors that it `reads`.

    Of a product: `weights` int8 (size, inputs), `scales` float32 (size,), `bias` int64 (size,), in base64, little-endian; `relu`:
    what is below zero becomes zero.
    """

    kind: Literal["FULLY_CONNECTED", "ADD", "RELU", "TANH", "LOGISTIC"]
    reads: tuple[str, ...]
    makes: str
    size: int
    scale: float
    relu: bool = False
    weights: str = ""
    scales: str = ""
    bias: str = ""

    __pydantic_config__ = STRICT

    def matrix(self, inputs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights int8 (size, inputs), scales float32 (size,), bias int64 (size,); raises StapesError for other lengths."""
        weights = _values(self.weights, "<i1", self.size * inputs, self.makes).reshape(self.size, inputs)
        return (
            weights,
            _values(self.scales, "<f4", self.size, self.makes),
            _values(self.bias, "<i8", self.size, self.makes),
        )

    def check(self, sizes: dict[str, int]) -> None:
        """Raise StapesError for what no layer is, given the sizes of the vectors that there are."""
        label = f"network: layer {self.makes[:40]!r}"
        wanted = 2 if self.kind == "ADD" else 1
        if len(self.reads) != wanted or any(name not in sizes for name in self.reads):
            raise StapesError(f"{label}: {self.kind} reads {wanted} vectors that are made before it; {AGAIN}")
        if self.makes in sizes or not 1 <= self.size <= WIDEST or not 0.0 < self.scale < math.inf:
            raise StapesError(f"{label}: has a name, a size or a scale that is none; {AGAIN}")
        given = [sizes[name] for name in self.reads]
        if self.kind != PRODUCT and any(size != self.size for size in given):
            raise StapesError(f"{label}: {self.kind} of {given[0]} values makes {self.size}; {AGAIN}")
        if self.kind == PRODUCT:
            weights, scales, _ = self.matrix(given[0])
            if given[0] % GROUP or weights.min() < -127 or not ((scales > 0) & np.isfinite(scales)).all():
                raise StapesError(f"{label}: has weights that the device does not take; {AGAIN}")


@dataclass(frozen=True)
class SteeringNetwork:
    """`latents` values, each worth `scale` a code of int16, and the layers in their order."""

    latents: int
    scale: float
    layers: tuple[Layer, ...]

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if not 1 <= len(self.layers) <= MOST_LAYERS or self.latents % GROUP or not GROUP <= self.latents <= WIDEST:
            raise StapesError(f"network: {len(self.layers)} layers for {self.latents} values; {AGAIN}")
        if not 0.0 < self.scale < math.inf:
            raise StapesError(f"network: scale {self.scale:g} of the latent; {AGAIN}")
        sizes = {LATENT: self.latents}
        for layer in self.layers:
            layer.check(sizes)
            sizes[layer.makes] = layer.size
        bands = [sizes.get(name) for name in self.heads]
        if not set(HEADS) <= set(sizes) or len(set(bands)) != 1 or not 1 <= (bands[0] or 0) <= MOST_BANDS:
            raise StapesError(f"network: gives no frequency, gain and quality of 1 to {MOST_BANDS} bands; {AGAIN}")

    @property
    def heads(self) -> tuple[str, ...]:
        """What it is asked for."""
        return (*HEADS, *(WEIGHT for layer in self.layers if layer.makes == WEIGHT))

    @property
    def bands(self) -> int:
        return next(layer.size for layer in self.layers if layer.makes == HEADS[0])

    @functools.cached_property
    def places(self) -> dict[str, int]:
        """Where each vector begins in the memory of the stage, in values; what one value makes of one stands in its place.

        The latent has memory of its own.
        """
        readers = {
            name: sum(name in layer.reads for layer in self.layers) for layer in self.layers for name in layer.reads
        }
        found: dict[str, int] = {}
        end = 0
        for layer in self.layers:
            first = layer.reads[0]
            if layer.kind != PRODUCT and first in found and readers[first] == 1 and first not in self.heads:
                found[layer.makes] = found[first]
            else:
                found[layer.makes] = end
                end += -(-layer.size // GROUP) * GROUP
        return found

    @property
    def memory(self) -> int:
        """Values of all vectors but the latent."""
        sizes = {layer.makes: layer.size for layer in self.layers}
        return max(place + -(-sizes[name] // GROUP) * GROUP for name, place in self.places.items())

    def real(self, latent: np.ndarray) -> dict[str, np.ndarray]:
        """The heads in float64, (..., K) each, of latents (..., L)."""
        values = {LATENT: np.asarray(latent, np.float64)}
        for layer in self.layers:
            given = [values[name] for name in layer.reads]
            if layer.kind == PRODUCT:
                weights, scales, bias = layer.matrix(given[0].shape[-1])
                x_scale = self.scale if layer.reads[0] == LATENT else self._scales[layer.reads[0]]
                made = (given[0] @ weights.T.astype(np.float64) + bias * x_scale) * scales
                values[layer.makes] = np.maximum(made, 0.0) if layer.relu else made
            else:
                values[layer.makes] = _CURVES[layer.kind](*given)
        return {name: values[name] for name in self.heads}

    @functools.cached_property
    def _scales(self) -> dict[str, float]:
        return {layer.makes: layer.scale for layer in self.layers}


_CURVES: dict[str, Callable[..., np.ndarray]] = {
    "ADD": np.add,
    "RELU": lambda x: np.maximum(x, 0.0),
    "TANH": np.tanh,
    "LOGISTIC": lambda x: 0.5 + 0.5 * np.tanh(0.5 * x),
}


def as_text(values: np.ndarray, dtype: str) -> str:
    """Values as the text that `Layer` keeps.

    >>> as_text(np.array([1, -1]), "<i1")
    'Af8='
    """
    return base64.b64encode(np.ascontiguousarray(values, dtype).tobytes()).decode("ascii")


@functools.lru_cache(maxsize=256)
def _values(text: str, dtype: str, count: int, name: str) -> np.ndarray:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != count * np.dtype(dtype).itemsize:
        raise StapesError(f"network: layer {name[:40]!r} holds no {count} values; {AGAIN}")
    made = np.frombuffer(data, dtype)
    made.flags.writeable = False
    return made
