"""The integer graph as a .tflite file, both ways and without loss.

`schema` finds the flatbuffer schema, `options` translates option tables, `description` is what TensorFlow Lite has no
field for, `writer` and `reader` turn a graph into bytes and back. `foreign` reads files of other makers.
"""

from .reader import from_bytes, is_own, read
from .writer import to_bytes, write

__all__ = ["from_bytes", "is_own", "read", "to_bytes", "write"]
