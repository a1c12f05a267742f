"""What every engine of a network is: codes of one frame in, codes out. An audio path may stand around it, or none.

B utterances, T frames.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from ...quantize.graph import DTYPES, Graph
from .base import Progress, no_progress


class NetworkEngine(ABC):
    """One way to compute a graph. `exact` engines must agree in every bit; the others are for comparison."""

    name: str
    exact: bool = True

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @abstractmethod
    def start(self, batch: int, trace: bool = False) -> None:
        """Reset the states for a batch of B utterances; with `trace` the steps return every tensor that the engine knows."""

    @abstractmethod
    def step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One frame: input name -> codes (B, *shape); output name -> codes (B, *shape), traced tensors in the order of computation."""


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
