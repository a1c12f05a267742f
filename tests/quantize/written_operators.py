"""Small models of the operators that lowering makes of others: nodes, shape of x, shape of y, constants, and what x may be.

Each reads x and makes y. `both_signs` is False where the operator is of positive values only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper, numpy_helper

node = helper.make_node
RNG = np.random.default_rng(8)


@dataclass(frozen=True)
class Case:
    nodes: list[onnx.NodeProto]
    x: tuple[int, ...]
    y: tuple[int, ...]
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    both_signs: bool = True


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def real(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


def unary(kind: str, both_signs: bool = True, **attributes: object) -> Case:
    return Case([node(kind, ["x"], ["y"], **attributes)], (3, 7), (3, 7), {}, both_signs)


CURVES = {
    **{kind: unary(kind) for kind in ("Exp", "Erf", "Softplus", "Softsign", "Mish", "Gelu", "Elu", "Celu", "Selu")},
    **{kind: unary(kind) for kind in ("Sin", "Cos", "Atan", "Sinh", "Cosh")},
    **{kind: unary(kind, False) for kind in ("Log", "Sqrt", "Reciprocal")},
    "Gelu by tanh": unary("Gelu", approximate="tanh"),
    "Elu of another slope": unary("Elu", alpha=0.4),
    "Pow of a half": Case([node("Pow", ["x", "e"], ["y"])], (1, 6), (1, 6), {"e": np.array(0.5)}, False),
    "Pow of 0.3": Case([node("Pow", ["x", "e"], ["y"])], (1, 6), (1, 6), {"e": np.array([0.3])}, False),
    "Pow of -1.5": Case([node("Pow", ["x", "e"], ["y"])], (1, 6), (1, 6), {"e": np.array(-1.5)}, False),
    "SiLU": Case([node("Sigmoid", ["x"], ["s"]), node("Mul", ["x", "s"], ["y"])], (1, 6), (1, 6)),
}  # fmt: skip

LIMITS = {
    "Clip": Case([node("Clip", ["x", "l", "h"], ["y"])], (1, 6), (1, 6), {"l": np.array(-0.4), "h": np.array(0.9)}),
    "Clip from zero": Case([node("Clip", ["x", "l", "h"], ["y"])], (1, 6), (1, 6), {"l": np.array(0.0), "h": np.array(1.0)}),
    "Clip above alone": Case([node("Clip", ["x", "", "h"], ["y"])], (1, 6), (1, 6), {"h": np.array(0.5)}),
    "HardSigmoid": unary("HardSigmoid"),
    "HardSwish": unary("HardSwish"),
    "ThresholdedRelu": unary("ThresholdedRelu", alpha=0.5),
    "Abs": unary("Abs"),
    "Neg": unary("Neg"),
    "PRelu of many slopes": Case([node("PRelu", ["x", "s"], ["y"])], (1, 4, 3, 5), (1, 4, 3, 5), {"s": real(4, 1, 1)}),
    "Max": Case([node("Max", ["x", "c"], ["y"])], (1, 6), (1, 6), {"c": real(6)}),
    "Max of three": Case([node("Tanh", ["x"], ["t"]), node("Neg", ["x"], ["n"]), node("Max", ["x", "t", "n"], ["y"])], (1, 6), (1, 6)),
    "Min": Case([node("Min", ["c", "x"], ["y"])], (1, 6), (1, 6), {"c": real(6)}),
    "Where of a constant": Case([node("Neg", ["x"], ["n"]), node("Where", ["m", "x", "n"], ["y"])], (2, 4), (2, 4), {"m": np.array([True, False, False, True])}),
}  # fmt: skip

MASKS = {
    "Greater": Case([node("Greater", ["x", "c"], ["g"]), node("Where", ["g", "x", "c"], ["y"])], (1, 6), (1, 6), {"c": np.array(0.3)}),
    "Less, Not and And": Case([node("Less", ["x", "c"], ["a"]), node("GreaterOrEqual", ["x", "d"], ["b"]), node("And", ["a", "b"], ["i"]), node("Not", ["i"], ["o"]), node("Cast", ["o"], ["f"], to=1), node("Mul", ["f", "x"], ["y"])], (1, 6), (1, 6), {"c": np.array(0.6), "d": np.array(-0.6)}),
    "Or and LessOrEqual": Case([node("LessOrEqual", ["x", "c"], ["a"]), node("Greater", ["x", "d"], ["b"]), node("Or", ["a", "b"], ["i"]), node("Where", ["i", "x", "c"], ["y"])], (1, 6), (1, 6), {"c": np.array(-0.6), "d": np.array(0.6)}),
}  # fmt: skip


def reduced(kind: str, axes: tuple[int, ...], keep: int, y: tuple[int, ...], both_signs: bool = True) -> Case:
    return Case([node(kind, ["x", "a"], ["y"], keepdims=keep)], (2, 3, 5), y, {"a": ints(*axes)}, both_signs)


CHANNELS = {"g": real(4), "b": real(4)}
REDUCTIONS = {
    "ReduceSum": reduced("ReduceSum", (1,), 0, (2, 5)),
    "ReduceSum of all": Case([node("ReduceSum", ["x"], ["s"], keepdims=0), node("Tanh", ["s"], ["y"])], (2, 3), ()),
    "ReduceMax over the middle": reduced("ReduceMax", (1,), 1, (2, 1, 5)),
    "ReduceMax over axes apart": reduced("ReduceMax", (0, 2), 0, (3,)),
    "ReduceMin": reduced("ReduceMin", (-1,), 0, (2, 3)),
    "ReduceL1": reduced("ReduceL1", (0, 1), 0, (5,)),
    "ReduceL2": reduced("ReduceL2", (2,), 1, (2, 3, 1)),
    "ReduceSumSquare": reduced("ReduceSumSquare", (1, 2), 0, (2,)),
    "ReduceLogSumExp": reduced("ReduceLogSumExp", (2,), 0, (2, 3)),
    "GlobalAveragePool": Case([node("GlobalAveragePool", ["x"], ["y"])], (1, 4, 3, 5), (1, 4, 1, 1)),
    "GlobalMaxPool": Case([node("GlobalMaxPool", ["x"], ["y"])], (1, 4, 3, 5), (1, 4, 1, 1)),
    "MaxPool": Case([node("MaxPool", ["x"], ["y"], kernel_shape=[3], strides=[2], pads=[1, 1])], (1, 4, 9), (1, 4, 5)),
    "MaxPool of two axes": Case([node("MaxPool", ["x"], ["y"], kernel_shape=[2, 3], strides=[2, 1])], (1, 2, 4, 5), (1, 2, 2, 3)),
    "AveragePool": Case([node("AveragePool", ["x"], ["y"], kernel_shape=[1, 4], strides=[1, 4])], (1, 3, 2, 8), (1, 3, 2, 2)),
    "AveragePool with pads": Case([node("AveragePool", ["x"], ["y"], kernel_shape=[3], strides=[2], pads=[1, 1])], (1, 4, 9), (1, 4, 5)),
    "AveragePool that counts its pads": Case([node("AveragePool", ["x"], ["y"], kernel_shape=[3], pads=[1, 1], count_include_pad=1)], (1, 4, 6), (1, 4, 6)),
    "Softmax": Case([node("Softmax", ["x"], ["y"], axis=-1)], (3, 7), (3, 7)),
    "Softmax over rows": Case([node("Softmax", ["x"], ["y"], axis=1)], (2, 6, 3), (2, 6, 3)),
    "LogSoftmax": Case([node("LogSoftmax", ["x"], ["y"], axis=-1)], (3, 7), (3, 7)),
    "Div by an activation": Case([node("Tanh", ["x"], ["t"]), node("Exp", ["x"], ["e"]), node("Div", ["t", "e"], ["y"])], (1, 6), (1, 6)),
    "Div of one": Case([node("Exp", ["x"], ["e"]), node("Div", ["c", "e"], ["y"])], (1, 6), (1, 6), {"c": np.array(1.0)}),
    "LpNormalization": Case([node("LpNormalization", ["x"], ["y"], axis=-1, p=2)], (3, 7), (3, 7)),
}  # fmt: skip
NORMS = {
    "InstanceNormalization": Case([node("InstanceNormalization", ["x", "g", "b"], ["y"])], (1, 4, 3, 5), (1, 4, 3, 5), CHANNELS),
    "GroupNormalization": Case([node("GroupNormalization", ["x", "g", "b"], ["y"], num_groups=2)], (1, 4, 3, 5), (1, 4, 3, 5), {"g": real(2), "b": real(2)}),
    "LayerNormalization of each row": Case([node("LayerNormalization", ["x", "g", "b"], ["y"], axis=-1)], (1, 5, 4), (1, 5, 4), CHANNELS),
}  # fmt: skip
RMS = {
    "RMS norm": Case([node("Mul", ["x", "x"], ["s"]), node("ReduceMean", ["s", "a"], ["m"]), node("Add", ["m", "e"], ["v"]), node("Sqrt", ["v"], ["r"]), node("Div", ["x", "r"], ["n"]), node("Mul", ["n", "g"], ["y"])], (3, 8), (3, 8), {"a": ints(-1), "e": np.array(1e-3), "g": real(8)}),
}  # fmt: skip

PLACES = {
    "Gather of many": Case([node("Gather", ["x", "i"], ["y"], axis=2)], (1, 3, 6), (1, 3, 7), {"i": ints(0, 1, 2, 5, 3, 1, -1)}),
    "Gather of a table": Case([node("Gather", ["x", "i"], ["y"], axis=1)], (1, 6), (1, 2, 3), {"i": np.array([[0, 1, 2], [2, 3, 4]])}),
    "Gather of very many": Case([node("Gather", ["x", "i"], ["y"], axis=1)], (1, 40), (1, 60), {"i": np.random.default_rng(0).integers(0, 40, 60)}),
    "Resize to the nearest": Case([node("Resize", ["x", "", "s"], ["y"], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")], (1, 3, 2, 5), (1, 3, 2, 10), {"s": np.array([1, 1, 1, 2], np.float32)}),
    "Resize by lines": Case([node("Resize", ["x", "", "s"], ["y"], mode="linear")], (1, 3, 2, 5), (1, 3, 4, 10), {"s": np.array([1, 1, 2, 2], np.float32)}),
    "Resize to a size": Case([node("Resize", ["x", "", "", "s"], ["y"], mode="linear", coordinate_transformation_mode="align_corners")], (1, 3, 2, 5), (1, 3, 2, 8), {"s": ints(1, 3, 2, 8)}),
    "Pad by reflection": Case([node("Pad", ["x", "p"], ["y"], mode="reflect")], (1, 3, 6), (1, 3, 11), {"p": ints(0, 0, 3, 0, 0, 2)}),
    "Pad with edges": Case([node("Pad", ["x", "p"], ["y"], mode="edge")], (1, 3, 6), (1, 4, 8), {"p": ints(0, 1, 2, 0, 0, 0)}),
    "Pad with a number": Case([node("Pad", ["x", "p", "c"], ["y"])], (1, 3, 6), (1, 3, 9), {"p": ints(0, 0, 1, 0, 0, 2), "c": np.array(0.7)}),
    "Pad of named axes": Case([node("Pad", ["x", "p", "c", "a"], ["y"])], (1, 3, 6), (1, 3, 9), {"p": ints(1, 2), "c": np.array(0.0), "a": ints(-1)}),
    "Pad that cuts": Case([node("Pad", ["x", "p"], ["y"])], (1, 3, 6), (1, 3, 5), {"p": ints(0, 0, -2, 0, 0, 1)}),
    "Expand": Case([node("Expand", ["x", "s"], ["e"]), node("Tanh", ["e"], ["y"])], (1, 3, 1), (1, 3, 5), {"s": ints(1, 3, 5)}),
    "Tile": Case([node("Tile", ["x", "r"], ["y"])], (1, 3, 2), (1, 3, 6), {"r": ints(1, 1, 3)}),
}  # fmt: skip

PRODUCTS = {
    "MatMul of two activations": Case([node("Transpose", ["x"], ["t"], perm=[0, 2, 1]), node("MatMul", ["x", "t"], ["y"])], (2, 3, 5), (2, 3, 3)),
    "MatMul with one matrix for all": Case([node("ReduceMax", ["x", "a"], ["t"], keepdims=1), node("MatMul", ["x", "t"], ["y"])], (4, 5, 5), (4, 5, 5), {"a": ints(0)}),
    "MatMul from the left": Case([node("MatMul", ["w", "x"], ["y"])], (2, 4, 3), (2, 5, 3), {"w": real(5, 4)}),
    "MatMul of a row from the left": Case([node("MatMul", ["w", "x"], ["y"])], (2, 4, 3), (2, 3), {"w": real(4)}),
    "MatMul by many matrices": Case([node("MatMul", ["x", "w"], ["y"])], (4, 2, 3), (4, 2, 5), {"w": real(4, 3, 5)}),
    "MatMul by many matrices of the same rows": Case([node("MatMul", ["x", "w"], ["y"])], (1, 2, 3), (4, 2, 5), {"w": real(4, 3, 5)}),
    "Einsum of two activations": Case([node("Tanh", ["x"], ["t"]), node("Einsum", ["x", "t"], ["y"], equation="bct,bdt->bcd")], (2, 3, 5), (2, 3, 3)),
    "Einsum that multiplies": Case([node("ReduceMean", ["x", "a"], ["m"], keepdims=0), node("Einsum", ["x", "m"], ["y"], equation="bct,bt->bct")], (2, 3, 5), (2, 3, 5), {"a": ints(1)}),
    "Einsum of one": Case([node("Einsum", ["x"], ["y"], equation="bct->tb")], (2, 3, 5), (5, 2)),
    "Einsum that sums alone": Case([node("Einsum", ["x", "w"], ["y"], equation="bct,td->bd")], (2, 3, 5), (2, 4), {"w": real(5, 4)}),
    "Gemm of two activations": Case([node("Gemm", ["x", "x", "c"], ["y"], transB=1, alpha=0.5)], (3, 4), (3, 3), {"c": real(3)}),
    "Gemm turned": Case([node("Gemm", ["x", "w"], ["y"], transA=1)], (4, 3), (3, 5), {"w": real(4, 5)}),
    "ConvTranspose of one row": Case([node("ConvTranspose", ["x", "w", "b"], ["y"], strides=[1, 2], pads=[0, 1, 1, 1], output_padding=[0, 1])], (1, 3, 1, 5), (1, 2, 1, 10), {"w": real(3, 2, 2, 3), "b": real(2)}),
    "ConvTranspose to rows": Case([node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 1], pads=[0, 1, 0, 1])], (1, 3, 1, 5), (1, 2, 3, 5), {"w": real(3, 2, 3, 3)}),
    "ConvTranspose of rows": Case([node("ConvTranspose", ["x", "w", "b"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])], (1, 4, 3, 4), (1, 4, 6, 8), {"w": real(4, 2, 3, 3), "b": real(4)}),
}  # fmt: skip
PRODUCTS["ConvTranspose of rows"].nodes[0].attribute.append(helper.make_attribute("group", 2))

CASES: dict[str, Case] = {**CURVES, **LIMITS, **MASKS, **REDUCTIONS, **NORMS, **RMS, **PLACES, **PRODUCTS}


def model(names: list[str], opset: int = 20) -> onnx.ModelProto:
    """Cases side by side in one model: case `i` reads `xi` and makes `yi`; positive values only where it wants them, as |x| + 0.05."""
    nodes, inputs, outputs, constants = [], [], [], []
    for index, name in enumerate(names):
        case = CASES[name]
        made = {inner for one in case.nodes for inner in one.output}

        def renamed(inner: str, index: int = index, made: set[str] = made) -> str:
            return f"{inner}{index}" if inner else ""

        for one in case.nodes:
            copy = onnx.NodeProto()
            copy.CopyFrom(one)
            copy.input[:] = [renamed(inner) for inner in one.input]
            copy.output[:] = [renamed(inner) for inner in one.output]
            nodes.append(copy)
        constants += [
            numpy_helper.from_array(np.asarray(a, None if np.asarray(a).dtype.kind in "ib" else np.float32), renamed(n))
            for n, a in case.constants.items()
        ]
        inputs.append(helper.make_tensor_value_info(f"x{index}", onnx.TensorProto.FLOAT, case.x))
        outputs.append(helper.make_tensor_value_info(f"y{index}", onnx.TensorProto.FLOAT, case.y))
    graph = helper.make_graph(nodes, "test", inputs, outputs, constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def frames(names: list[str], count: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Frames of all cases (count, *shape) float32."""
    rng = np.random.default_rng(seed)
    given = {}
    for index, name in enumerate(names):
        values = rng.normal(0, 1, (count, *CASES[name].x))
        given[f"x{index}"] = (values if CASES[name].both_signs else np.abs(values) + 0.05).astype(np.float32)
    return given
