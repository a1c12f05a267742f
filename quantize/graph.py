"""The integer graph: what stands between the float world and every integer engine.

A graph computes one frame. Its operators are TensorFlow Lite builtins, its tensors are integers with scales,
and everything an engine needs is in it: a `.tflite` holds all of it, losslessly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

DTYPES: dict[str, type[np.signedinteger]] = {"int8": np.int8, "int16": np.int16, "int32": np.int32, "int64": np.int64}
LIMITS = {name: (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)) for name, dtype in DTYPES.items()}


@dataclass(frozen=True, eq=False)
class Tensor:
    """An integer tensor: real value = scale * (data - zero_point).

    `shape` is the shape for one frame of one utterance; the leading axis is part of the model, never the batch.
    `scale` is float32, `(1,)` per tensor or `(C,)` per channel along `axis`; None for shape-like constants.
    `data` is None for activations, inputs and states, and the values for constants.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    scale: np.ndarray | None = None
    zero_point: int = 0
    axis: int | None = None
    data: np.ndarray | None = None

    @property
    def is_constant(self) -> bool:
        return self.data is not None

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def bytes(self) -> int:
        return self.size * np.dtype(DTYPES[self.dtype]).itemsize

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest value of the dtype."""
        return LIMITS[self.dtype]


@dataclass(frozen=True)
class Operator:
    """One TensorFlow Lite builtin: `kind` is its name there (`FULLY_CONNECTED`), `options` its option table.

    Options are spelled as in the schema, in snake case, with enums as their names:
    `{"fused_activation_function": "RELU"}`. An absent optional input (a bias) is the empty string.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    region: str | None = None


@dataclass(frozen=True)
class Region:
    """Operators that belong together and that the C exporter may run as one step.

    `kind` is one of `quantize/regions`; `Graph.regions` holds those that lowering composed, `declared` there gives all.
    `roles` names the tensors and the attributes that a fused kernel needs, by what they are in it.
    """

    name: str
    kind: str
    roles: Mapping[str, str]


@dataclass(frozen=True)
class State:
    """A recurrent state: read from `input` at the start of a frame, `output` is its next value; equal scale and zero point."""

    input: str
    output: str


@dataclass(frozen=True, eq=False)
class Graph:
    """Tensors by name, operators in execution order, and what is wired to the outside.

    `inputs` and `outputs` exclude the states. `metadata` are strings that travel with the file (recipe, version, ...).
    """

    name: str
    tensors: Mapping[str, Tensor]
    operators: tuple[Operator, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    states: tuple[State, ...] = ()
    regions: tuple[Region, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)

    def region(self, name: str) -> Region:
        return next(region for region in self.regions if region.name == name)

    def in_region(self, name: str) -> tuple[Operator, ...]:
        """The operators of one region, in execution order."""
        return tuple(op for op in self.operators if op.region == name)

    @property
    def constants(self) -> tuple[Tensor, ...]:
        return tuple(tensor for tensor in self.tensors.values() if tensor.is_constant)

    @property
    def activations(self) -> tuple[Tensor, ...]:
        return tuple(tensor for tensor in self.tensors.values() if not tensor.is_constant)


def to_codes(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """Real values (B, ...) -> codes int64 (B, *shape) of a tensor with one scale, rounded half to even and saturated."""
    assert tensor.scale is not None
    codes = np.round(np.asarray(values, np.float64) / float(tensor.scale[0])) + tensor.zero_point
    return np.clip(codes, *tensor.limits).astype(np.int64).reshape(len(values), *tensor.shape)


def to_real(tensor: Tensor, codes: np.ndarray) -> np.ndarray:
    """Codes -> real values float64 of a tensor with one scale."""
    assert tensor.scale is not None
    return (np.asarray(codes, np.float64) - tensor.zero_point) * float(tensor.scale[0])
