"""What writes an operator in others: the shapes and constants of the model, and the nodes that take its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from ...models.errors import StapesError
from ..onnx_reader import StreamingOnnx
from ..onnx_reader.wiring import attribute

Shape = tuple[int, ...]


class Writing:
    """The shapes and constants of a model, which grow as operators are written out."""

    def __init__(self, source: StreamingOnnx) -> None:
        self.constants: dict[str, Any] = dict(source.constants)
        self.shapes: dict[str, Shape] = dict(source.shapes)
        self._taken = {*self.shapes, *self.constants, *(name for node in source.nodes for name in node.output)}
        self._made: list[onnx.NodeProto] = []
        self._node = onnx.NodeProto()

    def known(self, node: onnx.NodeProto) -> bool:
        """Whether all shapes around a node are known."""
        return all(not name or name in self.constants or 0 not in self.shapes.get(name, (0,)) for name in (*node.input, *node.output))  # fmt: skip

    def write(self, spelling: Spelling, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """The nodes that take the place of one."""
        self._made, self._node = [], node
        spelling.write(self, node)
        return self._made

    def constant(self, name: str) -> np.ndarray | None:
        """The value of a constant, or None for an activation or an absent input."""
        return self.constants.get(name)

    def given(self, node: onnx.NodeProto, index: int) -> np.ndarray | None:
        """The constant at a place of a node; None where there is none."""
        return self.constant(node.input[index]) if len(node.input) > index and node.input[index] else None

    def shape(self, name: str) -> Shape:
        data = self.constants.get(name)
        return tuple(data.shape) if data is not None else self.shapes[name]

    def attribute(self, node: onnx.NodeProto, name: str, default: Any = None) -> Any:
        """An attribute; text as str."""
        value = attribute(node, name, default)
        return value.decode() if isinstance(value, bytes) else value

    def axes(self, node: onnx.NodeProto, rank: int) -> list[int]:
        """The axes of a reduction, by input or by attribute; all of them where none are named."""
        given = self.given(node, 1)
        if given is None:
            given = self.attribute(node, "axes")
        axes = [] if given is None else [int(axis) % rank for axis in np.ravel(given)]
        if not axes and not self.attribute(node, "noop_with_empty_axes", 0):
            axes = list(range(rank))
        return sorted(set(axes))

    def number(self, label: str, values: object) -> str:
        """A new constant: whole numbers as int64, else float64."""
        data = np.asarray(values)
        data = data.astype(np.int64 if data.dtype.kind in "iu" else np.float64)
        name = self._free(label)
        self.constants[name], self.shapes[name] = data, data.shape
        return name

    def add(
        self, kind: str, inputs: Sequence[str], shape: Sequence[int], out: str | None = None, **attributes: Any
    ) -> str:
        """A new node of one output, named `out` or freely; returns the output's name."""
        label = self._node.output[0]
        name = out or self._free(f"{label}/{kind.lower()}")
        self.shapes[name] = tuple(int(n) for n in shape)
        known: dict[str, Any] = {key: value for key, value in attributes.items() if value is not None}
        # By this name errors tell the user's node.
        self._made.append(onnx.helper.make_node(kind, list(inputs), [name], name=self._node.name or label, **known))
        return name

    def reshaped(self, value: str, shape: Sequence[int], out: str | None = None) -> str:
        """The values in another shape."""
        if out is None and self.shape(value) == tuple(shape):
            return value
        return self.add("Reshape", [value, self.number("shape", [int(n) for n in shape])], shape, out)

    def transposed(self, value: str, order: Sequence[int], out: str | None = None) -> str:
        shape = self.shape(value)
        if out is None and list(order) == sorted(order):
            return value
        return self.add("Transpose", [value], [shape[axis] for axis in order], out, perm=[int(axis) for axis in order])

    def binary(self, kind: str, a: str, b: str, out: str | None = None) -> str:
        """Add, Sub, Mul, Div with broadcasting. Raises StapesError where the shapes do not meet: ONNX's own inference passes over
        such a term of Gemm."""
        left, right = self.shape(a), self.shape(b)
        try:
            shape = np.broadcast_shapes(left, right)
        except ValueError:
            node = f"{self._node.op_type} ({self._node.name or self._node.output[0]})"
            raise StapesError(
                f"{node}: operands of shapes {left} and {right} do not fit together; export the network again"
            ) from None
        return self.add(kind, [a, b], shape, out)

    def unary(self, kind: str, x: str, out: str | None = None, **attributes: Any) -> str:
        return self.add(kind, [x], self.shape(x), out, **attributes)

    def reduced(self, kind: str, x: str, axes: Sequence[int], out: str | None = None, keep: bool = True) -> str:
        """A reduction over axes."""
        shape = self.shape(x)
        made = [1 if axis in axes else n for axis, n in enumerate(shape) if keep or axis not in axes]
        return self.add(kind, [x, self.number("axes", list(axes))], made, out, keepdims=int(keep))

    def _free(self, label: str) -> str:
        name, count = label, 1
        while name in self._taken:
            count += 1
            name = f"{label}_{count}"
        self._taken.add(name)
        return name


def _always(writing: Writing, node: onnx.NodeProto) -> bool:
    return True


def _no_fault(writing: Writing, node: onnx.NodeProto) -> str | None:
    return None


@dataclass(frozen=True)
class Spelling:
    """`write` adds the nodes that take the place of one; `when`: whether it is to be written out at all, as some nodes of its kind are
    lowered as they are; `check` says in a few words why a node cannot be written, or None.
    """

    write: Callable[[Writing, onnx.NodeProto], None]
    when: Callable[[Writing, onnx.NodeProto], bool] = _always
    check: Callable[[Writing, onnx.NodeProto], str | None] = _no_fault
