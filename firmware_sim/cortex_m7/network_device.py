"""An exported network without an audio path, linked alone and called frame by frame on the emulated device."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...models.errors import StapesError
from ...quantize.graph import DTYPES, Graph
from ..engines.program import STRICT, call_compiler, program_files
from .counting import Count, InstructionCounter
from .firmware import Firmware
from .toolchain import OPTIMISATION, Toolchain, find_toolchain, linker_script
from .unicorn_device import EXCHANGE, UnicornDevice

# A context, and what the linker would drop as nothing but the emulator calls it.
_START = """#include "{name}.h"
extern {name}_context context;
{name}_context context;
typedef void (*entry_point)(void);
void Reset_Handler(void);
void Reset_Handler(void) {{ (void){name}_init(&context, sizeof context); }}
__attribute__((section(".kept"), used)) static const entry_point entry_points[] = {{(entry_point){name}_network}};
"""


class NetworkDevice:
    """One stream of the program in `folder`, which has the folder's name and was exported from `graph`.

    The folder may be removed once this is made. Raises StapesError where the machine lacks the compiler or the emulator,
    and where the program does not start.
    """

    def __init__(self, folder: Path, graph: Graph, toolchain: Toolchain | None = None, counted: bool = False) -> None:
        self.graph = graph
        self._name = folder.name
        with tempfile.TemporaryDirectory(prefix="stapes-m7-") as work:
            firmware = Firmware(_link(folder, Path(work), toolchain or find_toolchain()))
        self._counter = InstructionCounter(firmware) if counted else None
        self._device = self._counter.device if self._counter else UnicornDevice(firmware)
        context = firmware.symbol("context")
        self._context = context.address
        self._require_ok("init", self._device.call(f"{self._name}_init", context.address, context.size))

    def step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One frame: input name -> integers of the tensor's shape; output name -> int64 values likewise."""
        self._require_ok("network", self._device.call(f"{self._name}_network", *self._place(inputs)))
        return self._outputs()

    def counted_step(self, inputs: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], Count]:
        """The same and what it executed, of a device made with `counted`."""
        assert self._counter is not None
        status, count = self._counter.count(f"{self._name}_network", *self._place(inputs))
        self._require_ok("network", status)
        return self._outputs(), count

    def _places(self) -> dict[str, int]:
        """Where the inputs and outputs lie, on boundaries of 4 bytes."""
        places, at = {}, EXCHANGE
        for name in (*self.graph.inputs, *self.graph.outputs):
            places[name] = at
            at += (self.graph.tensors[name].bytes + 3) // 4 * 4
        return places

    def _place(self, inputs: Mapping[str, np.ndarray]) -> list[int]:
        """Write the inputs, and something where the outputs will be; returns the arguments of the call."""
        places = self._places()
        for name, place in places.items():
            tensor = self.graph.tensors[name]
            narrow = np.asarray(inputs.get(name, np.full(tensor.shape, 77)), DTYPES[tensor.dtype])
            self._device.write(place, narrow.tobytes())
        return [self._context, *places.values()]

    def _outputs(self) -> dict[str, np.ndarray]:
        places, made = self._places(), {}
        for name in self.graph.outputs:
            tensor = self.graph.tensors[name]
            values = np.frombuffer(self._device.read(places[name], tensor.bytes), DTYPES[tensor.dtype])
            made[name] = values.reshape(tensor.shape).astype(np.int64)
        return made

    def _require_ok(self, what: str, status: int) -> None:
        if status:
            raise StapesError(f"engine cortex-m7: {self._name}_{what} returned status {status}")


def _link(folder: Path, work: Path, chain: Toolchain) -> Path:
    """The program's files and a context of it."""
    start, elf = work / "start.c", work / "network.elf"
    start.write_text(_START.format(name=folder.name))
    flags = [*chain.flags, *chain.link_flags, "-std=c99", OPTIMISATION, *STRICT, "-Werror", f"-I{folder}"]
    files = [str(path) for path in (*program_files(folder), start)]
    call_compiler([*chain.command, *flags, *linker_script(work), *files, "-o", str(elf)])
    return elf
