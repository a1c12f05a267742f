"""The functions of one value that are made of tables, by their ONNX operator: each is one line.

Definitions are those of ONNX (opset 18 to 20), in float64. Where a function is not defined, such as the logarithm of a negative number,
it has the value of its nearest end; what is infinite saturates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Function:
    """`value`: float64 values and the settings of the operator -> float64 values of the same shape; may be NaN or infinite.

    `defaults`: the operator's attributes, with the values that ONNX gives them.
    """

    value: Callable[[np.ndarray, Settings], np.ndarray]
    defaults: Settings = field(default_factory=dict)


_ERF = np.frompyfunc(math.erf, 1, 1)


def _erf(x: np.ndarray) -> np.ndarray:
    return np.asarray(_ERF(x), np.float64)


def _exponential(x: np.ndarray, alpha: float, gamma: float = 1.0) -> np.ndarray:
    result: np.ndarray = np.where(x > 0, gamma * x, gamma * alpha * np.expm1(np.minimum(x, 0.0)))
    return result


def _gelu(x: np.ndarray, s: Settings) -> np.ndarray:
    if s["approximate"] == "tanh":
        return 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1.0 + _erf(x / math.sqrt(2.0)))


def _softplus(x: np.ndarray) -> np.ndarray:
    result: np.ndarray = np.logaddexp(0.0, x)
    return result


FUNCTIONS: Mapping[str, Function] = {
    "Exp": Function(lambda x, s: np.exp(x)),
    "Log": Function(lambda x, s: np.log(x)),
    "Sqrt": Function(lambda x, s: np.sqrt(x)),
    "Reciprocal": Function(lambda x, s: 1.0 / x),
    "Erf": Function(lambda x, s: _erf(x)),
    "Softplus": Function(lambda x, s: _softplus(x)),
    "Softsign": Function(lambda x, s: x / (1.0 + np.abs(x))),
    "Mish": Function(lambda x, s: x * np.tanh(_softplus(x))),
    "Gelu": Function(_gelu, {"approximate": "none"}),
    "Elu": Function(lambda x, s: _exponential(x, s["alpha"]), {"alpha": 1.0}),
    "Celu": Function(lambda x, s: np.where(x > 0, x, s["alpha"] * np.expm1(np.minimum(x, 0.0) / s["alpha"])), {"alpha": 1.0}),
    "Selu": Function(lambda x, s: _exponential(x, s["alpha"], s["gamma"]), {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875}),
    "Sin": Function(lambda x, s: np.sin(x)),
    "Cos": Function(lambda x, s: np.cos(x)),
    "Atan": Function(lambda x, s: np.arctan(x)),
    "Sinh": Function(lambda x, s: np.sinh(x)),
    "Cosh": Function(lambda x, s: np.cosh(x)),
    # One above zero, zero up to it: what comparisons are made of.
    "Step": Function(lambda x, s: (x > 0).astype(np.float64)),
    "Pow": Function(lambda x, s: np.power(x, s["exponent"]), {"exponent": 1.0}),
}  # fmt: skip


def evaluate(name: str, settings: Settings, x: np.ndarray) -> np.ndarray:
    """A function at ascending values (n,) float64, NaN replaced by the nearest value that is none; infinite values stay."""
    function = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        y = np.asarray(function.value(np.asarray(x, np.float64), {**function.defaults, **settings}), np.float64)
    known = np.flatnonzero(~np.isnan(y))
    if not known.size:
        return np.zeros_like(y)
    places = np.arange(len(y))
    nearest = np.clip(np.searchsorted(known, places), 0, len(known) - 1)
    before = np.maximum(nearest - 1, 0)
    closer = np.where(np.abs(known[before] - places) < np.abs(known[nearest] - places), before, nearest)
    result: np.ndarray = y[known[closer]]
    return result
