"""Exported networks in one of the builds for this machine, or on the emulated Cortex-M7: the assembly of the kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from stapes.export.c import export_c
from stapes.export.targets import HOST
from stapes.firmware_sim.engines.compiled import CompiledNetwork
from stapes.firmware_sim.engines.cortex_m7 import CortexM7
from stapes.quantize.graph import Graph

from tests.export.programs import STAMP, CNetwork
from tests.machine import require


class DeviceNetwork:
    """A graph exported without an audio path, on the device: one stream, one frame a call, as `CNetwork`."""

    def __init__(self, graph: Graph, folder: Path) -> None:
        export_c(graph, folder / "net", name="net", sound_path=None, stamp=STAMP)
        self._engine = CompiledNetwork(CortexM7(toolchain="gcc"), folder / "net", graph)
        self._engine.start(1)

    def step(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Input name -> values of the tensor's shape; output name -> int64 values likewise."""
        made = self._engine.step({name: np.asarray(inputs[name])[None] for name in self._engine.graph.inputs})
        return {name: values[0].astype(np.int64) for name, values in made.items()}


def network(graph: Graph, folder: Path, build: str) -> CNetwork | DeviceNetwork:
    """A network in one of `programs.BUILDS`, as "host" sanitised for that target, or as "device" on the emulated Cortex-M7."""
    if build == "host":
        return CNetwork(graph, folder, "sanitised", target=HOST)
    if build != "device":
        return CNetwork(graph, folder, build)
    require("cortex-m7", "device gcc")
    return DeviceNetwork(graph, folder)
