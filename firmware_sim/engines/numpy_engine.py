"""Engine `numpy`: the integer definition, batched over utterances."""

from __future__ import annotations

import numpy as np

from quantize.graph import DTYPES

from ..network import NetworkSimulator
from .pipeline import PipelineEngine


class NumpyEngine(PipelineEngine):
    """The reference that the other integer engines are held to."""

    name = "numpy"

    def start(self, batch: int, trace: bool) -> None:
        self._simulator = NetworkSimulator(self.graph, batch)
        self._keep = "all" if trace else None

    def network(self, features: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        out = self._simulator.step({self.features.name: features}, keep=self._keep)
        if self._keep is None:
            return out[self.mask.name], {}
        # Kept as narrow as they are: a traced minute of 64-bit integers would not fit into memory.
        narrow = {name: codes.astype(DTYPES[self.graph.tensors[name].dtype]) for name, codes in out.items()}
        return out[self.mask.name], narrow
