"""Engines by name, made from a bundle."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..firmware_sim.engines.base import Engine
from ..firmware_sim.engines.cortex_m7 import CortexM7Engine, CortexM7Network, require_qemu, require_unicorn
from ..firmware_sim.engines.float_engine import FloatEngine, FloatNetwork
from ..firmware_sim.engines.litert import LitertEngine, LitertNetwork
from ..firmware_sim.engines.native import NativeEngine, NativeNetwork, find_compiler
from ..firmware_sim.engines.network import NetworkEngine
from ..firmware_sim.engines.numpy_engine import NumpyEngine, NumpyNetwork
from ..firmware_sim.engines.tflm import TflmEngine, TflmNetworks, import_runtime
from ..models.errors import StapesError
from ..quantize.graph import Graph
from .bundle import Bundle
from .library.export import exported_c


def _numpy(bundle: Bundle) -> Engine:
    return NumpyEngine(bundle.graph, bundle.require_sound_path())


def _native(bundle: Bundle) -> Engine:
    find_compiler()
    with exported_c(bundle) as folder:
        return NativeEngine(folder, bundle.graph, bundle.require_sound_path())


def _cortex_m7(bundle: Bundle) -> Engine:
    require_unicorn()
    with exported_c(bundle) as folder:
        return CortexM7Engine(folder, bundle.graph, bundle.require_sound_path())


def _cortex_m7_qemu(bundle: Bundle) -> Engine:
    require_qemu()
    with exported_c(bundle) as folder:
        return CortexM7Engine(folder, bundle.graph, bundle.require_sound_path(), qemu=True)


def _tflm(bundle: Bundle) -> Engine:
    return TflmEngine(bundle.tflite, bundle.graph, bundle.require_sound_path())


def _litert(bundle: Bundle) -> Engine:
    return LitertEngine(bundle.tflite, bundle.graph, bundle.require_sound_path())


def _float(bundle: Bundle) -> Engine:
    return FloatEngine(bundle.float_onnx, bundle.require_sound_path())


MAKERS: dict[str, Callable[[Bundle], Engine]] = {
    "numpy": _numpy,
    "native": _native,
    "tflm": _tflm,
    "litert": _litert,
    "float": _float,
    "cortex-m7": _cortex_m7,
    "cortex-m7-qemu": _cortex_m7_qemu,
}


def _network_of_c(
    make: Callable[[Path, Graph], NetworkEngine], check: Callable[[], object]
) -> Callable[[Bundle], NetworkEngine]:
    def made(bundle: Bundle) -> NetworkEngine:
        check()
        with exported_c(bundle) as folder:
            return make(folder, bundle.graph)

    return made


NETWORK_MAKERS: dict[str, Callable[[Bundle], NetworkEngine]] = {
    "numpy": lambda bundle: NumpyNetwork(bundle.graph),
    "native": _network_of_c(NativeNetwork, find_compiler),
    "tflm": lambda bundle: TflmNetworks(bundle.tflite, bundle.graph),
    "litert": lambda bundle: LitertNetwork(bundle.tflite, bundle.graph),
    "float": lambda bundle: FloatNetwork(bundle.float_onnx, bundle.graph),
    "cortex-m7": _network_of_c(CortexM7Network, require_unicorn),
}
# Engines held to the bit; those of the device emulate each of its instructions, so that seconds of audio take seconds.
EXACT = ("numpy", "native", "tflm")
DEVICE = ("cortex-m7", "cortex-m7-qemu")

_REQUIREMENTS: dict[str, Callable[[], object]] = {
    "native": find_compiler,
    "tflm": import_runtime,
    "cortex-m7": require_unicorn,
    "cortex-m7-qemu": require_qemu,
}


def make_engine(name: str, bundle: Bundle) -> Engine:
    """An engine ready to run; raises StapesError for an unknown name or where the machine lacks what it needs."""
    if name not in MAKERS:
        raise StapesError(f"engine {name!r} is unknown; choose one of {', '.join(MAKERS)}")
    return MAKERS[name](bundle)


def make_network_engine(name: str, bundle: Bundle) -> NetworkEngine:
    """The engine of a bundle without an audio path; raises StapesError as `make_engine` does."""
    if name not in NETWORK_MAKERS:
        raise StapesError(
            f"engine {name!r} does not run a network without an audio path; choose one of {', '.join(NETWORK_MAKERS)}"
        )
    return NETWORK_MAKERS[name](bundle)


def unavailable() -> dict[str, str]:
    """Exact engines that this machine cannot run, with the reason."""
    reasons = {}
    for name, check in _REQUIREMENTS.items():
        try:
            check()
        except StapesError as error:
            reasons[name] = str(error)
    return reasons
