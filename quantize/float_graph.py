"""The float graph after lowering: real numbers, but already in the vocabulary of the integer operators.

Every tensor that the integer graph will have is a tensor here, so calibration sees all of them, the inside of a GRU
included. It goes back to ONNX for that (`float_onnx`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .graph import Operator, Region, State
from .operators import OPERATORS

# Operators that move the values of one tensor, by its index.
COPIES = {kind: entry.moves for kind, entry in OPERATORS.items() if entry.moves is not None and entry.moves >= 0}

# A function of one value (`quantize/curves`), options `function` and `settings`: tables stand for it once the formats are known.
CURVE = "CURVE"


@dataclass(frozen=True)
class Hint:
    """What lowering knows about a tensor's integer format before anything is measured.

    `fixed`: dtype -> (scale, zero point) that the operator demands or that makes a region exact.
    `limit`: the tensor may saturate at +-limit, because its consumer is flat beyond; `limit_int8`: the same in int8 alone,
    whose steps are worth more than the tails.
    `span`: a range proved by construction, used instead of a measured one.
    `power_of_two`: round the scale up to a power of two in int16.
    `dtype`: the only dtype allowed, whatever the recipe says.
    `like`: takes the format of another tensor.
    """

    fixed: Mapping[str, tuple[float, int]] | None = None
    limit: float | None = None
    limit_int8: float | None = None
    span: tuple[float, float] | None = None
    power_of_two: bool = False
    dtype: str | None = None
    like: str | None = None


@dataclass(frozen=True, eq=False)
class FloatTensor:
    """A tensor of one frame: `data` is float64 for weights, int32 for shape-like constants, None for activations.

    `layer` is the node of the user's network that it belongs to, as errors name it.
    """

    name: str
    shape: tuple[int, ...]
    data: np.ndarray | None = None
    hint: Hint = field(default_factory=Hint)
    layer: str = ""


@dataclass
class FloatGraph:
    """Tensors by name and operators in execution order; grows while lowering adds to it.

    `layer`: what is being lowered; `reserved`: names that belong to other values of the user's network; `values`: once lowered,
    value of that network -> the tensor that holds it.
    """

    name: str
    tensors: dict[str, FloatTensor] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    layer: str = ""
    reserved: frozenset[str] = frozenset()
    values: dict[str, str] = field(default_factory=dict)

    def add_tensor(
        self, name: str, shape: tuple[int, ...], data: np.ndarray | None = None, hint: Hint | None = None
    ) -> str:
        """Add a tensor; a taken name gets a number."""
        unique = self.free_name(name)
        self.tensors[unique] = FloatTensor(unique, tuple(int(n) for n in shape), data, hint or Hint(), self.layer)
        return unique

    def free_name(self, name: str) -> str:
        """The name itself, or with a number where it is taken."""
        unique, count = name, 1
        while unique in self.tensors or unique in self.reserved:
            count += 1
            unique = f"{name}_{count}"
        return unique

    def add_constant(self, name: str, data: np.ndarray) -> str:
        data = np.asarray(data)
        return self.add_tensor(name, data.shape, data if data.dtype == np.int32 else data.astype(np.float64))

    def add(
        self,
        kind: str,
        inputs: tuple[str, ...],
        output: str,
        shape: tuple[int, ...],
        *,
        options: Mapping[str, object] | None = None,
        region: str | None = None,
        hint: Hint | None = None,
    ) -> str:
        """Append an operator with one output; returns the output's name, which is the operator's name too."""
        name = self.add_tensor(output, shape, hint=hint)
        self.operators.append(Operator(kind, name, inputs, (name,), dict(options or {}), region))
        return name

    def add_split(self, tensor: str, axis: int, labels: Sequence[str], *, region: str | None = None) -> tuple[str, ...]:
        """Append a SPLIT of a tensor into equal parts along an axis; returns the parts' names."""
        shape = list(self.tensors[tensor].shape)
        shape[axis] //= len(labels)
        parts = tuple(self.add_tensor(label, tuple(shape)) for label in labels)
        where = self.add_constant(f"{parts[0]}/axis", np.asarray(axis, np.int32).reshape(1))
        options = {"num_splits": len(parts)}
        self.operators.append(Operator("SPLIT", parts[0], (where, tensor), parts, options, region))
        return parts

    def remove_unused(self, wanted: Sequence[str]) -> None:
        """Drop every operator that no wanted tensor needs, and every tensor that nothing reads."""
        needed, kept = set(wanted), []
        for op in reversed(self.operators):
            if needed & set(op.outputs):
                kept.append(op)
                needed.update(op.inputs)
        self.operators = kept[::-1]
        regions = {op.region for op in kept}
        self.regions = [region for region in self.regions if region.name in regions]
        needed.update(self.inputs, *(op.outputs for op in kept), (state.input for state in self.states))
        self.tensors = {name: tensor for name, tensor in self.tensors.items() if name in needed}

    def producer(self, tensor: str) -> Operator | None:
        return next((op for op in self.operators if tensor in op.outputs), None)

    def consumers(self, tensor: str) -> list[Operator]:
        return [op for op in self.operators if tensor in op.inputs]

    def limit_int8(self, tensor: str, limit: float) -> None:
        """Let a tensor saturate in int8, unless something else reads it too or its format is fixed."""
        known = self.tensors[tensor]
        if (
            known.data is None
            and not known.hint.fixed
            and self.producer(tensor) is not None
            and not self.consumers(tensor)
        ):
            self.tensors[tensor] = replace(known, hint=replace(known.hint, limit_int8=limit))

    def replace_operator(self, old: Operator, **changes: object) -> None:
        self.operators[self.operators.index(old)] = replace(old, **changes)  # type: ignore[arg-type]

    def rename(self, old: str, new: str) -> None:
        """Give a tensor a name that is free."""
        swap = {old: new}
        tensor = self.tensors[old]
        self.tensors = {swap.get(name, name): t for name, t in self.tensors.items()}
        self.tensors[new] = replace(tensor, name=new)
        for name, t in self.tensors.items():
            if t.hint.like == old:
                self.tensors[name] = replace(t, hint=replace(t.hint, like=new))
        self.operators = [
            replace(
                op,
                inputs=tuple(swap.get(n, n) for n in op.inputs),
                outputs=tuple(swap.get(n, n) for n in op.outputs),
                name=swap.get(op.name, op.name) if op.region is None else op.name,
            )
            for op in self.operators
        ]
        self.regions = [replace(r, roles={k: swap.get(v, v) for k, v in r.roles.items()}) for r in self.regions]
