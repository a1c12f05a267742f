"""The integer kernels in numpy: the readable definition of every operator, batched over utterances.

Arrays are int64 (B, *shape) and hold the values of the tensor's narrower dtype; B utterances stand in front of the
tensor's own shape. A kernel never changes its operands, though its result may share memory with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...models.errors import StapesError
from ...quantize.graph import Graph, Operator
from ...quantize.prepare import LutParams, Params, SigmoidParams
from . import copies
from .abs import absolute
from .add import add
from .batch_matmul import batch_matmul
from .batching import constant
from .conv_2d import conv_2d
from .depthwise_conv_2d import depthwise_conv_2d
from .fully_connected import fully_connected
from .leaky_relu import leaky_relu
from .mean import mean
from .mul import mul
from .quantize import quantize
from .relu import relu
from .sigmoid import lut, sigmoid

_ONE, _TWO, _ALL = slice(0, 1), slice(0, 2), slice(None)


def _lookup(params: LutParams | SigmoidParams, x: np.ndarray) -> np.ndarray:
    return lut(params, x) if isinstance(params, LutParams) else sigmoid(params, x)


# The kernel of each operator, and which of its inputs are operands; the others went into the parameters.
_KERNELS: dict[str, tuple[Callable[..., Any], slice]] = {
    "ABS": (absolute, _ONE),
    "ADD": (add, _TWO),
    "BATCH_MATMUL": (batch_matmul, _TWO),
    "CONCATENATION": (copies.concatenation, _ALL),
    "CONV_2D": (conv_2d, _ONE),
    "DEPTHWISE_CONV_2D": (depthwise_conv_2d, _ONE),
    "FULLY_CONNECTED": (fully_connected, _ONE),
    "LEAKY_RELU": (leaky_relu, _ONE),
    "LOGISTIC": (_lookup, _ONE),
    "MEAN": (mean, _ONE),
    "MUL": (mul, _TWO),
    "PAD": (copies.pad, _ONE),
    "QUANTIZE": (quantize, _ONE),
    "RELU": (relu, _ONE),
    "RESHAPE": (copies.reshape, _ONE),
    "SLICE": (copies.strided_slice, _ONE),
    "SPLIT": (copies.split, slice(1, 2)),
    "STRIDED_SLICE": (copies.strided_slice, _ONE),
    "SUB": (add, _TWO),
    "TANH": (_lookup, _ONE),
    "TRANSPOSE": (copies.transpose, _ONE),
}


def operators() -> tuple[str, ...]:
    """The operators that have a kernel."""
    return tuple(_KERNELS)


def operands(op: Operator) -> tuple[str, ...]:
    """Names of the tensors that the kernel of an operator reads while it runs."""
    if op.kind not in _KERNELS:
        raise StapesError(f"operator '{op.name}': {op.kind} has no kernel; use one of {', '.join(_KERNELS)}")
    return op.inputs[_KERNELS[op.kind][1]]


def run(graph: Graph, op: Operator, params: Params, inputs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    """The outputs of one operator, int64 (B, *shape) each, in the order of `op.outputs`.

    inputs: tensor name -> int64 (B, *shape); constants are taken from the graph where they are not given.
    params: what `quantize.prepare.prepare` made of the operator.
    """
    given = [inputs[name] if name in inputs else constant(_data(graph, name)) for name in operands(op)]
    result = _KERNELS[op.kind][0](params, *given)
    return result if isinstance(result, tuple) else (result,)


def _data(graph: Graph, name: str) -> np.ndarray:
    data = graph.tensors[name].data
    if data is None:
        raise StapesError(f"tensor '{name}' has no value yet; run the operators in the graph's order")
    return data
