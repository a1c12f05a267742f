"""BatchNormalization where no convolution takes it into its weights: a product and a sum by channel, before any lowering sees it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from ..onnx_reader import StreamingOnnx
from .context import Context, Lowering

_TAKE_IT = ("Conv", "ConvTranspose")


def line(context: Context, node: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray]:
    """(factor, offset) (C,) of y = factor * x + offset, what a BatchNormalization with constant statistics is; float64."""
    gamma, beta, mean, variance = (np.asarray(context.array(name), np.float64).ravel() for name in node.input[1:5])
    factor = gamma / np.sqrt(variance + context.attribute(node, "epsilon", 1e-5))
    return factor, beta - mean * factor


def stands_alone(context: Context, node: onnx.NodeProto) -> bool:
    """Whether it does not stand right behind a convolution that feeds nothing else."""
    made = next((other for other in context.source.nodes if node.input[0] in other.output), None)
    return made is None or made.op_type not in _TAKE_IT or not context.used_once(node.input[0])


def spelled_out(context: Context) -> StreamingOnnx:
    """The model with a Mul and an Add in place of each that stands alone and can be lowered."""
    source = context.source
    nodes: list[onnx.NodeProto] = []
    constants, shapes = dict(source.constants), dict(source.shapes)
    for node in source.nodes:
        plain = node.op_type != "BatchNormalization" or node.input[0] not in shapes
        if plain or check_batch_norm(context, node) or not stands_alone(context, node):
            nodes.append(node)
            continue
        (x, *_), out = node.input, node.output[0]
        names = [_free(f"{out}/{what}", shapes) for what in ("factor", "offset", "scaled")]
        by_channel = (-1, *(1,) * (len(shapes[x]) - 2))
        for name, values in zip(names, line(context, node), strict=False):
            constants[name] = values.reshape(by_channel)
            shapes[name] = constants[name].shape
        shapes[names[2]] = shapes[x]
        label = node.name or out
        nodes.append(onnx.helper.make_node("Mul", [x, names[0]], [names[2]], name=f"{label}/factor"))
        nodes.append(onnx.helper.make_node("Add", [names[2], names[1]], [out], name=f"{label}/offset"))
    return replace(source, nodes=tuple(nodes), constants=constants, shapes=shapes)


def _free(name: str, taken: dict[str, tuple[int, ...]]) -> str:
    while name in taken:
        name += "_"
    return name


def check_batch_norm(context: Context, node: onnx.NodeProto) -> str | None:
    if any(context.constant(name) is None for name in node.input[1:5]):
        return "its statistics must be constants"
    if context.attribute(node, "training_mode", 0):
        return "it is in training mode; export the model after eval()"
    with np.errstate(all="ignore"):
        if not all(np.isfinite(values).all() for values in line(context, node)):
            return "its variance is negative, or so small that its factor is infinite"
    return None


def _already_gone(context: Context, node: onnx.NodeProto) -> None:
    raise AssertionError(f"BatchNormalization {node.output[0]} was neither folded nor spelled out")


LOWERINGS = {"BatchNormalization": Lowering(_already_gone, check_batch_norm)}
