"""stapes: from a trained speech-enhancement network to hearing-aid firmware whose every bit is known in advance.

The library: each function is what the command of its name calls, takes and gives plain values, prints nothing, and raises
`StapesError`, whose message is one line, for every fault of what it was given.

stream       a network of whole recordings becomes one of one frame a call
fit          an audiogram becomes a fitting: gains, and the equaliser that makes them
quantize     a network, from a file or in memory, becomes a bundle
export       a bundle becomes C, a firmware package, or one of its files
steer        latents become changes of the controls of a steered equaliser
simulate     sound through a bundle, on any engine
regress      all engines held to the same bits
inspect      what a bundle holds and costs
acoustics    how the integer path of a bundle sounds: response, latency, noise, distortion
evaluate     a bundle scored against clean speech
doctor       what is installed, what is missing, what does not work
load_bundle  a bundle's folder becomes a `Bundle`

The repository's root is this package. Its folders, in the order in which data meets them:

models        the float world: sound, networks, checkpoints
quantize      a float graph becomes an integer graph
export        an integer graph becomes files: .tflite, C, packages
firmware_sim  the same bits in Python, and on emulated devices
tools         the command line, bundles, corpora, training, evaluation, benchmarks

`quantize` and `export` are folders and functions: `stapes.quantize(...)` calls, `stapes.quantize.graph` is a module.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any, Generic, ParamSpec, TypeVar

    from .models.errors import Remark as Remark
    from .models.errors import StapesError as StapesError
    from .tools.bundle import Bundle as Bundle
    from .tools.bundle import load_bundle as load_bundle
    from .tools.library.acoustics import acoustics as acoustics
    from .tools.library.doctor import doctor as doctor
    from .tools.library.evaluate import evaluate as evaluate
    from .tools.library.export import export as _export
    from .tools.library.fit import fit as fit
    from .tools.library.inspect import inspect as inspect
    from .tools.library.quantize import quantize as _quantize
    from .tools.library.regress import regress as regress
    from .tools.library.simulate import simulate as simulate
    from .tools.library.steer import steer as steer
    from .tools.library.stream import stream as stream

    P = ParamSpec("P")
    R = TypeVar("R")

    class _CalledFolder(Generic[P, R]):
        def __init__(self, function: Callable[P, R]) -> None: ...
        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
        def __getattr__(self, name: str) -> Any: ...

    quantize = _CalledFolder(_quantize)
    export = _CalledFolder(_export)
    __version__: str
else:
    ModuleType = type(sys)

# onnxruntime tells its makers what it runs, and keeps an identifier in the user's cache for it, unless this is set before it
# is loaded; torchmetrics and onnxscript load it as well. So it stands here, which runs before all else.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

__all__ = [
    "Bundle",
    "Remark",
    "StapesError",
    "acoustics",
    "doctor",
    "evaluate",
    "export",
    "fit",
    "inspect",
    "load_bundle",
    "quantize",
    "regress",
    "simulate",
    "steer",
    "stream",
]

# Where a name of the library stands. Each is imported when it is asked for: what it imports takes seconds.
_PLACES = {
    "Bundle": ".tools.bundle",
    "Remark": ".models.errors",
    "StapesError": ".models.errors",
    "acoustics": ".tools.library.acoustics",
    "doctor": ".tools.library.doctor",
    "evaluate": ".tools.library.evaluate",
    "fit": ".tools.library.fit",
    "inspect": ".tools.library.inspect",
    "load_bundle": ".tools.bundle",
    "regress": ".tools.library.regress",
    "simulate": ".tools.library.simulate",
    "steer": ".tools.library.steer",
    "stream": ".tools.library.stream",
}


class _Called(ModuleType):
    # A folder that is a function as well, which is imported when it is called or asked about. What this class is cannot stand in a
    # docstring: the text of its help is that of the function.

    @property
    def _function(self) -> "Any":
        from importlib import import_module

        name = self.__name__.rpartition(".")[2]
        return getattr(import_module(f".tools.library.{name}", __name__), name)

    def __call__(self, *args: "Any", **kwargs: "Any") -> "Any":
        return self._function(*args, **kwargs)

    @property
    def __signature__(self) -> "Any":
        from inspect import signature

        return signature(self._function)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return f"{self.__name__}{self.__signature__}\n\n{self._function.__doc__}"


_CALLED = ("quantize", "export")


class _Root(ModuleType):
    """This module. A folder that is a function as well can be called as soon as the import system hands it over."""

    def __setattr__(self, name: str, value: "Any") -> None:
        if name in _CALLED and type(value) is ModuleType:
            value.__class__ = _Called
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Root


def __getattr__(name: str) -> "Any":
    from importlib import import_module

    if name in _CALLED:
        return import_module(f".{name}", __name__)
    if name in _PLACES:
        return getattr(import_module(_PLACES[name], __name__), name)
    if name == "__version__":
        from importlib import metadata

        return metadata.version(__name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
