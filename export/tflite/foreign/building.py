"""An integer graph that grows from a file's operators: tensors with free names, operators that remember their node, faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ....quantize.graph import DTYPES, LIMITS, Graph, Operator, State, Tensor
from .file import FileGraph, FileOperator, FileTensor

MOVE_OPTIONS = {"begin_mask": 0, "end_mask": 0, "ellipsis_mask": 0, "new_axis_mask": 0}


class RefusedError(Exception):
    """Why an operator cannot be taken, in the user's words."""


def same_format(a: Tensor, b: Tensor) -> bool:
    """Whether codes of the one mean the same in the other."""
    scales = np.array_equal(np.asarray(a.scale, np.float32), np.asarray(b.scale, np.float32))
    return a.dtype == b.dtype and a.zero_point == b.zero_point and scales


def told_format(tensor: Tensor) -> str:
    """A format as errors tell it."""
    scale = "none" if tensor.scale is None else f"{float(tensor.scale[0]):.6g}"
    return f"{tensor.dtype}, scale {scale}, zero point {tensor.zero_point}"


class Building:
    """The graph so far. `names`: place of a tensor in the file's first subgraph -> the tensor that stands for it.

    A float tensor of the file that only carries integers to and fro is the integer tensor itself.
    """

    def __init__(self, file: FileGraph, preferred: Mapping[int, str]) -> None:
        self.file = file
        self.tensors: dict[str, Tensor] = {}
        self.operators: list[Operator] = []
        self.names: dict[int, str] = {}
        self.nodes: dict[str, str] = {}
        self.states: list[State] = []
        self.faults: list[str] = []
        self.node = ""
        self._preferred = preferred

    def called(self, place: int) -> str:
        """The name that a tensor of the file gets, where it is free."""
        return self._preferred.get(place, self.file.tensors[place].name)

    def free_name(self, name: str) -> str:
        unique, count = name or "tensor", 1
        while unique in self.tensors:
            count += 1
            unique = f"{name or 'tensor'}_{count}"
        return unique

    def tensor(self, place: int) -> Tensor:
        """What stands for a tensor of the file; constants come into the graph when they are first read."""
        if place not in self.names:
            self.names[place] = self._constant(place)
        if not self.names[place]:
            raise RefusedError(
                f"reads {self.file.tensors[place].name!r}, the state of an LSTM, which changes within a frame"
            )
        return self.tensors[self.names[place]]

    def _constant(self, place: int) -> str:
        made = self.file.tensors[place]
        if not made.is_constant and not (made.data is None and 0 in made.shape):
            raise RefusedError(f"reads {made.name!r} before any operator made it")
        if made.data is None or made.dtype not in DTYPES:
            raise RefusedError(f"the constant {made.name!r} is {made.dtype}; weights of int8 are read")
        return self.take(self._formatted(made, place, made.data))

    def take(self, tensor: Tensor) -> str:
        """Put a tensor into the graph under a free name."""
        name = self.free_name(tensor.name)
        self.tensors[name] = replace(tensor, name=name)
        return name

    def _formatted(self, made: FileTensor, place: int, data: np.ndarray | None) -> Tensor:
        name = self.called(place)
        if made.scale is None:
            return Tensor(name, made.shape, made.dtype, data=data)
        if len(made.zero_points) > 1:
            raise RefusedError(f"tensor {made.name!r} has a zero point for each channel")
        zero_point, limits = next(iter(made.zero_points), 0), LIMITS.get(made.dtype, (0, 0))
        if not limits[0] <= zero_point <= limits[1]:
            raise RefusedError(f"tensor {made.name!r} is {made.dtype} with the zero point {zero_point}")
        axis = made.axis if made.scale.size > 1 else None
        return Tensor(name, made.shape, made.dtype, made.scale, zero_point, axis, data)

    def format_of(self, place: int) -> Tensor:
        """The format of a computed tensor as the file gives it; raises RefusedError for what is no integer with one scale."""
        made = self.file.tensors[place]
        if made.dtype not in DTYPES:
            raise RefusedError(f"tensor {made.name!r} is {made.dtype}")
        if 0 in made.shape:
            raise RefusedError(f"tensor {made.name!r} has the shape {made.shape}, which holds no values")
        if made.scale is None:
            raise RefusedError(f"tensor {made.name!r} is {made.dtype} without a scale")
        if made.scale.size != 1 or not (np.isfinite(made.scale).all() and (made.scale > 0).all()):
            told = "scales for each channel" if made.scale.size != 1 else f"the scale {float(made.scale[0])}"
            raise RefusedError(f"tensor {made.name!r} has {told}; one positive number is read")
        return self._formatted(made, place, None)

    def result(self, place: int) -> str:
        """The tensor that an operator makes for a place of the file."""
        self.names[place] = self.take(self.format_of(place))
        return self.names[place]

    def like(self, tensor: Tensor, name: str, shape: Sequence[int]) -> str:
        """A tensor that an operator makes, in the format of another one."""
        return self.take(replace(tensor, name=name, shape=tuple(shape), data=None))

    def integers(self, name: str, values: object) -> str:
        """A constant of axes, shapes or places."""
        data = np.asarray(values, np.int32)
        return self.take(Tensor(name, data.shape, "int32", data=data))

    def add(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], options: Mapping[str, Any] | None = None
    ) -> str:
        """Append an operator, named after its first output; returns that."""
        self.nodes[outputs[0]] = self.node
        self.operators.append(Operator(kind, outputs[0], tuple(inputs), tuple(outputs), dict(options or {})))
        return outputs[0]

    def bias(self, name: str, values: np.ndarray, x: Tensor, weights: Tensor) -> str:
        """A bias with the scale of the sums that it goes into, which TFLite Micro asks for."""
        assert x.scale is not None
        assert weights.scale is not None
        axis = 0 if weights.scale.size > 1 else None
        return self.take(Tensor(name, values.shape, values.dtype.name, x.scale * weights.scale, 0, axis, values))

    def reshape(self, x: str, y: str) -> str:
        return self.add("RESHAPE", (x, self.integers(f"{y}/shape", self.tensors[y].shape)), (y,))

    def part(self, x: str, y: str, axis: int, begin: int, size: int, shrink: bool = False) -> str:
        """`size` places along an axis; with `shrink` the axis, then of one place, is left out."""
        shape = self.tensors[x].shape
        first, end = [0] * len(shape), list(shape)
        first[axis], end[axis] = begin, begin + size
        where = [self.integers(f"{y}/{label}", v) for label, v in (("begin", first), ("end", end))]
        stride = self.integers(f"{y}/stride", [1] * len(shape))
        options = {**MOVE_OPTIONS, "shrink_axis_mask": int(shrink) << axis}
        return self.add("STRIDED_SLICE", (x, *where, stride), (y,), options)

    def label(self, op: FileOperator) -> str:
        """A node of the file as errors name it: its place, its kind, the tensor that it makes."""
        name = f" {self.file.tensors[op.outputs[0]].name!r}" if op.outputs else ""
        return f"node {op.place} {op.kind}{name}"

    def graph(self, inputs: Sequence[str], outputs: Sequence[str]) -> Graph:
        """The graph of what is used."""
        used = {*inputs, *outputs, *(name for op in self.operators for name in (*op.inputs, *op.outputs))}
        used.update(name for state in self.states for name in (state.input, state.output))
        tensors = {name: tensor for name, tensor in self.tensors.items() if name in used}
        name = self.file.name if self.file.name.isprintable() and self.file.name else "network"
        return Graph(name, tensors, tuple(self.operators), tuple(inputs), tuple(outputs), tuple(self.states))
