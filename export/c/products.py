"""Matrix products and convolutions as calls of the C runtime: which kernel, and the scratch that it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from ...quantize.graph import Graph, Operator, Tensor
from ...quantize.prepare import Conv2DParams, DepthwiseConv2DParams, FullyConnectedParams, PadParams, prepare
from ..template import Code
from . import depthwise
from . import windows as of_windows
from .fields import (
    as_fully_connected,
    conv_2d_fields,
    depthwise_conv_2d_fields,
    fully_connected_fields,
    gather_fields,
    is_pointwise,
    matrix_of,
    window_matrix,
    windows_fields,
)
from .kernels import PORTABLE, Kernel
from .packing import kernel, padded
from .places import is_aligned
from .text import SUFFIXES
from .windows import Gather, Windows, windows
from .writer import Writer

AnyConvolution = TypeVar("AnyConvolution", Conv2DParams, DepthwiseConv2DParams)


def product_scratch(graph: Graph, op: Operator, pad: Operator | None = None) -> tuple[str, int] | None:
    """dtype and number of values of scratch that a product or a convolution needs; a depthwise one needs none."""
    if op.kind == "DEPTHWISE_CONV_2D":
        return None
    source = op.inputs[0] if pad is None else pad.inputs[0]
    calls = _windows(graph, op, pad)
    if calls is None:
        params = prepare(graph, op)
        assert isinstance(params, FullyConnectedParams | Conv2DParams)
        return "int16", padded(int(np.prod(params.weights.shape[1:])))
    copies = [call.gather.size for call in calls if not _reads_in_place(graph, source, calls)]
    return ("int16", max(copies)) if copies else None


def _product(graph: Graph, op: Operator) -> FullyConnectedParams | Conv2DParams:
    """Parameters of a matrix product; a 1x1 convolution is one, with a row of the matrix for each position."""
    params = prepare(graph, op)
    if isinstance(params, Conv2DParams):
        return as_fully_connected(params) if is_pointwise(params) else params
    assert isinstance(params, FullyConnectedParams)
    return params


def _windows(graph: Graph, op: Operator, pad: Operator | None) -> list[Windows] | None:
    """The calls of a matrix product or convolution of int16 that looks at windows of one row, else None."""
    params, x = _product(graph, op), graph.tensors[op.inputs[0]]
    if isinstance(params, Conv2DParams):
        params, x = _padded_by_itself(graph, op, params, pad)
    return windows(params, x.shape) if x.dtype == "int16" else None


def _reads_in_place(graph: Graph, x: str, calls: Sequence[Windows]) -> bool:
    """Whether the windows lie together in the input as it is."""
    return all(call.gather.is_input and call.stays_inside for call in calls) and is_aligned(graph, x)


def product_calls(w: Writer, op: Operator, patch: str, pad: Operator | None = None) -> list[Code]:
    """A matrix product or a convolution, which does the PAD before it where one is given."""
    calls = _windows(w.graph, op, pad)
    if calls is not None:
        return window_calls(w, op, pad.inputs[0] if pad is not None else op.inputs[0], calls, patch)
    params = _product(w.graph, op)
    if isinstance(params, Conv2DParams):
        return _conv_2d(w, op, params, patch, pad)
    return _fully_connected(w, op, params, patch)


def window_calls(w: Writer, op: Operator, x: str, calls: Sequence[Windows], patch: str) -> list[Code]:
    """A copy of the positions wherever the next windows look at another one, and the windows."""
    w.kernels[op.name] = Kernel(of_windows.FORM)
    y = w.graph.tensors[op.outputs[0]]
    lines: list[Code] = []
    seen: Gather | None = None
    in_place = _reads_in_place(w.graph, x, calls)
    for index, call in enumerate(calls):
        part = f" {index}" if len(calls) > 1 else ""
        if not in_place and call.gather != seen:
            seen = call.gather
            positions = w.struct("positions_params", f"{op.name} positions{part}", gather_fields(seen))
            lines.append(w.call("stapes_positions_s16", positions, w.at(x), patch))
        fields = windows_fields(f"{op.name}{part}", call, y.shape[-1], w.arrays)
        reference = w.struct("windows_params", f"{op.name}{part}", fields)
        lines.append(w.call("stapes_windows_s16", reference, w.at(x) if in_place else patch, w.at(y.name)))
    return lines


def _fully_connected(w: Writer, op: Operator, params: FullyConnectedParams, vector: str) -> list[Code]:
    x, y = w.tensors(op)
    w.kernels[op.name] = kernel(op.name, matrix_of(op.name, params, x))
    fields = fully_connected_fields(op.name, op.name, params, x, w.arrays)
    reference = w.struct("fully_connected_params", op.name, fields)
    return [w.call(f"stapes_fully_connected_{SUFFIXES[x.dtype]}", reference, w.at(x.name), vector, w.at(y.name))]


def _padded_by_itself(
    graph: Graph, op: Operator, params: AnyConvolution, pad: Operator | None
) -> tuple[AnyConvolution, Tensor]:
    """The parameters of a convolution that does the PAD before it, and what it reads."""
    if pad is None:
        return params, graph.tensors[op.inputs[0]]
    amounts = prepare(graph, pad)
    assert isinstance(amounts, PadParams)
    top, left = amounts.before[1:3]
    return replace(params, padding=(top, left)), graph.tensors[pad.inputs[0]]


def _conv_2d(w: Writer, op: Operator, params: Conv2DParams, patch: str, pad: Operator | None) -> list[Code]:
    params, x = _padded_by_itself(w.graph, op, params, pad)
    y = w.graph.tensors[op.outputs[0]]
    w.kernels[op.name] = kernel(op.name, matrix_of(op.name, window_matrix(params), x))
    reference = w.struct("conv_2d_params", op.name, conv_2d_fields(op.name, op.name, params, x, w.arrays))
    return [w.call(f"stapes_conv_2d_{SUFFIXES[x.dtype]}", reference, w.at(x.name), patch, w.at(y.name))]


def depthwise_calls(w: Writer, op: Operator, patch: str, pad: Operator | None = None) -> list[Code]:
    """A depthwise convolution, which does the PAD before it where one is given."""
    prepared = prepare(w.graph, op)
    assert isinstance(prepared, DepthwiseConv2DParams)
    params, x = _padded_by_itself(w.graph, op, prepared, pad)
    y = w.graph.tensors[op.outputs[0]]
    fields = depthwise_conv_2d_fields(op.name, params, x, w.arrays)
    form = depthwise.ROW_FORM if params.weights.shape[1] == 1 else depthwise.FORM
    w.kernels[op.name] = Kernel(PORTABLE if fields["taps"] == "NULL" else form)
    reference = w.struct("depthwise_conv_2d_params", op.name, fields)
    return [w.call(f"stapes_depthwise_conv_2d_{SUFFIXES[x.dtype]}", reference, w.at(x.name), w.at(y.name))]
