"""Parameters of an operator as the fields of its C struct.

The structs stand in the headers of the rooms of `export/runtime`; `quantize.prepare` computes the values. What C takes as narrower
types is checked here: nothing is cut off in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

import numpy as np

from ...models.errors import StapesError
from ...quantize.arithmetic import INT32_MAX, INT32_MIN
from ...quantize.graph import Tensor
from ...quantize.prepare import (
    Conv2DParams,
    DepthwiseConv2DParams,
    FullyConnectedParams,
    LutParams,
    PadParams,
    SliceParams,
    TransposeParams,
)
from ...quantize.regions.moves import Box
from .constants import Constants
from .depthwise import packed_row, packed_taps
from .packing import ONCE, ONCE_HIGH, ROWS, TWICE, Matrix, high_multiplier, pack
from .shapes import Loop, dense, loop
from .windows import TURN, Gather, Windows, rows_together

Fields = Mapping[str, object]

# Values that are worth a call of memcpy.
_LONG_ROW = 8


def scalar_fields(what: str, params: object) -> Fields:
    """The fields of a struct of plain numbers (ADD, MUL, QUANTIZE, RELU, LEAKY_RELU, ABS, the int16 sigmoid)."""
    # Shapes are what the loops know already.
    fields = {key: value for key, value in asdict(params).items() if not isinstance(value, tuple)}  # type: ignore[call-overload]
    for key, value in fields.items():
        if not INT32_MIN <= int(value) <= INT32_MAX:
            raise StapesError(f"operator '{what}': {key} = {value} does not fit in 32 bits; use other scales")
        if "shift" in key:
            _require_shifts(what, np.asarray(value))
    return fields


def _require_shifts(what: str, shift: np.ndarray, largest: int = 30) -> None:
    if shift.size and (shift.min() < -31 or shift.max() > largest):
        raise StapesError(f"operator '{what}': scales differ by more than 2^{largest}; use closer scales")


def _folded_bias(what: str, params: FullyConnectedParams | Conv2DParams, x: Tensor) -> np.ndarray:
    """Bias int64 (O,) of FULLY_CONNECTED and CONV_2D, which takes in the input's zero point."""
    weights = params.weights.astype(np.int64).reshape(len(params.weights), -1)
    bias: np.ndarray = params.bias - params.input_zero_point * weights.sum(axis=1)
    largest = -x.limits[0] * np.abs(weights).sum(axis=1) + np.abs(bias)
    if int(largest.max()) > INT32_MAX:
        raise StapesError(f"operator '{what}': a sum may leave 32 bits; use a larger weight scale")
    _require_shifts(what, params.shift, 14 if params.wide else 30)
    return bias


def matrix_of(what: str, params: FullyConnectedParams, x: Tensor) -> Matrix:
    """A FULLY_CONNECTED as rows of a matrix."""
    rows = len(params.weights)
    return Matrix(
        weights=params.weights,
        bias=_folded_bias(what, params, x),
        multiplier_q31=params.multiplier_q31,
        shift=params.shift,
        zero_point=np.full(rows, params.output_zero_point),
        wide=params.wide,
        narrow=x.dtype == "int8",
        largest_input=-x.limits[0],
    )


def matrix_fields(what: str, label: str, matrix: Matrix, arrays: Constants) -> Fields:
    """Fields of `stapes_matrix`."""
    packed = pack(what, matrix, target=arrays.target)
    return {
        "inputs": matrix.weights.shape[1],
        "weights": arrays.add(f"{label} weights", packed.weights),
        "rows": arrays.add(f"{label} rows", packed.rows),
        "rounding": packed.rounding,
        "narrow": matrix.narrow,
        "sparse": packed.sparse,
    }


def fully_connected_fields(what: str, label: str, params: FullyConnectedParams, x: Tensor, arrays: Constants) -> Fields:
    """Fields of `stapes_fully_connected_params`."""
    outputs, inputs = params.weights.shape
    return {
        "batch": x.size // inputs,
        "outputs": outputs,
        "matrix": matrix_fields(what, label, matrix_of(what, params, x), arrays),
        "activation_min": params.activation_min,
        "activation_max": params.activation_max,
    }


def is_pointwise(params: Conv2DParams) -> bool:
    """Whether a convolution looks at one position at a time and visits each: a matrix product."""
    return (
        params.weights.shape[1:3] == (1, 1)
        and params.stride == (1, 1)
        and params.padding == (0, 0)
        and params.groups == 1
    )


def as_fully_connected(params: Conv2DParams) -> FullyConnectedParams:
    """A pointwise convolution as the matrix product that it is: the same sums, rounded alike."""
    return FullyConnectedParams(
        params.input_zero_point,
        params.weights.reshape(len(params.weights), -1),
        params.bias,
        params.multiplier_q31,
        params.shift,
        params.wide,
        params.output_zero_point,
        params.activation_min,
        params.activation_max,
        params.output_shape,
    )


def window_matrix(params: Conv2DParams) -> FullyConnectedParams:
    """The matrix of a convolution, (O, KH * KW * I / groups); the rows of a group are filled up to whole blocks."""

    def by_group(values: np.ndarray, mode: Literal["constant", "edge"] = "constant") -> np.ndarray:
        grouped = values.reshape(params.groups, len(values) // params.groups, -1)
        filled = np.pad(grouped, ((0, 0), (0, -grouped.shape[1] % ROWS), (0, 0)), mode=mode)
        return filled.reshape(params.groups * filled.shape[1], *values.shape[1:2])

    return FullyConnectedParams(
        params.input_zero_point,
        by_group(params.weights.reshape(len(params.weights), -1)),
        by_group(params.bias),
        by_group(params.multiplier_q31, "edge"),
        by_group(params.shift, "edge"),
        params.wide,
        params.output_zero_point,
        params.activation_min,
        params.activation_max,
        params.output_shape,
    )


def _window_fields(params: Conv2DParams | DepthwiseConv2DParams) -> Fields:
    """How the window of a convolution walks over its input."""
    return {
        "stride_height": params.stride[0],
        "stride_width": params.stride[1],
        "dilation_height": params.dilation[0],
        "dilation_width": params.dilation[1],
        "padding_top": params.padding[0],
        "padding_left": params.padding[1],
        "input_zero_point": params.input_zero_point,
    }


def conv_2d_fields(what: str, label: str, params: Conv2DParams, x: Tensor, arrays: Constants) -> Fields:
    """Fields of `stapes_conv_2d_params`."""
    if x.shape[0] != 1:
        raise StapesError(f"operator '{what}': the first axis of '{x.name}' is {x.shape[0]}; a frame has 1")
    _, input_height, input_width, input_channels = x.shape
    _, output_height, output_width, output_channels = params.output_shape
    _, kernel_height, kernel_width, kernel_channels = params.weights.shape
    return {
        "input_height": input_height,
        "input_width": input_width,
        "input_channels": input_channels,
        "output_height": output_height,
        "output_width": output_width,
        "output_channels": output_channels,
        "kernel_height": kernel_height,
        "kernel_width": kernel_width,
        "kernel_channels": kernel_channels,
        **_window_fields(params),
        "matrix": matrix_fields(what, label, matrix_of(what, window_matrix(params), x), arrays),
        "activation_min": params.activation_min,
        "activation_max": params.activation_max,
    }


def gather_fields(gather: Gather) -> Fields:
    """Fields of `stapes_positions_params`."""
    return asdict(gather)


def windows_fields(label: str, call: Windows, output_step: int, arrays: Constants) -> Fields:
    """Fields of `stapes_windows_params`."""
    words = rows_together(call.words) if arrays.target.vectors else call.words
    return {
        "first": call.first,
        "step": call.step,
        "positions": call.positions,
        "turns": -(-call.columns // TURN),
        "first_output": call.first_output,
        "blocks": len(call.words),
        "output_step": output_step,
        "words": arrays.add(f"{label} words", words),
    }


def depthwise_conv_2d_fields(what: str, params: DepthwiseConv2DParams, x: Tensor, arrays: Constants) -> Fields:
    """Fields of `stapes_depthwise_conv_2d_params`; its kernel subtracts the zero point, for taps outside have none."""
    if x.shape[0] != 1:
        raise StapesError(f"operator '{what}': the first axis of '{x.name}' is {x.shape[0]}; a frame has 1")
    _, input_height, input_width, channels = x.shape
    _, output_height, output_width, _ = params.output_shape
    _, kernel_height, kernel_width = params.weights.shape
    _require_shifts(what, params.shift, 14 if params.wide else 30)
    return {
        "input_height": input_height,
        "input_width": input_width,
        "channels": channels,
        "output_height": output_height,
        "output_width": output_width,
        "kernel_height": kernel_height,
        "kernel_width": kernel_width,
        **_window_fields(params),
        **_taps_fields(what, params, x, arrays),
        "output_zero_point": params.output_zero_point,
        "activation_min": params.activation_min,
        "activation_max": params.activation_max,
    }


def _taps_fields(what: str, params: DepthwiseConv2DParams, x: Tensor, arrays: Constants) -> Fields:
    """The weights of a depthwise convolution, as pairs or fours of channels, or channel by channel."""
    taps = packed_taps(params, x.shape)
    if taps is None:
        taps = packed_row(params, x.shape)
    if taps is not None:
        none = dict.fromkeys(("weights", "bias", "multiplier", "shift"), "NULL")
        return {"taps": arrays.add(f"{what} taps", taps), **none, "rounding": ONCE_HIGH}
    high = high_multiplier(params.multiplier_q31, params.shift) if params.wide else None
    multiplier = params.multiplier_q31 if high is None else high
    return {
        "taps": "NULL",
        "weights": arrays.add(f"{what} weights", np.moveaxis(params.weights, 0, -1).astype(np.int16)),
        "bias": arrays.add(f"{what} bias", params.bias.astype(np.int32)),
        "multiplier": arrays.add(f"{what} multiplier", multiplier.astype(np.int32)),
        "shift": "NULL" if high is not None else arrays.add(f"{what} shift", params.shift.astype(np.int8)),
        "rounding": ONCE_HIGH if high is not None else ONCE if params.wide else TWICE,
    }


def lut_fields(label: str, params: LutParams, arrays: Constants) -> Fields:
    """Fields of `stapes_lut_params`."""
    return {"table": arrays.add(f"{label} table", params.table.astype(np.int8))}


def broadcast_fields(walk: Loop) -> Fields:
    """Fields of `stapes_broadcast`."""
    return {"extent": walk.extent, "step_1": walk.steps[0], "step_2": walk.steps[1]}


def _long_rows(walk: Loop) -> Loop:
    """The walk of a copy with its longest dimension innermost, unless rows that lie together are long enough."""
    inner, steps = walk.extent[-1], [step[-1] for step in walk.steps]
    longest = int(np.argmax(walk.extent))
    if (steps == [1, 1] and inner >= _LONG_ROW) or inner == walk.extent[longest]:
        return walk
    order = [*(axis for axis in range(len(walk.extent)) if axis != longest), longest]
    return Loop(
        tuple(walk.extent[axis] for axis in order),
        tuple(tuple(step[axis] for axis in order) for step in walk.steps),
    )


def _copy_fields(walk: Loop, input_offset: int, output_offset: int) -> Fields:
    walk = _long_rows(walk)
    return {
        "extent": walk.extent,
        "input_offset": input_offset,
        "input_step": walk.steps[0],
        "output_offset": output_offset,
        "output_step": walk.steps[1],
    }


def box_fields(what: str, box: Box) -> Fields:
    """Fields of `stapes_copy_params` for a block of values that lie at fixed steps."""
    return _copy_fields(loop(what, box.extent, box.input_step, box.output_step), box.input_offset, box.output_offset)


def transpose_fields(what: str, params: TransposeParams, x: Tensor) -> Fields:
    """Fields of `stapes_copy_params` for TRANSPOSE."""
    steps = dense(x.shape)
    walk = loop(what, params.output_shape, [steps[axis] for axis in params.permutation], dense(params.output_shape))
    return _copy_fields(walk, 0, 0)


def slice_fields(what: str, params: SliceParams, x: Tensor) -> Fields:
    """Fields of `stapes_copy_params` for SLICE and STRIDED_SLICE."""
    steps = dense(x.shape)
    offset = sum(begin * step for begin, step in zip(params.begin, steps, strict=True))
    strided = [stride * step for stride, step in zip(params.stride, steps, strict=True)]
    return _copy_fields(loop(what, params.size, strided, dense(params.size)), offset, 0)


def split_fields(what: str, axis: int, part: int, x: Tensor, y: Tensor) -> Fields:
    """Fields of `stapes_copy_params` for output number `part` of SPLIT."""
    steps = dense(x.shape)
    return _copy_fields(loop(what, y.shape, steps, dense(y.shape)), part * y.shape[axis] * steps[axis], 0)


def concatenation_fields(what: str, axis: int, before: int, x: Tensor, y: Tensor) -> Fields:
    """Fields of `stapes_copy_params` for one input of CONCATENATION that lies `before` places along the axis."""
    steps = dense(y.shape)
    return _copy_fields(loop(what, x.shape, dense(x.shape), steps), 0, before * steps[axis])


def pad_fields(what: str, params: PadParams, x: Tensor) -> Fields:
    """Fields of `stapes_copy_params` for PAD, after its output was filled."""
    steps = dense(params.output_shape)
    offset = sum(before * step for before, step in zip(params.before, steps, strict=True))
    return _copy_fields(loop(what, x.shape, dense(x.shape), steps), 0, offset)
