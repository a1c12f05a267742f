"""Dense layers as nodes of an ONNX graph, those that have to be exact as two products of 8 bits.

y = after(W x + b);  W = coarse + rest: coarse has the 8 bits that a row has in integers, rest is what is left, with 8 bits of its own
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper


def coarse_part(weight: np.ndarray) -> np.ndarray:
    """Weights (rows, columns) at the 8 bits that a row has in integers: what is left goes into a second product."""
    step = np.abs(weight).max(axis=1, keepdims=True) / 127.0
    step[step == 0.0] = 1.0
    made: np.ndarray = np.round(weight / step) * step
    return made


class DenseGraph:
    """Nodes and constants of dense layers, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def layer(
        self,
        given: str,
        name: str,
        weight: np.ndarray,
        bias: np.ndarray,
        made: str,
        after: str = "",
        fine: bool = True,
    ) -> str:
        """Tensor `given` (1, columns) -> `made` (1, rows), whose name comes back.

        `weight` (rows, columns) and `bias` (rows,) float64, stored as float32; `after` is an operator of one value, none where it is empty; a `fine`
        layer is two products and their sum.
        """
        inner = f"{made}_sum" if after else made
        if fine:
            coarse = coarse_part(weight)
            parts = [
                self._product(given, f"{name}.coarse", coarse, bias, f"{made}_coarse"),
                self._product(given, f"{name}.rest", weight - coarse, np.zeros_like(bias), f"{made}_rest"),
            ]
            self.nodes.append(helper.make_node("Add", parts, [inner]))
        else:
            self._product(given, name, weight, bias, inner)
        if after:
            self.nodes.append(helper.make_node(after, [inner], [made]))
        return made

    def _product(self, given: str, name: str, weight: np.ndarray, bias: np.ndarray, made: str) -> str:
        names = [f"{name}.weight", f"{name}.bias"]
        self.constants += [
            numpy_helper.from_array(value.astype(np.float32), called)
            for called, value in zip(names, (weight, bias), strict=True)
        ]
        self.nodes.append(helper.make_node("Gemm", [given, *names], [made], transB=1))
        return made
