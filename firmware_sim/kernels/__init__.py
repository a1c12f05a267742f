"""The integer kernels in numpy: the readable definition of every operator, batched over utterances.

Arrays are int64 (B, *shape) and hold the values of the tensor's narrower dtype; B utterances stand in front of the
tensor's own shape. A kernel never changes its operands, though its result may share memory with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...models.errors import StapesError
from ...quantize.graph import Graph, Operator
from ...quantize.operators import OPERATORS, implementation
from ...quantize.prepare import Params
from .batching import constant

_KERNELS: dict[str, Callable[..., Any]] = {
    kind: implementation(__name__, entry.kernel) for kind, entry in OPERATORS.items()
}


def operators() -> tuple[str, ...]:
    """The operators that have a kernel."""
    return tuple(_KERNELS)


def operands(op: Operator) -> tuple[str, ...]:
    """Names of the tensors that the kernel of an operator reads while it runs."""
    if op.kind not in _KERNELS:
        raise StapesError(f"operator '{op.name}': {op.kind} has no kernel; use one of {', '.join(_KERNELS)}")
    return op.inputs[slice(*OPERATORS[op.kind].operands)]


def run(graph: Graph, op: Operator, params: Params, inputs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    """The outputs of one operator, int64 (B, *shape) each, in the order of `op.outputs`.

    inputs: tensor name -> int64 (B, *shape); constants are taken from the graph where they are not given.
    params: what `quantize.prepare.prepare` made of the operator.
    """
    given = [inputs[name] if name in inputs else constant(_data(graph, name)) for name in operands(op)]
    result = _KERNELS[op.kind](params, *given)
    return result if isinstance(result, tuple) else (result,)


def _data(graph: Graph, name: str) -> np.ndarray:
    data = graph.tensors[name].data
    if data is None:
        raise StapesError(f"tensor '{name}' has no value yet; run the operators in the graph's order")
    return data
