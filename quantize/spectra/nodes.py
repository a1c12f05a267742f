"""Walking over the nodes of an ONNX graph: who makes a value, who reads it, what is constant."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper


class Nodes:
    """The nodes of a graph by what they make and read."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._makers = {name: node for node in graph.node for name in node.output if name}
        self._readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in dict.fromkeys(node.input):
                self._readers.setdefault(name, []).append(node)
        self._constants = {tensor.name: tensor for tensor in graph.initializer}

    def maker(self, value: str) -> onnx.NodeProto | None:
        """The node that makes a value, or None for an input or a constant of the graph."""
        return self._makers.get(value)

    def readers(self, value: str) -> list[onnx.NodeProto]:
        """The nodes that read a value."""
        return self._readers.get(value, [])

    def constant(self, value: str) -> np.ndarray | None:
        """The value of a constant, or None for what is computed."""
        if value in self._constants:
            return numpy_helper.to_array(self._constants[value])
        made = self.maker(value)
        if made is None or made.op_type != "Constant" or made.attribute[0].name != "value":
            return None
        return numpy_helper.to_array(made.attribute[0].t)


def remove_unread(graph: onnx.GraphProto) -> None:
    """Take nodes and constants out of a graph that no output depends on, in place."""
    wanted = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(node.input)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in reversed(kept)]
    del graph.node[:]
    graph.node.extend(copies)
    constants = [tensor for tensor in graph.initializer if tensor.name in wanted]
    held = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in constants]
    del graph.initializer[:]
    graph.initializer.extend(held)
