"""Which values of a model depend on which, and which are another value that was only moved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import onnx
from onnx import GraphProto, NodeProto

# Operators that move values without computing, by which of their inputs are moved: the first one, or all.
_MOVE_FIRST = (
    "Identity",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Flatten",
    "Transpose",
    "Slice",
    "Split",
    "Gather",
    "Cast",
)
_MOVE_ALL = ("Concat",)
RECURRENT = ("GRU", "LSTM", "RNN")


def attribute(node: NodeProto, name: str, default: Any = None) -> Any:
    """What a node says of itself, text as str."""
    for found in node.attribute:
        if found.name == name:
            value = onnx.helper.get_attribute_value(found)
            return value.decode() if isinstance(value, bytes) else value
    return default


def read_by(node: NodeProto) -> list[str]:
    """The values that a node reads, those that its subgraphs take from outside included."""
    inner = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    inner += [graph for attribute in node.attribute for graph in attribute.graphs]
    return [*(name for name in node.input if name), *(name for graph in inner for name in _captured(graph))]


def _captured(graph: GraphProto) -> Iterator[str]:
    """Values of the outside that a subgraph reads, and some of its own; a name is unique in a model."""
    for node in graph.node:
        yield from read_by(node)
    for value in graph.output:
        yield value.name


def reached_from(nodes: Iterable[NodeProto], names: Collection[str]) -> set[str]:
    """The values that `names` have a part in, themselves included; `nodes` in order."""
    reached = set(names)
    for node in nodes:
        if reached.intersection(read_by(node)):
            reached.update(name for name in node.output if name)
    return reached


def moved(node: NodeProto) -> list[str]:
    """The inputs that a node only moves into its outputs; none where it computes."""
    if node.op_type in _MOVE_ALL:
        return list(node.input)
    return list(node.input[:1]) if node.op_type in _MOVE_FIRST else []


def sources(nodes: Sequence[NodeProto], value: str) -> set[str]:
    """What a value was moved together from: values that no operator moved."""
    makers = {name: node for node in nodes for name in node.output}
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [value]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        before = moved(makers[name]) if name in makers else []
        if before:
            waiting.extend(before)
        else:
            found.add(name)
    return found
