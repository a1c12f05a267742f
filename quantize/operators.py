"""The operators of the integer graph, each with everything that stands for it: the one table that all floors read.

A new operator is a row here, a lowering (`quantize/lowering`), its parameters (`quantize/prepare`) where none of the others
are its own, and a kernel in Python (`firmware_sim/kernels`) and in C (`export/runtime`). `tests/test_operators.py` asks for what is missing.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """What stands for one TensorFlow Lite builtin.

    `lowered`: the ONNX operators that become it outside regions; none where regions, formats or a .tflite alone have it.
    `prepare`: FILE.FUNCTION in `quantize/prepare`: its parameters.
    `proof`: its bounds in `quantize/proof.py`; "" where there are none, and `because` says why.
    `kernel`: FILE.FUNCTION in `firmware_sim/kernels`; `operands`: first and end of the inputs that it reads; the others are in the
    parameters.
    `form`: how `export/c/statements.py` calls `c`, the kernels `stapes_*` of C; none where nothing is to be computed.
    `versions`: its version in a .tflite by the dtype of its first output, the lowest that has every form written here
    (source: `GetBuiltinOperatorVersion` of TensorFlow Lite); `options`: its option table there.
    `float_node`: the ONNX operator with the same inputs by which calibration runs it; "" where `quantize/float_onnx.py` says how.
    `moves`: the input whose values it moves without changing any; None for another operator, -1 for all of them.
    """

    prepare: str
    kernel: str
    form: str
    c: tuple[str, ...]
    versions: Mapping[str, int]
    lowered: tuple[str, ...] = ()
    proof: str = ""
    because: str = ""
    operands: tuple[int, int | None] = (0, 1)
    options: str | None = None
    float_node: str = ""
    moves: int | None = None

    @property
    def stem(self) -> str:
        """The name of its kernels in C without `stapes_` and dtype."""
        return self.c[0].rpartition("_")[0]


_TWO, _ALL = (0, 2), (0, None)
_SINGLE = "no sum; a shift of one value wraps as in TFLite Micro"
_LOOKS_UP = "a table"
_MOVES = "values move"


def _both(name: str) -> tuple[str, ...]:
    return f"{name}_s8", f"{name}_s16"


_COPIES = (*_both("copy"), "copy_s32")

OPERATORS: Mapping[str, Entry] = {
    # ---- products
    "FULLY_CONNECTED": Entry(
        prepare="linear.prepare_fully_connected",
        kernel="fully_connected.fully_connected",
        form="product",
        c=(*_both("fully_connected"), "positions_s16", "windows_s16"),
        versions={"int8": 6, "int16": 7},
        lowered=("Gemm", "MatMul", "Einsum"),
        proof="product",
        options="FullyConnectedOptions",
    ),
    "CONV_2D": Entry(
        prepare="linear.prepare_conv_2d",
        kernel="conv_2d.conv_2d",
        form="product",
        c=(*_both("conv_2d"), *_both("fully_connected"), "positions_s16", "windows_s16"),
        versions={"int8": 6, "int16": 6},
        lowered=("Conv", "ConvTranspose", "Einsum"),
        proof="product",
        options="Conv2DOptions",
    ),
    "DEPTHWISE_CONV_2D": Entry(
        prepare="linear.prepare_depthwise_conv_2d",
        kernel="depthwise_conv_2d.depthwise_conv_2d",
        form="depthwise",
        c=_both("depthwise_conv_2d"),
        versions={"int8": 3, "int16": 5},
        lowered=("Conv",),
        proof="product",
        options="DepthwiseConv2DOptions",
    ),
    "BATCH_MATMUL": Entry(
        prepare="batch_matmul.prepare_batch_matmul",
        kernel="batch_matmul.batch_matmul",
        form="batch_matmul",
        c=("batch_matmul_s16",),
        versions={"int16": 3},
        lowered=("MatMul",),
        proof="batch_matmul",
        operands=_TWO,
        options="BatchMatMulOptions",
    ),
    # ---- element by element, of two operands
    "ADD": Entry(
        prepare="elementwise.prepare_add",
        kernel="add.add",
        form="two_operands",
        c=_both("add"),
        versions={"int8": 2, "int16": 3},
        lowered=("Add",),
        proof="sum",
        operands=_TWO,
        options="AddOptions",
        float_node="Add",
    ),
    "SUB": Entry(
        prepare="elementwise.prepare_add",
        kernel="add.add",
        form="two_operands",
        c=_both("add"),
        versions={"int8": 2, "int16": 5},
        lowered=("Sub",),
        proof="sum",
        operands=_TWO,
        options="SubOptions",
        float_node="Sub",
    ),
    "MUL": Entry(
        prepare="elementwise.prepare_mul",
        kernel="mul.mul",
        form="two_operands",
        c=_both("mul"),
        versions={"int8": 3, "int16": 4},
        lowered=("Mul", "Div", "Pow"),
        proof="mul",
        operands=_TWO,
        options="MulOptions",
        float_node="Mul",
    ),
    # ---- element by element, of one operand
    "QUANTIZE": Entry(
        prepare="elementwise.prepare_quantize",
        kernel="quantize.quantize",
        form="quantize",
        c=tuple(
            f"quantize_{a}_{b}" for a in ("s8", "s16", "s32") for b in ("s8", "s16", "s32") if (a, b) != ("s32", "s32")
        ),
        versions={"int8": 1, "int16": 2, "int32": 1},
        because=_SINGLE,
        options="QuantizeOptions",
    ),
    "RELU": Entry(
        prepare="elementwise.prepare_relu",
        kernel="relu.relu",
        form="one_operand",
        c=_both("relu"),
        versions={"int8": 2, "int16": 3},
        lowered=("Relu",),
        because=_SINGLE,
        float_node="Relu",
    ),
    "LEAKY_RELU": Entry(
        prepare="elementwise.prepare_leaky_relu",
        kernel="leaky_relu.leaky_relu",
        form="one_operand",
        c=_both("leaky_relu"),
        versions={"int8": 1, "int16": 2},
        lowered=("LeakyRelu", "PRelu"),
        because=_SINGLE,
        options="LeakyReluOptions",
    ),
    "ABS": Entry(
        prepare="elementwise.prepare_abs",
        kernel="abs.absolute",
        form="one_operand",
        c=_both("abs"),
        versions={"int8": 2, "int16": 3},
        because=_SINGLE,
        lowered=("Abs",),
        options="AbsOptions",
        float_node="Abs",
    ),
    "LOGISTIC": Entry(
        prepare="lookup.prepare_lookup",
        kernel="sigmoid.lookup",
        form="lookup",
        c=("lut_s8", "sigmoid_s16"),
        versions={"int8": 2, "int16": 3},
        lowered=("Sigmoid",),
        because=_LOOKS_UP,
        float_node="Sigmoid",
    ),
    "TANH": Entry(
        prepare="lookup.prepare_lookup",
        kernel="sigmoid.lookup",
        form="lookup",
        c=("lut_s8", "sigmoid_s16"),
        versions={"int8": 2, "int16": 3},
        lowered=("Tanh",),
        because=_LOOKS_UP,
        float_node="Tanh",
    ),
    "GATHER": Entry(
        prepare="gather.prepare_gather",
        kernel="gather.gather",
        form="gather",
        c=("gather_s8",),
        versions={"int8": 2},
        proof="positions",
        operands=(1, 2),
        options="GatherOptions",
    ),
    # ---- of several values one
    "MEAN": Entry(
        prepare="reduce.prepare_mean",
        kernel="mean.mean",
        form="mean",
        c=_both("mean"),
        versions={"int8": 2, "int16": 3},
        lowered=("ReduceMean", "ReduceSum"),
        because="refused where its sum could leave 32 bits",
        options="ReducerOptions",
    ),
    "MAX_POOL_2D": Entry(
        prepare="reduce.prepare_max_pool",
        kernel="max_pool.max_pool",
        form="max_pool",
        c=_both("max_pool"),
        versions={"int8": 2, "int16": 3},
        lowered=("MaxPool", "ReduceMax"),
        because="the largest value is one of them",
        options="Pool2DOptions",
    ),
    # ---- copies
    "RESHAPE": Entry(
        prepare="copies.prepare_reshape",
        kernel="copies.reshape",
        form="",
        c=(),
        versions={"int8": 1, "int16": 1, "int32": 1},
        lowered=("Reshape", "Flatten"),
        because=_MOVES,
        options="ReshapeOptions",
        moves=0,
    ),
    "TRANSPOSE": Entry(
        prepare="copies.prepare_transpose",
        kernel="copies.transpose",
        form="transpose",
        c=_COPIES,
        versions={"int8": 2, "int16": 5},
        lowered=("Transpose",),
        because=_MOVES,
        options="TransposeOptions",
        moves=0,
    ),
    "SLICE": Entry(
        prepare="copies.prepare_slice",
        kernel="copies.strided_slice",
        form="slice",
        c=_COPIES,
        versions={"int8": 2, "int16": 4, "int32": 1},
        because=_MOVES,
        options="SliceOptions",
        moves=0,
    ),
    "STRIDED_SLICE": Entry(
        prepare="copies.prepare_strided_slice",
        kernel="copies.strided_slice",
        form="slice",
        c=_COPIES,
        versions={"int8": 2, "int16": 1, "int32": 1},
        lowered=("Slice", "Gather", "Split"),
        because=_MOVES,
        options="StridedSliceOptions",
        moves=0,
    ),
    "SPLIT": Entry(
        prepare="copies.prepare_split",
        kernel="copies.split",
        form="split",
        c=_COPIES,
        versions={"int8": 2, "int16": 4, "int32": 3},
        because=_MOVES,
        operands=(1, 2),
        options="SplitOptions",
        moves=1,
    ),
    "CONCATENATION": Entry(
        prepare="copies.prepare_concatenation",
        kernel="copies.concatenation",
        form="concatenation",
        c=_COPIES,
        versions={"int8": 2, "int16": 3, "int32": 1},
        lowered=("Concat",),
        because=_MOVES,
        operands=_ALL,
        options="ConcatenationOptions",
        moves=-1,
    ),
    "PAD": Entry(
        prepare="copies.prepare_pad",
        kernel="copies.pad",
        form="pad",
        c=(*_COPIES, *_both("fill"), "fill_s32"),
        versions={"int8": 2, "int16": 3, "int32": 1},
        lowered=("Pad",),
        because=_MOVES,
        options="PadOptions",
        moves=0,
    ),
}
# ONNX operators that vanish; others become regions (`quantize/regions`).
VANISH = ("BatchNormalization", "Squeeze", "Unsqueeze", "Identity", "Dropout")


def implementation(package: str, where: str) -> Callable[..., Any]:
    """The function FILE.FUNCTION of a package, as the table names it."""
    module, _, name = where.rpartition(".")
    found: Callable[..., Any] = getattr(importlib.import_module(f".{module}", package), name)
    return found
