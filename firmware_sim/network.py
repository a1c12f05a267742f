"""The integer graph run frame by frame in numpy, for a batch of utterances at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from ..models.errors import StapesError
from ..quantize.graph import Graph, Tensor
from ..quantize.prepare import prepare
from . import kernels
from .kernels.batching import constant


class NetworkSimulator:
    """A graph with its states: B utterances side by side, one frame a call.

    Parameters of the operators are computed once, here. Raises `StapesError` for a graph that TFLite Micro would not
    run, or where an operator comes before its operands.
    """

    def __init__(self, graph: Graph, batch: int) -> None:
        if batch < 1:
            raise StapesError(f"a batch of {batch} utterances holds none; give at least 1")
        self.graph = graph
        self.batch = batch
        self._steps = [(op, prepare(graph, op)) for op in graph.operators]
        self._constants = {t.name: constant(t.data) for t in graph.tensors.values() if t.data is not None}
        self._made = tuple(name for op in graph.operators for name in op.outputs)
        self._check_order()
        self.reset()

    def reset(self) -> None:
        """Every state back to its initial value: real zero, the zero point."""
        self._states = {state.input: self._initial(self.graph.tensors[state.input]) for state in self.graph.states}

    @property
    def states(self) -> dict[str, np.ndarray]:
        """The states that the next frame will read: input name -> int64 (B, *shape)."""
        return dict(self._states)

    def step(
        self, inputs: Mapping[str, np.ndarray], keep: str | Collection[str] | None = None
    ) -> dict[str, np.ndarray]:
        """One frame: input name -> (B, *shape) integers; returns output name -> int64 (B, *shape).

        keep: "all" returns every tensor that an operator made, in that order; names return those tensors besides the
        outputs. Raises `StapesError` for missing, misshapen or out-of-range inputs, and for names not in the graph.
        """
        wanted = self._wanted(keep)
        values = {**self._constants, **self._states, **self._checked(inputs)}
        for op, params in self._steps:
            for name, value in zip(op.outputs, kernels.run(self.graph, op, params, values), strict=True):
                values[name] = value
        self._states = {state.input: self._full(values[state.output]) for state in self.graph.states}
        return {name: self._full(values[name]) for name in wanted}

    def _wanted(self, keep: str | Collection[str] | None) -> tuple[str, ...]:
        if keep is None:
            return self.graph.outputs
        names = self._made if keep == "all" else ((keep,) if isinstance(keep, str) else tuple(keep))
        for name in names:
            if name not in self.graph.tensors:
                raise StapesError(f"graph '{self.graph.name}' has no tensor '{name}'; see stapes inspect for its names")
        return tuple(dict.fromkeys((*names, *self.graph.outputs)))

    def _checked(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        unknown = set(inputs) - set(self.graph.inputs)
        if unknown:
            raise StapesError(f"'{min(unknown)}' is no input of the graph; inputs: {', '.join(self.graph.inputs)}")
        return {name: self._checked_input(self.graph.tensors[name], inputs.get(name)) for name in self.graph.inputs}

    def _checked_input(self, tensor: Tensor, value: np.ndarray | None) -> np.ndarray:
        if value is None:
            raise StapesError(f"input '{tensor.name}' is missing; give (batch, *{tensor.shape})")
        value = np.asarray(value)
        expected = (self.batch, *tensor.shape)
        if value.shape != expected:
            raise StapesError(f"input '{tensor.name}' has shape {value.shape}; give {expected}")
        if value.dtype.kind not in "iu":
            raise StapesError(f"input '{tensor.name}' is {value.dtype}; quantise it to {tensor.dtype} first")
        low, high = tensor.limits
        if value.min() < low or value.max() > high:
            raise StapesError(
                f"input '{tensor.name}' holds {value.min()} ... {value.max()}, outside {tensor.dtype}; saturate it first"
            )
        return value.astype(np.int64)

    def _initial(self, tensor: Tensor) -> np.ndarray:
        return np.full((self.batch, *tensor.shape), tensor.zero_point, np.int64)

    def _full(self, value: np.ndarray) -> np.ndarray:
        """A tensor that follows from constants alone stands once for all utterances: repeat it."""
        return value if len(value) == self.batch else np.repeat(value, self.batch, axis=0)

    def _check_order(self) -> None:
        known = {*self._constants, *self.graph.inputs, *(state.input for state in self.graph.states)}
        for op in self.graph.operators:
            for name in kernels.operands(op):
                if name not in known:
                    raise StapesError(f"operator '{op.name}' reads '{name}' before any operator made it; reorder them")
            known.update(op.outputs)
        for name in (*self.graph.outputs, *(state.output for state in self.graph.states)):
            if name not in known:
                raise StapesError(f"no operator makes output '{name}'; add one")
