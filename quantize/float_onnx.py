"""The lowered float graph back to ONNX, one to four nodes an operator, so that onnxruntime can show every tensor of it."""

from __future__ import annotations

import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from ..models.errors import StapesError
from .float_graph import CURVE, FloatGraph
from .graph import Graph, Operator
from .operators import OPERATORS

_TO_NCHW, _TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]


def nodes_of(graph: FloatGraph | Graph, op: Operator) -> list[NodeProto]:
    """One operator as ONNX nodes (opset 20)."""
    (out,) = op.outputs[:1]
    ins = list(op.inputs)
    relu = op.options.get("fused_activation_function") == "RELU"
    target = f"{out}::linear" if relu else out
    tail = [helper.make_node("Relu", [target], [out])] if relu else []
    if op.kind == "FULLY_CONNECTED":
        return [helper.make_node("Gemm", [name for name in ins if name], [target], transB=1), *tail]
    if op.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        return [*_convolution(graph, op, target), *tail]
    if op.kind == "BATCH_MATMUL":
        rank = len(graph.tensors[ins[1]].shape)
        swapped = [*range(rank - 2), rank - 1, rank - 2]
        turned = helper.make_node("Transpose", [ins[1]], [f"{out}::turned"], perm=swapped)
        return [turned, helper.make_node("MatMul", [ins[0], f"{out}::turned"], [out])]
    if op.kind == CURVE:
        return _curve(op)
    if OPERATORS[op.kind].float_node:
        return [helper.make_node(OPERATORS[op.kind].float_node, ins, [target]), *tail]
    if op.kind == "LEAKY_RELU":
        return [helper.make_node("LeakyRelu", ins, [out], alpha=float(op.options["alpha"]))]
    if op.kind == "MEAN":
        axes = graph.tensors[ins[1]].data.tolist()  # type: ignore[union-attr]
        constant = helper.make_node("Constant", [], [f"{out}::axes"], value_ints=axes)
        return [constant, helper.make_node("ReduceMean", [ins[0], f"{out}::axes"], [out], keepdims=1)]
    if op.kind == "MAX_POOL_2D":
        return _max_pool(op)
    return _copy(graph, op)


def _max_pool(op: Operator) -> list[NodeProto]:
    (x,), (out,), options = op.inputs, op.outputs, op.options
    kernel, strides = (
        [options[f"{what}_{end}"] for end in ends] for what, ends in (("filter", ("height", "width")), ("stride", "hw"))
    )
    return [
        helper.make_node("Transpose", [x], [f"{out}::nchw"], perm=_TO_NCHW),
        helper.make_node("MaxPool", [f"{out}::nchw"], [f"{out}::made"], kernel_shape=kernel, strides=strides),
        helper.make_node("Transpose", [f"{out}::made"], [out], perm=_TO_NHWC),
    ]


def _curve(op: Operator) -> list[NodeProto]:
    """A function of one value by its ONNX operator."""
    (x,), (out,), settings = op.inputs, op.outputs, dict(op.options["settings"])
    name = op.options["function"]
    if name == "Step":
        zero = helper.make_node("Constant", [], [f"{out}::zero"], value_float=0.0)
        above = helper.make_node("Greater", [x, f"{out}::zero"], [f"{out}::above"])
        return [zero, above, helper.make_node("Cast", [f"{out}::above"], [out], to=TensorProto.FLOAT)]
    if name == "Pow":
        constant = helper.make_node("Constant", [], [f"{out}::exponent"], value_float=settings["exponent"])
        return [constant, helper.make_node("Pow", [x, f"{out}::exponent"], [out])]
    return [helper.make_node(name, [x], [out], **settings)]


def _convolution(graph: FloatGraph | Graph, op: Operator, target: str) -> list[NodeProto]:
    """NHWC in TensorFlow Lite, NCHW in ONNX; SAME is SAME_UPPER."""
    x, weights, bias = op.inputs
    depthwise = op.kind == "DEPTHWISE_CONV_2D"
    channels = graph.tensors[x].shape[3]
    groups = channels if depthwise else channels // graph.tensors[weights].shape[3]
    names = [f"{target}::nchw", f"{target}::kernel", bias]
    kernel = [3, 0, 1, 2] if depthwise else _TO_NCHW
    options = op.options
    return [
        helper.make_node("Transpose", [x], names[:1], perm=_TO_NCHW),
        helper.make_node("Transpose", [weights], names[1:2], perm=kernel),
        helper.make_node(
            "Conv",
            names,
            [f"{target}::made"],
            strides=[options["stride_h"], options["stride_w"]],
            dilations=[options["dilation_h_factor"], options["dilation_w_factor"]],
            auto_pad="SAME_UPPER" if options["padding"] == "SAME" else "VALID",
            group=groups,
        ),
        helper.make_node("Transpose", [f"{target}::made"], [target], perm=_TO_NHWC),
    ]


def _copy(graph: FloatGraph | Graph, op: Operator) -> list[NodeProto]:
    """Operators that move values."""
    (out,) = op.outputs[:1]
    ins = list(op.inputs)
    if op.kind == "CONCATENATION":
        return [helper.make_node("Concat", ins, [out], axis=op.options["axis"])]
    if op.kind == "TRANSPOSE":
        return [helper.make_node("Transpose", ins[:1], [out], perm=graph.tensors[ins[1]].data.tolist())]  # type: ignore[union-attr]
    if op.kind == "RESHAPE":
        return [helper.make_node("Reshape", [ins[0], f"{ins[1]}::int64"], [out])]
    if op.kind == "SPLIT":
        axis = int(graph.tensors[ins[0]].data[0])  # type: ignore[index]
        return [helper.make_node("Split", ins[1:], list(op.outputs), axis=axis, num_outputs=len(op.outputs))]
    if op.kind == "PAD":
        # TensorFlow Lite pairs the amounts by axis, ONNX lists all before all.
        amounts = graph.tensors[ins[1]].data.T.ravel().tolist()  # type: ignore[union-attr]
        pads = helper.make_node("Constant", [], [f"{out}::pads"], value_ints=amounts)
        return [pads, helper.make_node("Pad", [ins[0], f"{out}::pads"], [out])]
    if op.kind == "STRIDED_SLICE":
        rank = len(graph.tensors[ins[0]].shape)
        axes = helper.make_node("Constant", [], [f"{out}::axes"], value_ints=list(range(rank)))
        begin, end, stride = (f"{n}::int64" for n in ins[1:4])
        return [axes, helper.make_node("Slice", [ins[0], begin, end, f"{out}::axes", stride], [out])]
    layer = getattr(graph.tensors[out], "layer", "") or out
    raise StapesError(f"{layer}: lowered to {op.kind}, which cannot be run in float; please report the model")


def _exact_root(graph: FloatGraph, op: Operator) -> list[NodeProto]:
    """1 / sqrt(v1) of a LayerNorm, where its operators come near to it; none for other operators."""
    for region in graph.regions:
        if region.kind == "layer_norm" and op.outputs[0] == region.roles["y"]:
            (out,), root = op.outputs, f"{op.outputs[0]}::root"
            return [
                helper.make_node("Sqrt", [region.roles["v1"]], [root]),
                helper.make_node("Reciprocal", [root], [out]),
            ]
    return []


def to_onnx(graph: FloatGraph, exact: bool = False) -> onnx.ModelProto:
    """The graph as ONNX with every activation as an output, for onnxruntime (float32).

    `exact`: a LayerNorm divides by the root itself, not by what its operators make of it.
    """
    nodes = [node for op in graph.operators for node in ((exact and _exact_root(graph, op)) or nodes_of(graph, op))]
    constants = []
    for tensor in graph.tensors.values():
        if tensor.data is None:
            continue
        if tensor.data.dtype.kind == "i":
            constants.append(numpy_helper.from_array(tensor.data.astype("int64"), f"{tensor.name}::int64"))
        else:
            constants.append(numpy_helper.from_array(tensor.data.astype("float32"), tensor.name))
    given = [*graph.inputs, *(state.input for state in graph.states)]
    made = [out for op in graph.operators for out in op.outputs]
    info = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, graph.tensors[name].shape) for name in given + made
    }
    body = helper.make_graph(nodes, graph.name, [info[n] for n in given], [info[n] for n in made], constants)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return model
