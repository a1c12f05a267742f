"""The object API of the TensorFlow Lite schema, from whichever installed package has it."""

from __future__ import annotations

import importlib
from types import ModuleType

from ...models.errors import StapesError

FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3

# tflite_micro has wheels for x86-64 Linux only; both packages generate the same classes from the same schema.
_MODULES = (
    "tflite_micro.tensorflow.lite.micro.python.schema_py_generated",
    "ai_edge_litert.schema_py_generated",
)


def load_schema() -> ModuleType:
    """The generated schema module; raises `StapesError` where neither package is installed."""
    for name in _MODULES:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise StapesError("no TensorFlow Lite schema is installed; run: pip install ai-edge-litert")


def enum_name(enum: type, value: int) -> str:
    """The name of an enum value; raises `KeyError` for a value without one."""
    return {number: name for name, number in vars(enum).items() if isinstance(number, int)}[value]
