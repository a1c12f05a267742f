"""What regions are composed of: role of the result -> kind of the operator, roles of its operands that are no constants.

A convolution over one value (CONV_2D of 1 x 1) may stand for a FULLY_CONNECTED.
"""

from __future__ import annotations

from collections.abc import Mapping

Composition = Mapping[str, tuple[str, tuple[str, ...]]]

# The gates of a GRU cell, of both dtypes.
GATES: Composition = {
    "xr": ("FULLY_CONNECTED", ("x",)),
    "xz": ("FULLY_CONNECTED", ("x",)),
    "xn": ("FULLY_CONNECTED", ("x",)),
    "hr": ("FULLY_CONNECTED", ("h",)),
    "hz": ("FULLY_CONNECTED", ("h",)),
    "hn": ("FULLY_CONNECTED", ("h",)),
    "ar": ("ADD", ("xr", "hr")),
    "r": ("LOGISTIC", ("ar",)),
    "az": ("ADD", ("xz", "hz")),
    "z": ("LOGISTIC", ("az",)),
    "rhn": ("MUL", ("r", "hn")),
    "an": ("ADD", ("xn", "rhn")),
    "n": ("TANH", ("an",)),
}
# By the dtype of the state: int8 makes it as `quantize/int8_states.py` says.
GRU_CELLS: Mapping[str, Composition] = {
    "int8": {
        **GATES,
        "zn": ("MUL", ("z", "n")),
        "fresh": ("SUB", ("n", "zn")),
        "zh": ("MUL", ("z", "h")),
        "h_out": ("ADD", ("fresh", "zh")),
    },
    "int16": {
        **GATES,
        "d": ("SUB", ("h", "n")),
        "zd": ("MUL", ("z", "d")),
        "h_out": ("ADD", ("n", "zd")),
    },
}
LAYER_NORM: Composition = {
    "minus_mean": ("FULLY_CONNECTED", ("x",)),
    "c": ("ADD", ("x", "minus_mean")),
    "positive": ("RELU", ("c",)),
    "m": ("FULLY_CONNECTED", ("positive",)),
    "octaves": ("MUL", ("m",)),
    "steps": ("TANH", ("octaves",)),
    "weighted": ("MUL", ("steps",)),
    "g": ("FULLY_CONNECTED", ("weighted",)),
    "c1": ("MUL", ("c", "g")),
    "v": ("BATCH_MATMUL", ("c1", "c1")),
    "g_eps": ("FULLY_CONNECTED", ("g",)),
    "eps": ("MUL", ("g_eps", "g_eps")),
    "v1": ("ADD", ("v", "eps")),
    "v_octaves": ("MUL", ("v1",)),
    "v_steps": ("TANH", ("v_octaves",)),
    "y0": ("FULLY_CONNECTED", ("v_steps",)),
    "deviation": ("MUL", ("v1", "y0")),
    "one": ("MUL", ("deviation", "y0")),
    "correction": ("FULLY_CONNECTED", ("one",)),
    "y": ("MUL", ("y0", "correction")),
    "normalised": ("MUL", ("c1", "y")),
    "scaled": ("MUL", ("normalised",)),
    "out": ("ADD", ("scaled",)),
}
ENERGY: Composition = {
    "turned": ("TRANSPOSE", ("x",)),
    "vectors": ("RESHAPE", ("turned",)),
    "sums": ("BATCH_MATMUL", ("vectors", "vectors")),
    "out": ("RESHAPE", ("sums",)),
}
