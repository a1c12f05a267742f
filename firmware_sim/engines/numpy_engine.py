"""Engine `numpy`: the integer definition, batched over utterances."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...models.audio import SoundPath
from ...quantize.graph import DTYPES, Graph
from ..network import NetworkSimulator
from .network import NetworkEngine
from .pipeline import PipelineEngine


class NumpyNetwork(NetworkEngine):
    """The reference that the other integer engines are held to."""

    name = "numpy"

    def start(self, batch: int, trace: bool = False) -> None:
        self._simulator = NetworkSimulator(self.graph, batch)
        self._keep = "all" if trace else None

    def step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        out = self._simulator.step(inputs, keep=self._keep)
        if self._keep is None:
            return out
        # Kept as narrow as they are: a traced minute of 64-bit integers would not fit into memory.
        return {name: codes.astype(DTYPES[self.graph.tensors[name].dtype]) for name, codes in out.items()}


class NumpyEngine(PipelineEngine):
    """The audio path around `NumpyNetwork`."""

    def __init__(self, graph: Graph, sound_path: SoundPath) -> None:
        super().__init__(NumpyNetwork(graph), sound_path)
