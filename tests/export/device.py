"""Exported networks in one of the builds for this machine, or on the emulated Cortex-M7: the assembly of the kernels."""

from __future__ import annotations

from pathlib import Path

from stapes.export.c import export_c
from stapes.firmware_sim.cortex_m7.network_device import NetworkDevice
from stapes.firmware_sim.cortex_m7.toolchain import find_toolchain
from stapes.quantize.graph import Graph

from tests.export.programs import STAMP, CNetwork
from tests.machine import require


def network(graph: Graph, folder: Path, build: str) -> CNetwork | NetworkDevice:
    """A network in one of `programs.BUILDS` or, as "device", on the emulated Cortex-M7."""
    if build != "device":
        return CNetwork(graph, folder, build)
    require("cortex-m7", "device gcc")
    export_c(graph, folder / "net", name="net", sound_path=None, stamp=STAMP)
    return NetworkDevice(folder / "net", graph, find_toolchain("gcc"))
