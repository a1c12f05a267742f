"""The float graph and its formats become the integer graph: weights and biases to codes, QUANTIZE where formats meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from .arithmetic import INT32_MAX
from .bias_correction import MeanErrors
from .curves import expand
from .float_graph import CURVE, FloatGraph
from .formats import Assigner, Format
from .graph import DTYPES, LIMITS, Graph, Operator, Region, Tensor
from .int8_states import with_int8_states
from .recipe import Recipe

# The products of weights, and the axis of the weights along which the output channels stand.
PRODUCTS = {"FULLY_CONNECTED": 0, "CONV_2D": 0, "DEPTHWISE_CONV_2D": 3}


# Half a million below what 32 bits hold, for the bias and for the rounding of the weights.
MOST_SUM = (2**31 - 2**19) / 2**15
# The least multiplier of a product of int16: a code times the largest input is then a quarter of a step of the output.
FAINTEST = 2.0**-17


def quantise_weights(
    weights: np.ndarray, granularity: str, axis: int = 0, wide: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Weights as int8 codes and float32 scales, `(O,)` per channel along `axis` or `(1,)` per tensor; symmetric, +-127.

    `wide`: for int16 activations, where a long row of large weights takes smaller codes, so that no sum leaves int32.
    """
    others = tuple(a for a in range(weights.ndim) if a != axis)
    peaks, sums = np.abs(weights).max(axis=others), np.abs(weights).sum(axis=others)
    if granularity == "tensor":
        peaks, sums = peaks.max(keepdims=True), sums.max(keepdims=True)
    most = np.full(peaks.shape, 127.0)
    if wide:
        terms = weights.size // weights.shape[axis]
        most = np.minimum(most, np.floor((MOST_SUM - terms / 2) * peaks / np.where(sums > 0, sums, 1.0)))
    scales = peaks / np.maximum(most, 1.0)
    # Bias and rounding of a row of zeros depend on its scale: they are to be like those of the other rows.
    scales = np.where(peaks > 0, scales, scales.max() or 1.0).astype(np.float32)
    shaped = scales.astype(np.float64).reshape([-1 if a == axis else 1 for a in range(weights.ndim)])
    return np.clip(np.round(weights / shaped), -127, 127).astype(np.int8), scales


def with_room_for_bias(
    weights: np.ndarray, bias: np.ndarray, codes: np.ndarray, scales: np.ndarray, axis: int, x: Tensor
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales as `quantise_weights` gives them, with larger scales where the bias would leave int32.

    The bias (O,) has the scale of x times the weights'. A row of tiny weights, next to a constant, keeps its bias and takes
    fewer codes; rows whose sums fit stay as they are.
    """
    assert x.scale is not None
    step, reach = float(x.scale[0]), -x.limits[0] + abs(x.zero_point)
    rows = np.moveaxis(np.abs(weights), axis, 0).reshape(len(bias), -1)
    used = np.moveaxis(np.abs(codes.astype(np.int64)), axis, 0).reshape(len(bias), -1).sum(axis=1)
    largest = used * float(reach) + np.abs(bias) / (step * scales.astype(np.float64))
    # Rounding may move every code by one half, and a correction of the bias by as much again.
    room = INT32_MAX - 2**19 - rows.shape[1] * reach
    if largest.max() <= INT32_MAX or room <= 0:
        return codes, scales
    needed = (rows.sum(axis=1) * reach + np.abs(bias) / step) / room * (1.0 + 2.0**-20)
    if len(scales) == 1:
        needed, largest = needed.max(keepdims=True), largest.max(keepdims=True)
    scales = np.where(largest > INT32_MAX, np.maximum(needed, scales), scales).astype(np.float32)
    shaped = scales.astype(np.float64).reshape([-1 if a == axis else 1 for a in range(weights.ndim)])
    return np.clip(np.round(weights / shaped), -127, 127).astype(np.int8), scales


def without_faint_rows(
    weights: np.ndarray, codes: np.ndarray, scales: np.ndarray, axis: int, x: Tensor, out: Format
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales of weights whose channels count for next to nothing beside their biases, with steps that are worth something.

    Where a code of weight times the largest input makes less than a quarter of a step of the output, a finer scale tells nothing,
    and its multiplier asks for 64 bits.
    """
    assert x.scale is not None
    least = np.float64(FAINTEST) * out.scale / np.float64(x.scale[0])
    if len(scales) != weights.shape[axis] or not (scales < least).any():
        return codes, scales
    scales = np.maximum(scales, least).astype(np.float32)
    shaped = scales.astype(np.float64).reshape([-1 if a == axis else 1 for a in range(weights.ndim)])
    return np.clip(np.round(weights / shaped), -127, 127).astype(np.int8), scales


@dataclass
class Builder:
    """Collects the tensors and operators of the integer graph."""

    source: FloatGraph
    recipe: Recipe
    assigner: Assigner
    errors: MeanErrors | None = None
    tensors: dict[str, Tensor] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)
    curves: list[Region] = field(default_factory=list)
    _converted: dict[tuple[str, Format], str] = field(default_factory=dict)

    def activation(self, name: str) -> Format:
        fmt = self.assigner.format(name)
        if name not in self.tensors:
            shape = self.source.tensors[name].shape
            self.tensors[name] = Tensor(name, shape, fmt.dtype, np.array([fmt.scale], np.float32), fmt.zero_point)
        return fmt

    def converted(self, name: str, wanted: Format) -> str:
        """The tensor in the wanted format; one QUANTIZE serves all consumers that want the same."""
        if self.activation(name) == wanted:
            return name
        key = (name, wanted)
        if key not in self._converted:
            stem = f"{name}/{wanted.dtype}"
            out = stem if stem not in self.tensors else f"{stem}_{len(self._converted)}"
            shape = self.source.tensors[name].shape
            self.tensors[out] = Tensor(
                out, shape, wanted.dtype, np.array([wanted.scale], np.float32), wanted.zero_point
            )
            self.operators.append(Operator("QUANTIZE", out, (name,), (out,)))
            self._converted[key] = out
        return self._converted[key]

    def curve(self, op: Operator) -> None:
        """A function of one value: the operators and tables that its formats ask for."""
        assert op.region is not None
        x = self.converted(op.inputs[0], self.assigner.format(op.inputs[0], self.assigner.format(op.outputs[0]).dtype))
        made = expand(
            op.region, op.options["function"], op.options["settings"], self.tensors[x], self.tensors[op.outputs[0]]
        )
        self.tensors |= made.tensors
        self.operators += made.operators
        self.curves.append(Region(op.region, "curve", made.roles))

    def add(self, op: Operator) -> None:
        for name in op.outputs:
            self.activation(name)
        if op.kind == CURVE:
            self.curve(op)
            return
        out = self.assigner.format(op.outputs[0])
        operands = []
        for index, name in enumerate(op.inputs):
            tensor = self.source.tensors[name]
            if tensor.data is None:
                wanted = out if op.kind == "CONCATENATION" else self.assigner.format(name, out.dtype)
                operands.append(self.converted(name, wanted))
            elif tensor.data.dtype == np.int32:
                self.tensors[name] = Tensor(name, tensor.shape, "int32", data=tensor.data)
                operands.append(name)
            elif tensor.hint.fixed:
                operands.append(self._state_constant(name, out.dtype))
            elif op.kind == "CONCATENATION":
                operands.append(self._constant_in(name, out))
            elif op.kind in PRODUCTS:
                operands.append(self._product_constant(op, index, operands[0]))
            else:
                operands.append(self._elementwise_constant(name, out.dtype))
        self.operators.append(replace(op, inputs=tuple(operands)))

    def _product_constant(self, op: Operator, index: int, x: str) -> str:
        """Weights (input 1), or the bias (input 2) in the scale of input times weights."""
        name = op.inputs[index]
        data = self.source.tensors[name].data
        assert data is not None
        if index == 1:
            channels = PRODUCTS[op.kind]
            codes, scales = quantise_weights(data, self.recipe.granularity, channels, self.tensors[x].dtype == "int16")
            bias = self.source.tensors[op.inputs[2]].data
            assert bias is not None
            codes, scales = with_room_for_bias(data, bias, codes, scales, channels, self.tensors[x])
            out = self.assigner.format(op.outputs[0])
            if op.kind == "DEPTHWISE_CONV_2D" and (self.tensors[x].dtype, out.dtype) == ("int16", "int16"):
                codes, scales = without_faint_rows(data, codes, scales, channels, self.tensors[x], out)
            axis = channels if self.recipe.granularity == "channel" else None
            self.tensors[name] = Tensor(name, data.shape, "int8", scales, 0, axis, codes)
            return name
        source, weights = self.tensors[x], self.tensors[op.inputs[1]]
        assert source.scale is not None
        assert weights.scale is not None
        dtype = "int64" if source.dtype == "int16" else "int32"
        scales = (source.scale[0] * weights.scale).astype(np.float32)
        axis = None if weights.axis is None else 0
        if self.errors is not None:
            data = data - self.errors.of(op, self.tensors[op.inputs[0]], source, weights)
        codes = np.round(data / scales.astype(np.float64))
        # Clipped here, refused by the proof: a bias that does not fit is named there with its row.
        codes = np.clip(codes, *LIMITS["int32"]).astype(DTYPES[dtype])
        self.tensors[name] = Tensor(name, data.shape, dtype, scales, 0, axis, codes)
        return name

    def _state_constant(self, name: str, dtype: str) -> str:
        """A constant that stands where an activation with a fixed format stands, as the first state of a sequence does."""
        tensor = self.source.tensors[name]
        assert tensor.hint.fixed is not None
        scale, zero_point = tensor.hint.fixed[dtype]
        return self._constant_in(name, Format(dtype, scale, zero_point))

    def _constant_in(self, name: str, wanted: Format) -> str:
        """A constant in the format of the activations that it stands beside."""
        tensor = self.source.tensors[name]
        assert tensor.data is not None
        codes = np.round(tensor.data / np.float64(wanted.scale)) + wanted.zero_point
        codes = np.clip(codes, *LIMITS[wanted.dtype]).astype(DTYPES[wanted.dtype])
        scales = np.array([wanted.scale], np.float32)
        # It may stand beside activations of both dtypes.
        known = self.tensors.get(name)
        label = name if known is None or known.dtype == wanted.dtype else f"{name}/{wanted.dtype}"
        self.tensors[label] = Tensor(label, tensor.shape, wanted.dtype, scales, wanted.zero_point, None, codes)
        return label

    def _elementwise_constant(self, name: str, dtype: str) -> str:
        data = self.source.tensors[name].data
        assert data is not None
        label = f"{name}/{dtype}"
        if label not in self.tensors:
            most = LIMITS[dtype][1]
            scale = np.float32(np.abs(data).max() / most or 1.0)
            codes = np.clip(np.round(data / np.float64(scale)), -most, most).astype(DTYPES[dtype])
            self.tensors[label] = Tensor(label, data.shape, dtype, scale.reshape(1), 0, None, codes)
        return label


def build(source: FloatGraph, recipe: Recipe, assigner: Assigner, errors: MeanErrors | None = None) -> Graph:
    """The integer graph; states, outputs and regions keep the names of the float graph.

    `errors`: taken from the biases where the recipe corrects them.
    """
    builder = Builder(source, recipe, assigner, errors if recipe.bias_correction else None)
    for name in (*source.inputs, *(state.input for state in source.states)):
        builder.activation(name)
    for op in source.operators:
        builder.add(op)
    graph = Graph(
        name=source.name,
        tensors=builder.tensors,
        operators=tuple(builder.operators),
        inputs=tuple(source.inputs),
        outputs=tuple(source.outputs),
        states=tuple(source.states),
        regions=(*_with_real_inputs(source, builder), *builder.curves),
        metadata=dict(source.metadata),
    )
    return with_int8_states(graph)


def _with_real_inputs(source: FloatGraph, builder: Builder) -> Iterator[Region]:
    """Regions whose role `x` names the tensor that their operators read, after any QUANTIZE."""
    for region in source.regions:
        if region.kind == "curve":
            continue
        inside = [op for op in builder.operators if op.region == region.name]
        read = {name for op in inside for name in op.inputs}
        x = region.roles["x"]
        variants = [out for (name, _), out in builder._converted.items() if name == x and out in read]
        yield replace(region, roles={**region.roles, "x": variants[0] if variants and x not in read else x})
