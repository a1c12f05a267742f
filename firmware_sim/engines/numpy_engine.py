"""Engine `numpy`: the integer definition, batched over utterances."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...quantize.graph import DTYPES
from ..network import NetworkSimulator
from .network import NetworkEngine


class NumpyNetwork(NetworkEngine):
    """The reference that the other integer engines are held to."""

    name = "numpy"

    def _start(self, batch: int, trace: bool) -> None:
        self._simulator = NetworkSimulator(self.graph, batch)
        self._keep = "all" if trace else None

    def _step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        out = self._simulator.step(inputs, keep=self._keep)
        if self._keep is None:
            return out
        # Kept as narrow as they are: a traced minute of 64-bit integers would not fit into memory.
        return {name: codes.astype(DTYPES[self.graph.tensors[name].dtype]) for name, codes in out.items()}
