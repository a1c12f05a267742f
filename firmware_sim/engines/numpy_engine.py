"""Engine `numpy`: the integer definition, batched over utterances."""

from __future__ import annotations

import numpy as np

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
        return out[self.mask.name], out if self._keep else {}
