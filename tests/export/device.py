"""Exported networks compiled for the Cortex-M7 and called on the emulated device: the assembly of the kernels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from export.c import export_c
from firmware_sim.cortex_m7 import toolchain
from firmware_sim.cortex_m7.firmware import Firmware
from firmware_sim.cortex_m7.unicorn_device import EXCHANGE, UnicornDevice
from firmware_sim.engines.cortex_m7 import require_unicorn
from firmware_sim.engines.program import call_compiler
from models.errors import StapesError
from quantize.graph import DTYPES, Graph
from tests.export.programs import STAMP, STRICT, CNetwork

_CONTEXT = '#include "net/net.h"\nextern net_context context;\nnet_context context;\n'


class DeviceNetwork:
    """A graph exported without an audio path, on an emulated Cortex-M7: one stream, one frame a call."""

    def __init__(self, graph: Graph, folder: Path) -> None:
        try:
            require_unicorn()
            chain = toolchain.find_toolchain("gcc")
        except StapesError as error:
            pytest.skip(str(error))
        self.graph = graph
        export_c(graph, folder / "net", name="net", frontend=None, stamp=STAMP)
        (folder / "context.c").write_text(_CONTEXT)
        files = [*(folder / "net").glob("*.c"), *(folder / "net" / "runtime").glob("*.c"), folder / "context.c"]
        script = Path(toolchain.__file__).parent / "c" / "m7.ld"
        command = [*chain.command, *chain.flags, "-O2", *STRICT, f"-I{folder}", "-T", str(script)]
        command += [*chain.link_flags, "-Wl,-e,net_network", *map(str, sorted(files)), "-o", str(folder / "net.elf")]
        call_compiler(command)
        self.device = UnicornDevice(Firmware(folder / "net.elf"))
        symbol = self.device.firmware.symbol("context")
        self.context = symbol.address
        assert self.device.call("net_init", self.context, symbol.size) == 0

    def step(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Input name -> values of the tensor's shape; output name -> int64 values likewise."""
        at, places = EXCHANGE, {}
        for name in (*self.graph.inputs, *self.graph.outputs):
            tensor = self.graph.tensors[name]
            places[name] = at
            narrow = np.asarray(inputs.get(name, np.full(tensor.shape, 77)), DTYPES[tensor.dtype])
            self.device.write(at, narrow.tobytes())
            at += (tensor.bytes + 3) // 4 * 4
        order = [places[name] for name in (*self.graph.inputs, *self.graph.outputs)]
        assert self.device.call("net_network", self.context, *order) == 0
        return {name: self._read(name, places[name]) for name in self.graph.outputs}

    def _read(self, name: str, at: int) -> np.ndarray:
        tensor = self.graph.tensors[name]
        values = np.frombuffer(self.device.read(at, tensor.bytes), DTYPES[tensor.dtype])
        return values.reshape(tensor.shape).astype(np.int64)


def network(graph: Graph, folder: Path, build: str) -> CNetwork | DeviceNetwork:
    """A network in one of `programs.BUILDS` or, as "device", on the emulated Cortex-M7."""
    return DeviceNetwork(graph, folder) if build == "device" else CNetwork(graph, folder, build)
