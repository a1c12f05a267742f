"""A GRU cell as an integer graph, written by hand in the composition that the fused kernels are held to."""

from __future__ import annotations

import numpy as np
from stapes.quantize.graph import Graph, Operator, Region, State, Tensor

NONE = {"fused_activation_function": "NONE"}

# Scales of the tensors inside a cell: (exponent of two, zero point).
INNER = {
    "int8": {"gate": (-8, -128), "value": (-7, 0), "sum": (-5, 0)},
    "int16": {"gate": (-15, 0), "value": (-15, 0), "difference": (-14, 0), "sum": (-12, 0)},
}


def _pot(exponent: int) -> np.ndarray:
    return np.array([2.0**exponent], np.float32)


def gru_graph(
    dtype: str, inputs: int = 65, size: int = 128, seed: int = 0, per_channel: bool = True, rows: int = 1
) -> Graph:
    """One GRU cell (linear_before_reset) with random weights: input x (rows, inputs), output and state h (rows, size)."""
    rng = np.random.default_rng(seed)
    inner = INNER[dtype]
    kinds = {
        **dict.fromkeys(("xr", "xz", "xn", "hr", "hz", "hn", "ar", "az", "rhn", "an"), "sum"),
        **dict.fromkeys(("r", "z"), "gate"),
        **dict.fromkeys(("n", "h", "h_out"), "value"),
        **(
            dict.fromkeys(("zn", "fresh", "zh"), "value")
            if dtype == "int8"
            else dict.fromkeys(("d", "zd"), "difference")
        ),
    }
    tensors = {
        name: Tensor(name, (rows, size), dtype, _pot(inner[kind][0]), inner[kind][1]) for name, kind in kinds.items()
    }
    x_zero_point = 0 if dtype == "int16" else -11
    x_scale = np.array([3.7 / (128 if dtype == "int8" else 32768)], np.float32)
    tensors["x"] = Tensor("x", (rows, inputs), dtype, x_scale, x_zero_point)
    operators = []

    def add(kind: str, output: str, *operands: str) -> None:
        options = {**NONE, "pot_scale_int16": False} if kind in ("ADD", "SUB") else dict(NONE)
        options = {} if kind in ("LOGISTIC", "TANH") else options
        operators.append(Operator(kind, f"cell/{output}", operands, (output,), options, "cell"))

    for gate in "rzn":
        for source, depth in (("x", inputs), ("h", size)):
            real = rng.uniform(-2.0, 2.0, (size, depth)) / np.sqrt(depth)
            largest = np.abs(real).max(axis=1 if per_channel else None).reshape(-1)
            scale = np.asarray(largest / 127, np.float32)
            data = np.clip(np.round(real / scale.reshape(-1, 1)), -127, 127).astype(np.int8)
            weights, bias = f"{source}{gate}/weights", f"{source}{gate}/bias"
            tensors[weights] = Tensor(weights, data.shape, "int8", scale, 0, 0 if per_channel else None, data)
            bias_scale = (scale * tensors[source].scale[0]).astype(np.float32)
            values = np.round(rng.uniform(-0.3, 0.3, size) / bias_scale.astype(np.float64))
            wide = "int64" if dtype == "int16" else "int32"
            axis = 0 if per_channel else None
            tensors[bias] = Tensor(bias, (size,), wide, bias_scale, 0, axis, values.astype(wide))
            add("FULLY_CONNECTED", f"{source}{gate}", source, weights, bias)
    add("ADD", "ar", "xr", "hr")
    add("LOGISTIC", "r", "ar")
    add("ADD", "az", "xz", "hz")
    add("LOGISTIC", "z", "az")
    add("MUL", "rhn", "r", "hn")
    add("ADD", "an", "xn", "rhn")
    add("TANH", "n", "an")
    if dtype == "int8":
        add("MUL", "zn", "z", "n")
        add("SUB", "fresh", "n", "zn")
        add("MUL", "zh", "z", "h")
        add("ADD", "h_out", "fresh", "zh")
    else:
        add("SUB", "d", "h", "n")
        add("MUL", "zd", "z", "d")
        add("ADD", "h_out", "n", "zd")
    roles = {name: name for name in ("x", *kinds)}
    return Graph(
        name=f"gru {dtype}",
        tensors=tensors,
        operators=tuple(operators),
        inputs=("x",),
        outputs=("h_out",),
        states=(State("h", "h_out"),),
        regions=(Region("cell", "gru", roles),),
    )


def random_frames(graph: Graph, frames: int, batch: int, seed: int) -> np.ndarray:
    """Inputs of a graph over time, int64 (T, B, rows, inputs): noise whose level wanders from silence to saturation."""
    rng = np.random.default_rng(seed)
    tensor = graph.tensors["x"]
    low, high = tensor.limits
    level = np.abs(np.cumsum(rng.normal(0, 0.1, (frames, batch, 1, 1)), axis=0)) * high
    values = np.round(rng.normal(tensor.zero_point, 1, (frames, batch, *tensor.shape)) * level)
    return np.clip(values, low, high).astype(np.int64)
