"""What every family of operators asks of its tensors: scales, constants, ranges, and the errors when they do not fit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ...models.errors import StapesError
from ..graph import Graph, Operator, Tensor


class OperatorError(StapesError):
    """An operator that TFLite Micro would not run, or not with these bits.

    `narrow`: a wider format of its result would mend it.
    """

    def __init__(self, op: Operator, reason: str, narrow: bool = False) -> None:
        super().__init__(f"operator '{op.name}' ({op.kind}): {reason}")
        self.reason, self.narrow = reason, narrow


def require(condition: bool, op: Operator, reason: str) -> None:
    """Raise `OperatorError` naming the operator unless `condition` holds."""
    if not condition:
        raise OperatorError(op, reason)


def require_wide_result(condition: bool, op: Operator, name: str) -> None:
    """Raise `OperatorError` for a result whose scale is too small for its operands unless `condition` holds."""
    if not condition:
        raise OperatorError(
            op, f"output '{name}' has too small a scale for its operands; use a larger one", narrow=True
        )


def operand(graph: Graph, op: Operator, index: int, dtypes: Sequence[str] = ("int8", "int16")) -> Tensor:
    """Input `index` of an operator, its dtype checked."""
    require(index < len(op.inputs) and op.inputs[index] != "", op, f"input {index} is missing; give it")
    return _typed(graph, op, op.inputs[index], dtypes)


def result(graph: Graph, op: Operator, index: int = 0, dtypes: Sequence[str] = ("int8", "int16")) -> Tensor:
    """Output `index` of an operator, its dtype checked."""
    require(index < len(op.outputs), op, f"output {index} is missing; give it")
    return _typed(graph, op, op.outputs[index], dtypes)


def _typed(graph: Graph, op: Operator, name: str, dtypes: Sequence[str]) -> Tensor:
    require(name in graph.tensors, op, f"tensor '{name}' is not in the graph; add it")
    tensor = graph.tensors[name]
    require(tensor.dtype in dtypes, op, f"tensor '{name}' is {tensor.dtype}; use {' or '.join(dtypes)}")
    return tensor


def constant(graph: Graph, op: Operator, index: int, dtypes: Sequence[str]) -> Tensor:
    """Input `index` of an operator, which must be a constant."""
    tensor = operand(graph, op, index, dtypes)
    require(tensor.data is not None, op, f"tensor '{tensor.name}' must be a constant; give it data")
    return tensor


def integers(graph: Graph, op: Operator, index: int) -> tuple[int, ...]:
    """The values of a shape-like constant (axes, begins, permutations)."""
    data = constant(graph, op, index, ("int32",)).data
    return tuple(int(value) for value in np.asarray(data).reshape(-1))


def scale(op: Operator, tensor: Tensor) -> float:
    """The one scale of a tensor: float32 in the file, float64 for the arithmetic."""
    scales = np.reshape([] if tensor.scale is None else tensor.scale, -1)
    require(scales.size == 1, op, f"tensor '{tensor.name}' has {scales.size} scales; give it one")
    value = float(np.float32(scales[0]))
    require(np.isfinite(value) and value > 0.0, op, f"tensor '{tensor.name}' has scale {value}; use a positive number")
    return value


def require_symmetric_int16(op: Operator, *tensors: Tensor) -> None:
    """int16 tensors carry zero point 0 in TFLite Micro."""
    for tensor in tensors:
        require(
            tensor.dtype != "int16" or tensor.zero_point == 0,
            op,
            f"tensor '{tensor.name}' is int16 with zero point {tensor.zero_point}; use 0",
        )


def require_same_dtype(op: Operator, *tensors: Tensor) -> None:
    """Operands and result of one dtype: TFLite Micro has no mixed form of these operators."""
    names = ", ".join(f"'{tensor.name}' {tensor.dtype}" for tensor in tensors)
    require(len({tensor.dtype for tensor in tensors}) == 1, op, f"mixed dtypes ({names}); insert a QUANTIZE")


def require_same_quantisation(op: Operator, *tensors: Tensor) -> None:
    """Operators that copy values need one scale and zero point on both sides."""
    require_same_dtype(op, *tensors)
    first = tensors[0]
    for tensor in tensors[1:]:
        same = tensor.zero_point == first.zero_point and np.array_equal(
            np.asarray(tensor.scale, np.float32), np.asarray(first.scale, np.float32)
        )
        require(same, op, f"'{first.name}' and '{tensor.name}' differ in scale or zero point; insert a QUANTIZE")


# Ends of the fused activations in real numbers, None where there is none.
_ACTIVATIONS: Mapping[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}


def activation_range(op: Operator, output: Tensor) -> tuple[int, int]:
    """Smallest and largest value that the fused activation lets through.

    Source: `CalculateActivationRangeQuantized` of TensorFlow Lite, whose quotient has single precision.
    """
    low, high = output.limits
    activation = str(op.options.get("fused_activation_function", "NONE"))
    known = ", ".join(_ACTIVATIONS)
    require(activation in _ACTIVATIONS, op, f"fused activation {activation} is unknown; use one of {known}")
    least, largest = _ACTIVATIONS[activation]
    if least is not None:
        low = max(low, _code(op, output, least))
    if largest is not None:
        high = min(high, _code(op, output, largest))
        # The largest value tells the numpy kernels of products which dtype they work on.
        coarse = output.dtype == "int16" and high <= 127
        require(not coarse, op, f"{activation} ends at {high} steps of '{output.name}'; use a smaller scale")
    return low, high


def _code(op: Operator, output: Tensor, real: float) -> int:
    """The code of a real number, rounded half away from zero."""
    steps = float(np.float32(real) / np.float32(scale(op, output)))
    require(abs(steps) < 2.0**30, op, f"'{output.name}' has too small a scale for its activation; use a larger one")
    return output.zero_point + int(math.copysign(math.floor(abs(steps) + 0.5), steps))


def read_only(values: object, dtype: type) -> np.ndarray:
    """A contiguous array that nobody can change."""
    array: np.ndarray = np.array(values, dtype, order="C")
    array.flags.writeable = False
    return array
