"""Whether an integer graph is one that every engine can run: what `quantize` makes is, a file that was written by hand may not be."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from ..models.errors import StapesError
from .graph import DTYPES, Graph, Operator, State, Tensor
from .prepare import prepare
from .proof import prove
from .regions import COMPOSED

# Far beyond a hearing aid, and small enough that a file cannot ask for all memory or hours.
MOST_VALUES = 1 << 24
MOST_AXES = 8
_PRODUCTS = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")


def require_sound(graph: Graph) -> None:
    """Raise StapesError for the first fault: tensors, their order, states, regions, operators, or a sum that could overflow."""
    for name, tensor in graph.tensors.items():
        _require_tensor(name, tensor)
    total = sum(math.prod(tensor.shape) for tensor in graph.tensors.values())
    if total > MOST_VALUES:
        raise StapesError(f"its tensors hold {total} values, more than {MOST_VALUES}; quantise a smaller network")
    _require_ends(graph)
    _require_order(graph)
    _require_regions(graph)
    for op in graph.operators:
        prepare(graph, op)
        if reason := weights_fault(graph, op):
            raise StapesError(f"{reason}; quantise the network again")
    for bound in prove(graph):
        if not bound.holds:
            raise StapesError(
                f"operator {bound.operator!r}: the {bound.what} could overflow; quantise the network again"
            )


def weights_fault(graph: Graph, op: Operator) -> str:
    """What is wrong with the weights of a product, "" where nothing is.

    TensorFlow Lite has weights of int8 from -127 to 127; two of -128 would not fit into the packed form of the C.
    """
    weights = graph.tensors[op.inputs[1]] if op.kind in _PRODUCTS else None
    if weights is not None and weights.dtype == "int8" and weights.data is not None and weights.data.min() < -127:
        return f"tensor {weights.name[:80]!r} holds weights of -128, TensorFlow Lite has weights from -127 to 127"
    return ""


def _require_tensor(name: str, tensor: Tensor) -> None:
    def refuse(reason: str) -> StapesError:
        return StapesError(f"tensor {name[:80]!r} {reason}; quantise the network again")

    if name != tensor.name or not name:
        raise refuse(f"is called {tensor.name[:80]!r} in itself")
    if tensor.dtype not in DTYPES:
        raise refuse(f"is {tensor.dtype}")
    if len(tensor.shape) > MOST_AXES or any(n < 1 for n in tensor.shape):
        raise refuse(f"has shape {tensor.shape[: MOST_AXES + 1]}")
    # Positions in a table are counted from zero.
    low, high = {"int8": tensor.limits, "int32": (0, 2**15 - 1)}.get(tensor.dtype, (0, 0))
    if not low <= tensor.zero_point <= high:
        raise refuse(f"has zero point {tensor.zero_point} in {tensor.dtype}")
    if tensor.data is not None and (tensor.data.shape != tensor.shape or tensor.data.dtype != DTYPES[tensor.dtype]):
        raise refuse(f"holds {tensor.data.dtype} {tensor.data.shape}")
    if tensor.data is None and (tensor.dtype not in ("int8", "int16", "int32") or tensor.scale is None):
        raise refuse(f"is computed, but {tensor.dtype} {'without' if tensor.scale is None else 'with'} a scale")
    if tensor.scale is None:
        return
    scale = np.asarray(tensor.scale)
    if tensor.axis is not None and not 0 <= tensor.axis < len(tensor.shape):
        raise refuse(f"has its scales along axis {tensor.axis}")
    sizes = {1} if tensor.axis is None or tensor.data is None else {1, tensor.shape[tensor.axis]}
    if scale.dtype != np.float32 or scale.ndim != 1 or scale.size not in sizes:
        raise refuse(f"has {scale.size} scales")
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise refuse(f"has the scale {float(scale[~(scale > 0) | ~np.isfinite(scale)][0])}")


def _require_ends(graph: Graph) -> None:
    """Inputs, outputs and states are tensors, each once; a state's two ends have one format."""
    given = [*graph.inputs, *(state.input for state in graph.states)]
    made = [*graph.outputs, *(state.output for state in graph.states)]
    if not graph.inputs or not graph.outputs:
        raise StapesError("the network has no input or no output; quantise it again")
    for names in (given, made):
        for name in names:
            if name not in graph.tensors:
                raise StapesError(f"its input or output {name[:80]!r} is no tensor; quantise the network again")
        if len(set(names)) != len(names):
            raise StapesError("an input or an output is named twice; quantise the network again")
    for name in (*given, *made):
        if graph.tensors[name].dtype not in ("int8", "int16"):
            raise StapesError(
                f"its input or output {name[:80]!r} is {graph.tensors[name].dtype}; quantise the network again"
            )
    for name in given:
        if graph.tensors[name].data is not None:
            raise StapesError(f"its input {name[:80]!r} is a constant; quantise the network again")
    for state in graph.states:
        _require_state(graph, state)


def _require_state(graph: Graph, state: State) -> None:
    a, b = graph.tensors[state.input], graph.tensors[state.output]
    same = (a.shape, a.dtype, a.zero_point) == (b.shape, b.dtype, b.zero_point)
    if not same or not np.array_equal(np.asarray(a.scale), np.asarray(b.scale)):
        raise StapesError(
            f"state {state.input[:80]!r} and its next value {state.output[:80]!r} differ in shape or format; "
            "quantise the network again"
        )


def _require_order(graph: Graph) -> None:
    """Operators read what is there already and write each tensor once; everything that leaves the graph is made."""
    known = {*graph.inputs, *(state.input for state in graph.states)}
    known.update(tensor.name for tensor in graph.tensors.values() if tensor.data is not None)
    names: set[str] = set()
    for op in graph.operators:
        if op.name in names or not op.name:
            raise StapesError(f"two operators are called {op.name[:80]!r}; quantise the network again")
        names.add(op.name)
        _require_known(op, (name for name in op.inputs if name), known)
        for name in op.outputs:
            if name in known or name not in graph.tensors:
                raise StapesError(
                    f"operator {op.name[:80]!r} writes {name[:80]!r}, which is there already or is no tensor; "
                    "quantise the network again"
                )
            known.add(name)
    for name in (*graph.outputs, *(state.output for state in graph.states)):
        if name not in known:
            raise StapesError(f"no operator makes the output {name[:80]!r}; quantise the network again")


def _require_known(op: Operator, names: Iterable[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise StapesError(
                f"operator {op.name[:80]!r} reads {name[:80]!r} before any operator made it; quantise the network again"
            )


def _require_regions(graph: Graph) -> None:
    regions = {region.name: region for region in graph.regions}
    if len(regions) != len(graph.regions):
        raise StapesError("two regions have one name; quantise the network again")
    for region in graph.regions:
        if region.kind not in COMPOSED:
            raise StapesError(
                f"region {region.name[:80]!r} is of the unknown kind {region.kind[:40]!r}; use a matching version"
            )
    for op in graph.operators:
        if op.region is not None and op.region not in regions:
            raise StapesError(f"operator {op.name[:80]!r} is of an unknown region; quantise the network again")
