"""Tensors and scratch as variables of C: their names and types, and a few words on what they hold."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...models.errors import StapesError
from ...quantize.audio.white_box import scale_q31
from ...quantize.graph import Tensor
from .text import C_TYPES, SUFFIXES, shape


@dataclass(frozen=True)
class Variable:
    """A tensor with a name in C: an input, an output, a state or a pointer into the arena."""

    name: str
    type: str
    size: int
    about: str
    tensor: str = ""
    zero_point: int = 0
    offset: int = 0
    real_value: str = ""
    scale_q31: int | None = None

    @property
    def macro(self) -> str:
        """The name as part of a macro."""
        return self.name.upper()

    @property
    def suffix(self) -> str:
        """The type in the names of runtime functions."""
        return SUFFIXES[self.type.removesuffix("_t")]


def real_value(tensor: Tensor) -> str:
    """How integers of a tensor become real values, in words.

    >>> real_value(Tensor("x", (1,), "int16", np.float32([2**-15])))
    '2^-15 * x'
    >>> real_value(Tensor("x", (1,), "int8", np.float32([0.3]), -3))
    '0.300000012 * (x + 3)'
    """
    if tensor.scale is None or np.size(tensor.scale) != 1:
        return "x"
    real = float(np.reshape(tensor.scale, -1)[0])
    mantissa, exponent = math.frexp(real)
    scale = f"2^{exponent - 1}" if mantissa == 0.5 else f"{real:.9g}"
    if tensor.zero_point == 0:
        return f"{scale} * x"
    return f"{scale} * (x {'-' if tensor.zero_point > 0 else '+'} {abs(tensor.zero_point)})"


def variable_of(tensor: Tensor, name: str, offset: int = 0) -> Variable:
    if tensor.dtype not in C_TYPES:
        raise StapesError(f"tensor '{tensor.name}' is {tensor.dtype}, which has no place in C; use int8 or int16")
    real = real_value(tensor)
    about = f"{shape(tensor.shape)}, real value {real}"
    return Variable(
        name, C_TYPES[tensor.dtype], tensor.size, about, tensor.name, tensor.zero_point, offset, real, scale_q31(tensor)
    )
