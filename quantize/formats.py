"""Which integer format each tensor gets: recipe, measured ranges and the constraints of the operators together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..models.errors import StapesError
from .calibrate import Observations
from .float_graph import COPIES, FloatGraph, Hint
from .graph import LIMITS, Operator
from .groups import Groups
from .ranges import observed_range
from .recipe import Activations, Recipe

SCALE_BITS = 8
# Values below this are zero: their steps would leave float32.
NOTHING = 2.0**-100


@dataclass(frozen=True)
class Format:
    """An integer format: real = scale * (code - zero_point); `scale` is a float32 value."""

    dtype: str
    scale: float
    zero_point: int


class Assigner:
    """Chooses a `Format` for any activation of a float graph in any dtype, and the dtype the recipe wants."""

    def __init__(
        self,
        graph: FloatGraph,
        recipe: Recipe,
        seen: Observations,
        known: dict[tuple[object, ...], Format] | None = None,
    ) -> None:
        """`known`: formats found for other recipes on the same graph and observations; grows."""
        self._graph, self._recipe, self._seen = graph, recipe, seen
        activations = [name for name, tensor in graph.tensors.items() if tensor.data is None]
        self._same_format = Groups(activations)
        self._same_dtype = Groups(activations)
        self._readers: dict[str, list[Operator]] = {}
        for op in graph.operators:
            for name in set(op.inputs):
                self._readers.setdefault(name, []).append(op)
        self._producers = {out: op for op in graph.operators for out in op.outputs}
        for op in graph.operators:
            if op.kind in COPIES:
                for out in op.outputs:
                    self._join(op.inputs[COPIES[op.kind]], out)
        for state in graph.states:
            self._join(state.output, state.input)
        for name in activations:
            if like := graph.tensors[name].hint.like:
                self._join(like, name)
        self._join_parts()
        for region in graph.regions:
            inside = [name for role, name in region.roles.items() if role != "x"]
            for name in inside[1:]:
                self._same_dtype.join(inside[0], name)
        self._dtype_members = self._same_dtype.members()
        self._dtypes: dict[str, str] = {}
        self._rectified = self._join_rectified()
        self._format_members = self._same_format.members()
        self._known = {} if known is None else known
        self._zeros_have_a_range = False
        self._wider: dict[str, int] = {}
        self._choices: dict[str, Activations] = {}

    def _join(self, source: str, copy: str) -> None:
        """One format for both; one dtype too, unless a region wants its copy wider."""
        self._same_format.join(source, copy)
        if self._graph.tensors[copy].hint.dtype is None or self._graph.tensors[source].hint.dtype is not None:
            self._same_dtype.join(source, copy)

    def _join_parts(self) -> None:
        """What is made only to be concatenated is made in the format of the whole: one rounding less."""
        for op in self._graph.operators:
            if op.kind != "CONCATENATION":
                continue
            parts = [part for part in op.inputs if self._graph.tensors[part].data is None]
            if len(parts) == len(op.inputs) and len({self._same_format.root(part) for part in parts}) == 1:
                # All parts are copies of one tensor, so the whole has its values.
                self._join(op.inputs[0], op.outputs[0])
            for part in parts:
                if self._made_for(part, self._graph.tensors[op.outputs[0]].hint):
                    self._join(op.outputs[0], part)

    def _join_rectified(self) -> frozenset[str]:
        """In int16 what a RELU alone reads has the format of its result: what is below zero may saturate, and nothing is rounded.

        Returns the tensors whose own range does not count. In int8 the range below zero would cost steps of the result.
        """
        found: set[str] = set()
        for op in self._graph.operators:
            if op.kind != "RELU" or op.region is not None:
                continue
            chain = [op.inputs[0]]
            while (made := self._producers.get(chain[-1])) is not None and made.kind in COPIES:
                chain.append(made.inputs[COPIES[made.kind]])
            ends = (chain[-1], op.outputs[0])
            alone = all(len(self._readers.get(name, ())) == 1 and name not in self._graph.outputs for name in chain)
            hints = [self._graph.tensors[name].hint for name in (*chain, op.outputs[0])]
            plain = not any(h.fixed or h.limit or h.span or h.like or h.dtype or h.power_of_two for h in hints)
            if alone and plain and self._is_computed(ends[0]) and all(self.dtype(name) == "int16" for name in ends):
                self._same_format.join(op.outputs[0], op.inputs[0])
                found.update(chain)
        return frozenset(found)

    def _is_computed(self, name: str) -> bool:
        """Whether a tensor is no input, no state and no result of several parts."""
        made = self._producers.get(name)
        return (
            made is not None
            and made.kind != "CONCATENATION"
            and all(state.output != name for state in self._graph.states)
        )

    def _made_for(self, part: str, whole: Hint) -> bool:
        """Whether a tensor, or what it is a copy of, is computed for one reader alone and free to take its format."""
        hint = self._graph.tensors[part].hint
        free = not (hint.span or hint.limit or hint.dtype or hint.power_of_two) and hint.fixed in (None, whole.fixed)
        made = self._producers.get(part)
        if made is None or not free or len(self._readers[part]) != 1 or len(made.outputs) != 1:
            return False
        return self._made_for(made.inputs[COPIES[made.kind]], whole) if made.kind in COPIES else True

    def dtype(self, name: str) -> str:
        """The dtype of a tensor: forced by lowering, else the recipe's for it or for anything that must agree with it."""
        root = self._same_dtype.root(name)
        if root not in self._dtypes:
            self._dtypes[root] = self._dtype(self._dtype_members[root])
        return self._dtypes[root]

    def _dtype(self, members: list[str]) -> str:
        forced = {self._graph.tensors[m].hint.dtype for m in members} - {None}
        if forced:
            return str(forced.pop())
        chosen = [self._recipe.for_tensor(self._names(member)).dtype for member in members]
        exceptions = [dtype for dtype in chosen if dtype != self._recipe.activations.dtype]
        return exceptions[0] if exceptions else self._recipe.activations.dtype

    def _names(self, name: str) -> tuple[str, ...]:
        """What a recipe may call a tensor: its name, `@input` at or right behind an input, `@output` at an output."""
        names = [name]
        op = self._producers.get(name)
        if name in self._graph.inputs or (op is not None and set(op.inputs) & set(self._graph.inputs)):
            names.append("@input")
        if name in self._graph.outputs:
            names.append("@output")
        return tuple(names)

    def format(self, name: str, dtype: str | None = None) -> Format:
        """The format of a tensor, in its own dtype or in the one a consumer needs."""
        dtype = dtype or self.dtype(name)
        root = self._same_format.root(name)
        members = self._format_members[root]
        if root not in self._choices:
            names = tuple(known for member in members for known in self._names(member))
            self._choices[root] = self._recipe.for_tensor(names)
        choice = self._choices[root]
        key = (root, dtype, choice.range, choice.percentile, choice.headroom, choice.clip, self._zeros_have_a_range)
        if key not in self._known:
            self._known[key] = self._choose(members, dtype, choice)
        known, bits = self._known[key], self._wider.get(root, 0)
        return replace(known, scale=float(np.float32(math.ldexp(known.scale, bits)))) if bits else known

    def make_room(self, narrow: Mapping[str, int]) -> bool:
        """Widen formats in which operators would overflow: name of a result -> bits. False where nothing more can be done.

        The first remedy is a range for tensors that are zero throughout, whose readers it makes overflow to have none.
        """
        if not self._zeros_have_a_range:
            self._zeros_have_a_range = True
            return True
        for name, bits in narrow.items():
            if name not in self._graph.tensors:
                return False
            root = self._same_format.root(name)
            hints = [self._graph.tensors[member].hint for member in self._format_members[root]]
            if any(hint.fixed or hint.span for hint in hints):
                return False
            self._wider[root] = self._wider.get(root, 0) + bits
        return True

    def unmatched(self) -> list[str]:
        """The recipe's patterns that match no activation."""
        activations = [name for name, tensor in self._graph.tensors.items() if tensor.data is None]
        return self._recipe.unmatched(known for name in activations for known in self._names(name))

    def dtype_groups(self) -> list[list[str]]:
        """The activations whose dtype the recipe decides, in sets that share it."""
        return [
            members
            for members in self._dtype_members.values()
            if all(self._graph.tensors[member].hint.dtype is None for member in members)
        ]

    def _choose(self, members: list[str], dtype: str, choice: Activations) -> Format:
        hints = [self._graph.tensors[member].hint for member in members]
        for hint in hints:
            if hint.fixed and dtype in hint.fixed:
                scale, zero_point = hint.fixed[dtype]
                return Format(dtype, scale, zero_point)
        low, high = self._range(members, hints, dtype, choice)
        if max(-low, high) < NOTHING:
            low, high = self._range_of_zeros(members) if self._zeros_have_a_range else (0.0, 0.0)
        return _format(dtype, low, high, any(hint.power_of_two for hint in hints))

    def _range(self, members: list[str], hints: list[Hint], dtype: str, choice: Activations) -> tuple[float, float]:
        spans = [hint.span for hint in hints if hint.span]
        if spans:
            return min(s[0] for s in spans), max(s[1] for s in spans)
        seen = [member for member in members if member in self._seen.values and member not in self._rectified]
        values = np.concatenate([np.ravel(self._seen.values[member]) for member in seen])
        extremes = np.array([self._seen.extremes[member] for member in seen])
        if not np.isfinite(extremes).all():
            raise StapesError(
                f"calibration: tensor {members[0]!r} becomes NaN or infinite; check the checkpoint and the audio"
            )
        symmetric = dtype == "int16"
        ends = float(extremes[:, 0].min()), float(extremes[:, 1].max())
        levels = 2**16 if symmetric else 2**8
        low, high = observed_range(
            values, choice.range, levels, symmetric, choice.percentile, ends, self._slope(members)
        )
        if symmetric and not any(hint.power_of_two for hint in hints):
            # A power of two brings headroom of its own.
            low, high = low * choice.headroom, high * choice.headroom
        if dtype == "int8":
            low, high = low * choice.clip, high * choice.clip
        limits = [hint.limit for hint in hints if hint.limit]
        limits += [hint.limit_int8 for hint in hints if hint.limit_int8 and dtype == "int8"]
        return (max(low, -min(limits)), min(high, min(limits))) if limits else (low, high)

    def _range_of_zeros(self, members: list[str]) -> tuple[float, float]:
        """For a tensor that calibration saw at zero only: what the operator that makes it was given, else one."""
        made = [self._producers[member] for member in members if member in self._producers]
        made = [op for op in made if op.kind not in COPIES]
        given = [self._extreme_of(name) for op in made for name in op.inputs]
        reach = max([reach for reach in given if reach > NOTHING], default=1.0)
        rectified = any(op.kind == "RELU" or op.options.get("fused_activation_function") == "RELU" for op in made)
        return (0.0, reach) if rectified else (-reach, reach)

    def _extreme_of(self, name: str) -> float:
        while name not in self._seen.extremes:
            made = self._producers.get(name)
            if made is None or made.kind not in COPIES:
                return 0.0
            name = made.inputs[COPIES[made.kind]]
        return max(abs(end) for end in self._seen.extremes[name])

    def _slope(self, members: list[str]) -> float:
        """The slope for negative values of the rectifier that alone reads a group of copies, else 1."""
        readers = [op for member in members for op in self._readers.get(member, ()) if op.outputs[0] not in members]
        if len(readers) != 1 or any(member in self._graph.outputs for member in members):
            return 1.0
        if readers[0].kind == "LEAKY_RELU":
            return min(abs(float(readers[0].options["alpha"])), 1.0)
        return 1.0


def _format(dtype: str, low: float, high: float, power_of_two: bool) -> Format:
    """The format that covers [low, high]: symmetric in int16, with a zero point in int8."""
    least, most = LIMITS[dtype]
    if dtype == "int16":
        scale = max(-low, high) / most or 1.0
        if power_of_two:
            # The top of the range may fall on the code 32768, which saturates by one step.
            return Format(dtype, 2.0 ** math.ceil(math.log2(scale * most / (most + 1)) - 1e-9), 0)
        return Format(dtype, _short(scale), 0)
    scale = _short((high - low) / (most - least) or 1.0)
    zero_point = int(np.clip(round(least - low / scale), least, most))
    return Format(dtype, scale, zero_point)


def _short(scale: float) -> float:
    """The next number with 8 significant bits: onnxruntime's last bits differ between processors, a format must not."""
    mantissa, exponent = math.frexp(scale * (1.0 - 1e-6))
    return math.ldexp(math.ceil(mantissa * 2**SCALE_BITS), exponent - SCALE_BITS)
