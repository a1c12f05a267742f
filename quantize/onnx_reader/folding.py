"""Everything that no input decides becomes a constant, whatever its size and whoever wrote the file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import numpy_helper

from .shapes import CONTROL_FLOW, MOST_VALUES, free_inputs, known_shapes, quiet_session
from .wiring import reached_from, read_by

if TYPE_CHECKING:
    from onnxscript import ir

_RANDOM = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial")

# What onnxscript takes for 0 or 1; it is 1e-8 for 0.
_TAKEN_FOR_WHOLE = 1e-4


def fold(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its functions inlined and its constants folded; raises whatever onnx or onnxscript stumble on.

    What onnxscript leaves (it keeps DequantizeLinear, and operators of other domains) onnxruntime computes.
    """
    folded = _optimised(model)
    if _fold_the_rest(folded):
        folded = _optimised(folded)
    return folded


def _optimised(model: onnx.ModelProto) -> onnx.ModelProto:
    aside = _nearly_nothing(model.graph)
    if not aside:
        return _by_onnxscript(model)
    hidden = onnx.ModelProto()
    hidden.CopyFrom(model)
    graph = hidden.graph
    for values in (graph.initializer, graph.node):
        kept = [item for item in values if _constant_name(item) not in aside]
        copies = [type(item).FromString(item.SerializeToString()) for item in kept]
        del values[:]
        values.extend(copies)
    graph.input.extend(onnx.helper.make_tensor_value_info(name, tensor.data_type, []) for name, tensor in aside.items())
    folded = _by_onnxscript(hidden)
    given = [value for value in folded.graph.input if value.name not in aside]
    inputs = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in given]
    del folded.graph.input[:]
    folded.graph.input.extend(inputs)
    read = {name for node in folded.graph.node for name in read_by(node)}
    for name, tensor in aside.items():
        if name in read:
            folded.graph.initializer.add().CopyFrom(tensor)
            folded.graph.initializer[-1].name = name
    return folded


def _nearly_nothing(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Single numbers so near to 0 or 1 that onnxscript takes what adds them, or multiplies by them, for nothing: an epsilon of 1e-8."""
    found = {}
    tensors = [(tensor.name, tensor) for tensor in graph.initializer]
    tensors += [
        (node.output[0], node.attribute[0].t)
        for node in graph.node
        if node.op_type == "Constant" and len(node.attribute) == 1 and node.attribute[0].name == "value"
    ]
    known = {value.name for value in graph.input} | {value.name for value in graph.output}
    for name, tensor in tensors:
        if tensor.dims or tensor.data_type != onnx.TensorProto.FLOAT or name in known:
            continue
        number = float(numpy_helper.to_array(tensor))
        if any(number != whole and abs(number - whole) <= _TAKEN_FOR_WHOLE for whole in (0.0, 1.0)):
            found[name] = tensor
    return found


def _constant_name(item: onnx.NodeProto | onnx.TensorProto) -> str:
    if isinstance(item, onnx.TensorProto):
        return str(item.name)
    return str(item.output[0]) if item.op_type == "Constant" else ""


def _by_onnxscript(model: onnx.ModelProto) -> onnx.ModelProto:
    # Half a second of imports, for those alone who read a file.
    from onnxscript import ir
    from onnxscript.optimizer import optimize_ir

    # The size limits of onnxscript are for files that are to stay small; here a matrix may well be turned around.
    inner = ir.serde.deserialize_model(model)
    optimize_ir(inner, input_size_limit=MOST_VALUES, output_size_limit=MOST_VALUES, should_fold=_worth_folding)
    return ir.serde.serialize_model(inner)


def _worth_folding(node: ir.Node) -> bool | None:
    """None leaves the choice to onnxscript; False where the result, as far as its shape tells, would fill the memory."""
    for value in node.outputs:
        shape = None if value.shape is None else [n for n in value.shape if isinstance(n, int)]
        if shape is not None and math.prod(shape) > MOST_VALUES:
            return False
    return None


def _fold_the_rest(model: onnx.ModelProto) -> bool:
    """Compute, in place, what does not depend on the inputs and is computed all the same; whether there was any."""
    graph = model.graph
    changing = reached_from(graph.node, [value.name for value in free_inputs(graph)])
    fixed = [node for node in graph.node if _is_fixed(node, changing)]
    made = {name for node in fixed for name in node.output if name}
    readers = {name for node in graph.node if node not in fixed for name in read_by(node)}
    wanted = sorted(made & (readers | {value.name for value in graph.output}))
    if not wanted:
        return False
    alone = onnx.ModelProto()
    alone.CopyFrom(model)
    for field in ("node", "input", "output", "value_info"):
        alone.graph.ClearField(field)
    alone.graph.node.extend(fixed)
    alone.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    if any(math.prod(shape) > MOST_VALUES for shape in _sizes(alone).values()):
        return False
    values = quiet_session(alone).run(wanted, {})
    kept = [node for node in graph.node if node not in fixed]
    graph.ClearField("node")
    graph.node.extend(kept)
    for name, array in zip(wanted, values, strict=True):
        if name in {value.name for value in graph.output}:
            graph.node.add(op_type="Identity", input=[f"{name}::value"], output=[name])
            name = f"{name}::value"
        graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    return True


def _sizes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    return known_shapes(onnx.shape_inference.infer_shapes(model, data_prop=True).graph)


def _is_fixed(node: onnx.NodeProto, changing: set[str]) -> bool:
    """Whether a node gives the same in every frame and can be computed once. A loop might never end."""
    if node.op_type == "Constant" or node.op_type in _RANDOM or node.op_type in CONTROL_FLOW:
        return False
    return not changing.intersection(node.output)
