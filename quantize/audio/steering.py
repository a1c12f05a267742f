"""A decoder's integer graph as the network that a path keeps (`models/audio/steering.py`), and back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ...models.audio.steering import LATENT, PRODUCT, Layer, SteeringNetwork, as_text
from ...models.errors import StapesError
from ..graph import Graph, Operator, Tensor
from .white_box import frequency_scale_q31

_KINDS = (PRODUCT, "ADD", "RELU", "TANH", "LOGISTIC")


def steering_network(graph: Graph, label: str) -> SteeringNetwork:
    """The decoder of a white-box network as a path keeps it; raises StapesError, `label` in front, for another graph."""
    frequency_scale_q31(graph, label)
    for op in graph.operators:
        vectors = [graph.tensors[name] for name in (*op.inputs[: 2 if op.kind == "ADD" else 1], *op.outputs)]
        if op.kind not in _KINDS or any(t.dtype != "int16" or t.zero_point or _scale(t) is None for t in vectors):
            raise StapesError(
                f"{label}: operator {op.name[:80]!r} is none that the device spreads over hops; use w8a16"
            )
    layers = tuple(_layer(graph, op) for op in graph.operators)
    latent = graph.tensors[LATENT]
    return SteeringNetwork(latent.size, _scale(latent) or 0.0, layers)


def _scale(tensor: Tensor) -> float | None:
    return float(tensor.scale.reshape(-1)[0]) if tensor.scale is not None and tensor.scale.size == 1 else None


def _layer(graph: Graph, op: Operator) -> Layer:
    made = graph.tensors[op.outputs[0]]
    scale = _scale(made)
    assert scale is not None
    kind: Any = op.kind
    if kind != PRODUCT:
        return Layer(kind, op.inputs, made.name, made.size, scale)
    weights, bias = (graph.tensors[name] for name in op.inputs[1:])
    assert weights.data is not None
    assert bias.data is not None
    assert weights.scale is not None
    scales = np.broadcast_to(weights.scale.reshape(-1), (made.size,))
    relu = op.options.get("fused_activation_function") == "RELU"
    texts = as_text(weights.data, "<i1"), as_text(scales, "<f4"), as_text(bias.data, "<i8")
    return Layer(PRODUCT, op.inputs[:1], made.name, made.size, scale, relu, *texts)


@lru_cache(maxsize=8)
def steering_graph(network: SteeringNetwork) -> Graph:
    """The integer graph of a path's network."""
    tensors = {LATENT: _vector(LATENT, network.latents, network.scale)}
    operators = []
    for layer in network.layers:
        x = tensors[layer.reads[0]]
        tensors[layer.makes] = _vector(layer.makes, layer.size, layer.scale)
        reads = layer.reads
        options = {}
        if layer.kind == PRODUCT:
            weights, scales, bias = layer.matrix(x.size)
            assert x.scale is not None
            names = f"{layer.makes}/weights", f"{layer.makes}/bias"
            tensors[names[0]] = Tensor(names[0], weights.shape, "int8", scales, axis=0, data=weights)
            tensors[names[1]] = Tensor(names[1], bias.shape, "int64", x.scale * scales, axis=0, data=bias)
            reads = (*reads, *names)
            options = {"fused_activation_function": "RELU"} if layer.relu else {}
        operators.append(Operator(layer.kind, layer.makes, reads, (layer.makes,), options))
    return Graph("steering", tensors, tuple(operators), (LATENT,), network.heads)


def _vector(name: str, size: int, scale: float) -> Tensor:
    return Tensor(name, (1, size), "int16", np.array([scale], np.float32))
