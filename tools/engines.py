"""Engines by name, made from a bundle: of its network, and where it has an audio path, of the whole."""

from __future__ import annotations

from collections.abc import Callable

from ..export.targets import CORTEX_M7, HOST
from ..firmware_sim.engines.audio import AudioEngine
from ..firmware_sim.engines.compiled import CompiledNetwork, CompiledPipeline, Machine
from ..firmware_sim.engines.cortex_m7 import CortexM7, require_qemu, require_unicorn
from ..firmware_sim.engines.float_engine import FloatEngine, FloatNetwork
from ..firmware_sim.engines.litert import LitertNetwork
from ..firmware_sim.engines.native import Native, find_compiler
from ..firmware_sim.engines.network import NetworkEngine
from ..firmware_sim.engines.numpy_engine import NumpyNetwork
from ..firmware_sim.engines.pipeline import Pipeline
from ..firmware_sim.engines.tflm import TflmNetwork, import_runtime
from ..models.errors import StapesError
from .bundle import Bundle
from .library.export import exported_c

# What runs the C of a bundle: the network of it, or path and network in one.
MACHINES: dict[str, Callable[[], Machine]] = {
    "native": Native,
    "cortex-m7": CortexM7,
    "cortex-m7-qemu": lambda: CortexM7(qemu=True),
}
# For which target their C is exported, where that is not the default.
TARGETS = {"native": HOST}
# The other engines of a network; a path in numpy stands around them where there is sound.
NETWORKS: dict[str, Callable[[Bundle], NetworkEngine]] = {
    "numpy": lambda bundle: NumpyNetwork(bundle.graph),
    "tflm": lambda bundle: TflmNetwork(bundle.tflite, bundle.graph),
    "litert": lambda bundle: LitertNetwork(bundle.tflite, bundle.graph),
    "float": lambda bundle: FloatNetwork(bundle.float_onnx, bundle.graph),
}
NAMES = ("numpy", "native", "tflm", "litert", "float", "cortex-m7", "cortex-m7-qemu")
# Engines held to the bit; those of the device emulate each of its instructions, so that seconds of audio take seconds.
EXACT = ("numpy", "native", "tflm")
DEVICE = ("cortex-m7", "cortex-m7-qemu")

_REQUIREMENTS: dict[str, Callable[[], object]] = {
    "native": find_compiler,
    "tflm": import_runtime,
    "cortex-m7": require_unicorn,
    "cortex-m7-qemu": require_qemu,
}


def make_engine(name: str, bundle: Bundle) -> AudioEngine:
    """What runs sound through a bundle; raises StapesError as `make_network_engine`, and for one without an audio path."""
    sound_path = bundle.require_sound_path()
    if name == "float":
        return FloatEngine(bundle.float_onnx, sound_path)
    if name in MACHINES:
        machine = MACHINES[name]()
        with exported_c(bundle, TARGETS.get(name, CORTEX_M7)) as folder:
            return CompiledPipeline(machine, folder, bundle.graph, sound_path)
    return Pipeline(sound_path, make_network_engine(name, bundle))


def make_network_engine(name: str, bundle: Bundle) -> NetworkEngine:
    """The engine of a bundle's network, whether or not it has an audio path around it.

    Raises StapesError for an unknown name, or where the machine lacks what the engine needs.
    """
    if name in MACHINES:
        machine = MACHINES[name]()
        with exported_c(bundle, TARGETS.get(name, CORTEX_M7)) as folder:
            return CompiledNetwork(machine, folder, bundle.graph)
    if name not in NETWORKS:
        raise StapesError(f"engine {name!r} is unknown; choose one of {', '.join(NAMES)}")
    return NETWORKS[name](bundle)


def unavailable() -> dict[str, str]:
    """Exact engines that this machine cannot run, with the reason."""
    reasons = {}
    for name, check in _REQUIREMENTS.items():
        try:
            check()
        except StapesError as error:
            reasons[name] = str(error)
    return reasons
