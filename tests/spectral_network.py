"""A small network of the shape of UL-UNAS: a spectrum in and out, one cache for all convolutions and one for all GRUs.

(1, F, 1, 2) -> log magnitudes -> a convolution over two frames with an affine PReLU -> attention over time from mean squares, and over
bins -> a transposed convolution over two frames -> sigmoid -> mask times spectrum.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from tests.quantize.onnx_models import make

BINS, CHANNELS, HALF, HIDDEN = 33, 4, 17, 6
HISTORIES = (BINS, CHANNELS * HALF)
node = helper.make_node


def spectral_model(seed: int = 0, **constants: np.ndarray) -> onnx.ModelProto:
    """With seeded random weights; `constants` take the place of those of their names."""
    rng = np.random.default_rng(seed)

    def normal(*shape: int, scale: float = 0.4) -> np.ndarray:
        return rng.normal(0, scale, shape)

    ends = np.cumsum([0, *HISTORIES]).tolist()
    values = {
        "floor": np.array(1e-12), "ln10": np.array([np.log(10.0)]), "two": np.array(2.0), "nothing": np.array(0.0),
        **{f"at{end}": np.array([end], np.int64) for end in (*ends, HIDDEN, 2 * HIDDEN, 1, 2**40)},
        "axis1": np.array([1], np.int64), "axis2": np.array([2], np.int64), "axis3": np.array([3], np.int64),
        "image": np.array([1, 1, 1, BINS], np.int64), "middle": np.array([1, CHANNELS, 1, HALF], np.int64),
        "time": np.array([1, 1, HIDDEN], np.int64), "flat": np.array([1, -1], np.int64),
        "w0": normal(CHANNELS, 1, 2, 3), "b0": normal(CHANNELS),
        "w": normal(1, CHANNELS, 1, HALF), "b": normal(1, CHANNELS, 1, HALF), "slope": normal(1, CHANNELS, 1, 1),
        **{f"{what}{i}": normal(*shape) for i in (0, 1) for what, shape in
           (("W", (1, 3 * HIDDEN, (CHANNELS, HALF)[i])), ("R", (1, 3 * HIDDEN, HIDDEN)), ("B", (1, 6 * HIDDEN)), ("V", (HIDDEN, (CHANNELS, HALF)[i])))},
        "rows": np.array([0, 0, 1, 0, 0, 0, 0, 0], np.int64), "last": np.array([-1], np.int64),
        "w1": normal(CHANNELS, 1, 2, 3), "b1": normal(1),
    }  # fmt: skip
    nodes = [
        node("Transpose", ["mix"], ["spec"], perm=[0, 3, 2, 1]),
        node("Mul", ["spec", "spec"], ["squares"]),
        node("ReduceSum", ["squares", "axis1"], ["power"], keepdims=1),
        node("Sqrt", ["power"], ["magnitude"]),
        node("Clip", ["magnitude", "floor"], ["clipped"]),
        node("Log", ["clipped"], ["natural"]),
        node("Div", ["natural", "ln10"], ["feat"]),
        *_cached("conv_cache", "past0", "image", ends[0], ends[1]),
        node("Concat", ["past0", "feat"], ["frames0"], axis=2),
        node("Slice", ["frames0", "at1", "at1099511627776", "axis2"], ["left0"]),
        node("Conv", ["frames0", "w0", "b0"], ["c0"], pads=[0, 1, 0, 1], strides=[1, 2]),
        *_affine_prelu("c0", "a0"),
        node("Pow", ["a0", "two"], ["energy"]),
        *_gate("energy", 0, [3], "tfa_cache", 0),
        *_gate("energy", 1, [1], "tfa_cache", HIDDEN),
        node("Mul", ["a0", "gate0"], ["m0"]),
        node("Mul", ["m0", "gate1"], ["m1"]),
        *_cached("conv_cache", "past1", "middle", ends[1], ends[2]),
        node("Concat", ["past1", "m1"], ["frames1"], axis=2),
        node("Slice", ["frames1", "at1", "at1099511627776", "axis2"], ["left1"]),
        node("Pad", ["frames1", "rows", "nothing"], ["padded"]),
        node("ConvTranspose", ["padded", "w1", "b1"], ["c1"], pads=[1, 1, 1, 1], strides=[1, 2]),
        node("Slice", ["c1", "last", "at1099511627776", "axis2"], ["c2"]),
        node("Sigmoid", ["c2"], ["m"]),
        node("Mul", ["spec", "m"], ["filtered"]),
        node("Transpose", ["filtered"], ["enh"], perm=[0, 3, 2, 1]),
        *(node("Reshape", [f"left{i}", "flat"], [f"flat{i}"]) for i in (0, 1)),
        *(node("Reshape", [f"state{i}", "flat"], [f"flat_state{i}"]) for i in (0, 1)),
        node("Concat", ["flat0", "flat1"], ["conv_cache_out"], axis=1),
        node("Concat", ["flat_state0", "flat_state1"], ["tfa_cache_out"], axis=1),
    ]
    spectrum, caches = (1, BINS, 1, 2), {"conv_cache": (1, sum(HISTORIES)), "tfa_cache": (1, 2 * HIDDEN)}
    given = {"mix": spectrum, **caches}
    made = {"enh": spectrum, **{f"{name}_out": shape for name, shape in caches.items()}}
    return make(nodes, given, made, values | constants)


def spectral_network(path: Path, seed: int = 0) -> Path:
    """`spectral_model` as a file; returns `path`."""
    onnx.save(spectral_model(seed), str(path))
    return path


def _cached(cache: str, name: str, shape: str, first: int, last: int) -> list[onnx.NodeProto]:
    return [
        node("Slice", [cache, f"at{first}", f"at{last}", "axis1"], [f"{name}/flat"]),
        node("Reshape", [f"{name}/flat", shape], [name]),
    ]


def _affine_prelu(x: str, out: str) -> list[onnx.NodeProto]:
    return [
        node("Mul", ["w", x], [f"{out}/scaled"]),
        node("Add", [f"{out}/scaled", "b"], [f"{out}/line"]),
        node("Greater", [x, "nothing"], [f"{out}/above"]),
        node("Mul", ["slope", x], [f"{out}/below"]),
        node("Where", [f"{out}/above", x, f"{out}/below"], [f"{out}/rectified"]),
        node("Add", [f"{out}/line", f"{out}/rectified"], [out]),
    ]


def _gate(energy: str, index: int, axes: list[int], cache: str, first: int) -> list[onnx.NodeProto]:
    """A GRU over the mean of an energy (1, C, 1, F) along one axis, and a gate along the other one."""
    kept = {3: "axis3", 1: "axis1"}[axes[0]]
    perm = [2, 0, 1] if axes == [3] else [0, 1, 2]
    back = [0, 2, 1]
    turned = (
        [node("Transpose", [f"v{index}"], [f"t{index}"], perm=back), node("Sigmoid", [f"t{index}"], [f"s{index}"])]
        if axes == [3]
        else [node("Sigmoid", [f"v{index}"], [f"s{index}"])]
    )
    return [
        node("ReduceMean", [energy, kept], [f"mean{index}"], keepdims=0),
        node("Transpose", [f"mean{index}"], [f"x{index}"], perm=perm),
        *_cached(cache, f"h{index}", "time", first, first + HIDDEN),
        node(
            "GRU",
            [f"x{index}", f"W{index}", f"R{index}", f"B{index}", "", f"h{index}"],
            ["", f"state{index}"],
            hidden_size=HIDDEN,
            linear_before_reset=1,
        ),
        node("MatMul", [f"state{index}", f"V{index}"], [f"v{index}"]),
        *turned,
        node("Unsqueeze", [f"s{index}", "axis3" if axes == [3] else "axis1"], [f"gate{index}"]),
    ]
