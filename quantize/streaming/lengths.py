"""Which axis of each value is time: the same network is run over recordings of two lengths, and what grows is time.

T frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from ...models.errors import StapesError
from ...models.text import first_line
from ..onnx_reader.shapes import free_inputs, infer_shapes, quiet_session, require_small
from ..onnx_reader.wiring import read_by

# Longer than the past that a layer without padding needs, and prime, so that no other axis grows alike.
LENGTHS = (29, 41)


@dataclass(frozen=True)
class Grown:
    """The time axis of a value: `factor` positions a frame, and `extra` positions besides, so T * factor + extra in all."""

    axis: int
    factor: int
    extra: int


@dataclass(frozen=True, eq=False)
class Lengths:
    """What both runs told. `grown`: value -> its time axis; `refused`: value without one that grows -> why, or "" behind such a one; `fixed`: value that no sample decides -> the values of both runs;
    `sampled`: values that depend on the samples.
    """

    grown: Mapping[str, Grown]
    fixed: Mapping[str, tuple[np.ndarray, np.ndarray]]
    shapes: Mapping[str, tuple[int, ...]]
    sampled: frozenset[str]
    refused: Mapping[str, str]

    def constant(self, name: str) -> np.ndarray | None:
        """The value of what is the same for every recording, else None."""
        if name not in self.fixed:
            return None
        first, second = self.fixed[name]
        return first if first.shape == second.shape and np.array_equal(first, second) else None

    def axes_named(self, node: onnx.NodeProto, count: int, rank: int) -> list[int]:
        """The axes that a Pad or a Slice of a value of `rank` axes names; the first `count` where it names none."""
        if len(node.input) <= 3 or not node.input[3]:
            return list(range(count))
        return [int(axis) % rank for axis in np.ravel(self.fixed[node.input[3]][0])]


def has_open_time(model: onnx.ModelProto) -> bool:
    """Whether a model leaves an axis of an input open, other than the batch: it takes recordings of any length."""
    open_axes = [
        dim
        for value in free_inputs(model.graph)
        for dim in value.type.tensor_type.shape.dim
        if dim.dim_value <= 0 and "batch" not in dim.dim_param.lower()
    ]
    return bool(open_axes)


def time_axes(model: onnx.ModelProto, given: Mapping[str, int], label: str) -> dict[str, int]:
    """Input -> its time axis, for the inputs that have one; axes that are called the batch are set to 1, in place.

    `given` takes the place of what the file says. Raises StapesError where no axis is open, or several of one input are.
    """
    inputs = {value.name: value.type.tensor_type.shape for value in free_inputs(model.graph)}
    for name, axis in given.items():
        if name not in inputs or not -len(inputs[name].dim) <= axis < len(inputs[name].dim):
            raise StapesError(f"{label}: no axis {axis} of an input {name!r}; its inputs are {', '.join(inputs)}")
    found = {name: axis % len(inputs[name].dim) for name, axis in given.items()}
    for name, shape in inputs.items():
        for dim in shape.dim:
            if dim.dim_value <= 0 and "batch" in dim.dim_param.lower():
                dim.dim_value = 1
        open_axes = [axis for axis, dim in enumerate(shape.dim) if dim.dim_value <= 0 and axis != found.get(name)]
        if len(open_axes) > 1 or (open_axes and name in found):
            several = ", ".join(f"{axis} ({shape.dim[axis].dim_param or 'unnamed'})" for axis in open_axes)
            raise StapesError(
                f"{label}: the axes {several} of input {name!r} are open; leave only time open when exporting, "
                "and give the others their size"
            )
        if open_axes:
            found[name] = open_axes[0]
    if not found:
        raise StapesError(
            f"{label}: no axis of its inputs is open, so none is known to be time; give --time-axis, or export it with an open time axis"
        )
    return found


def with_length(model: onnx.ModelProto, axes: Mapping[str, int], frames: int) -> onnx.ModelProto:
    """A copy whose inputs hold so many frames, and which says no shape that followed from another number."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for value in fixed.graph.input:
        if value.name in axes:
            value.type.tensor_type.shape.dim[axes[value.name]].dim_value = frames
    fixed.graph.ClearField("value_info")
    for value in fixed.graph.output:
        value.type.tensor_type.ClearField("shape")
    return fixed


def measure(model: onnx.ModelProto, axes: Mapping[str, int], label: str) -> Lengths:
    """Run a folded model over two lengths; raises StapesError where it cannot be."""
    runs = [_values(with_length(model, axes, frames), frames, label) for frames in LENGTHS]
    grown: dict[str, Grown] = {}
    refused: dict[str, str] = {}
    makers = {name: node for node in model.graph.node for name in node.output}
    for name, first in runs[0].items():
        axes_of = [axis for axis, (a, b) in enumerate(_pairs(first, runs[1][name])) if a != b]
        found = _grown(axes_of, first.shape, runs[1][name].shape) if axes_of else None
        if isinstance(found, Grown):
            grown[name] = found
        elif found is not None:
            behind = name in makers and any(operand in refused for operand in makers[name].input)
            refused[name] = "" if behind else found
    sampled = _sampled(model)
    fixed = {name: (first, runs[1][name]) for name, first in runs[0].items() if name not in sampled}
    return Lengths(grown, fixed, {name: array.shape for name, array in runs[0].items()}, sampled, refused)


def _pairs(first: np.ndarray, second: np.ndarray) -> Sequence[tuple[int, int]]:
    return list(zip(first.shape, second.shape, strict=True)) if first.ndim == second.ndim else [(0, 1), (0, 1)]


def _grown(axes: Sequence[int], first: tuple[int, ...], second: tuple[int, ...]) -> Grown | str:
    """How a value grows along some axes from the first run to the second, or why a stream cannot have it."""
    if len(axes) > 1:
        return (
            "compares every frame with every other one; a device has only the past: train the network without attention "
            "over time"
        )
    axis = axes[0]
    step, rest = divmod(second[axis] - first[axis], LENGTHS[1] - LENGTHS[0])
    if rest or step < 1:
        return (
            f"gives {first[axis]} positions for {LENGTHS[0]} frames and {second[axis]} for {LENGTHS[1]}: it takes several "
            "frames a step; a stream has one result a frame"
        )
    return Grown(axis, step, first[axis] - step * LENGTHS[0])


def _values(model: onnx.ModelProto, frames: int, label: str) -> dict[str, np.ndarray]:
    """Every value of a recording of zeros."""
    try:
        known = infer_shapes(model)
        require_small(known.graph, label)
    except StapesError:
        raise
    except Exception as error:
        raise _cannot_run(label, frames, error) from None
    asked = onnx.ModelProto()
    asked.CopyFrom(model)
    names = [name for node in model.graph.node for name in node.output if name]
    outputs = {value.name for value in asked.graph.output}
    asked.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in outputs)
    feed = {
        value.name: np.zeros([dim.dim_value for dim in value.type.tensor_type.shape.dim], np.float32)
        for value in free_inputs(model.graph)
    }
    try:
        made = quiet_session(asked).run(names, feed)
    except Exception as error:
        raise _cannot_run(label, frames, error) from None
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {**constants, **feed, **{name: np.asarray(array) for name, array in zip(names, made, strict=True)}}


def _cannot_run(label: str, frames: int, error: Exception) -> StapesError:
    return StapesError(
        f"{label}: cannot be run over {frames} frames ({first_line(error)}); export it again with an open time axis "
        "(dynamic_axes, dynamic_shapes; recurrences with dynamo=False)"
    )


def _sampled(model: onnx.ModelProto) -> frozenset[str]:
    """The values that samples decide: a shape follows from the length alone."""
    reached = {value.name for value in free_inputs(model.graph)}
    for node in model.graph.node:
        if node.op_type not in ("Shape", "Size") and reached.intersection(read_by(node)):
            reached.update(name for name in node.output if name)
    return frozenset(reached)
