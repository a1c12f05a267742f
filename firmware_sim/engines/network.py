"""What every engine of a network is: codes of one frame in, codes out. A path of sound may stand around it, or none.

B utterances, T frames.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import numpy as np

from ...models.errors import StapesError
from ...quantize.graph import DTYPES, Graph, Tensor

Progress = Callable[[int], None]


def no_progress(frames: int) -> None:
    """Progress that nobody watches."""


class NetworkEngine(ABC):
    """One way to compute a graph. `exact` engines must agree in every bit; the others are for comparison.

    An engine knows nothing of sound: what feeds the inputs and what becomes of the outputs is the caller's, a `Pipeline` for one.
    """

    name: str
    exact: bool = True

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.batch = 0

    def start(self, batch: int, trace: bool = False) -> None:
        """Reset the states for a batch of B utterances; with `trace` the steps return every tensor that the engine knows.

        Raises StapesError for a batch of none.
        """
        if batch < 1:
            raise StapesError(f"a batch of {batch} utterances holds none; give at least 1")
        self.batch = batch
        self._start(batch, trace)

    def step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One frame: input name -> integers (B, *shape); output name -> codes (B, *shape).

        Traced tensors come besides, before the outputs, in the order of computation. Raises StapesError for inputs that are
        missing, not of the graph, misshapen or out of the range of their dtype.
        """
        if unknown := set(inputs) - set(self.graph.inputs):
            raise StapesError(f"'{min(unknown)}' is no input of the graph; inputs: {', '.join(self.graph.inputs)}")
        return self._step(
            {name: self._narrow(self.graph.tensors[name], inputs.get(name)) for name in self.graph.inputs}
        )

    @abstractmethod
    def _start(self, batch: int, trace: bool) -> None: ...

    @abstractmethod
    def _step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """`step` for all inputs of the graph in its order, each (B, *shape) in the tensor's own dtype, C-contiguous."""

    def _narrow(self, tensor: Tensor, values: np.ndarray | None) -> np.ndarray:
        if values is None:
            raise StapesError(f"input '{tensor.name}' is missing; give (batch, *{tensor.shape})")
        values, expected = np.asarray(values), (self.batch, *tensor.shape)
        if values.shape != expected:
            raise StapesError(f"input '{tensor.name}' has shape {values.shape}; give {expected}")
        if values.dtype == DTYPES[tensor.dtype]:
            return np.ascontiguousarray(values)
        if values.dtype.kind not in "iu":
            raise StapesError(f"input '{tensor.name}' is {values.dtype}; quantise it to {tensor.dtype} first")
        low, high = tensor.limits
        if values.min() < low or values.max() > high:
            raise StapesError(
                f"input '{tensor.name}' holds {values.min()} ... {values.max()}, outside {tensor.dtype}; saturate it first"
            )
        return np.ascontiguousarray(values, DTYPES[tensor.dtype])


def run_network(
    engine: NetworkEngine,
    frames: Mapping[str, np.ndarray],
    trace: bool = False,
    progress: Progress = no_progress,
) -> dict[str, np.ndarray]:
    """From reset: input name -> codes (B, T, *shape); tensor name -> codes (B, T, values) in the tensor's own dtype."""
    batch, count = next(iter(frames.values())).shape[:2]
    engine.start(batch, trace)
    kept: dict[str, list[np.ndarray]] = {}
    for t in range(count):
        for name, codes in engine.step({name: values[:, t] for name, values in frames.items()}).items():
            narrow = np.asarray(codes).astype(DTYPES[engine.graph.tensors[name].dtype])
            kept.setdefault(name, []).append(narrow.reshape(batch, -1))
        progress(batch)
    return {name: np.stack(rows, axis=1) for name, rows in kept.items()}
