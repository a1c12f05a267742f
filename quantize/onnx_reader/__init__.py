"""The front door for ONNX: a streaming model, one frame a call, checked and folded before lowering sees it.

In the order in which data meets them:

file      the bytes of a file, its outside data taken in
versions  operator sets and formats that are too new or too old
types     float32 alone: other floats become it, the rest is refused by name
folding   everything that no input decides becomes a constant
shapes    the shape of every value
wiring    which values depend on which, and which are moved only
states    which input is which output of the frame before
model     all of it: the checked model
"""

from .file import OnnxFile, load_onnx, onnx_of, parse_onnx, with_states
from .model import StreamingOnnx, check_model, read_onnx
from .states import DELAY_KEY, STATES_KEY, check_pairs, find_states, given_pairs

__all__ = [
    "DELAY_KEY",
    "STATES_KEY",
    "OnnxFile",
    "StreamingOnnx",
    "check_model",
    "check_pairs",
    "find_states",
    "given_pairs",
    "load_onnx",
    "onnx_of",
    "parse_onnx",
    "read_onnx",
    "with_states",
]
