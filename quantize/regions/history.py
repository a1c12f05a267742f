"""Past frames as a state: the newest is appended, the oldest dropped, and some are looked at.

    all = CONCATENATION(history, frame)      history_out = all[1:]      taps = all[first::step]

An engine may move the frames within the state, where operators copy all of them twice.
"""

from __future__ import annotations

from ..graph import Graph, Operator, Region, State
from ..prepare import ConcatenationParams, SliceParams, prepare


def find_histories(graph: Graph) -> list[tuple[Region, tuple[Operator, ...]]]:
    """The histories of a graph, each as a region of its own with its operators; taps are `all` where it is read whole."""
    found = (_history(graph, state) for state in graph.states)
    return [history for history in found if history is not None]


def _history(graph: Graph, state: State) -> tuple[Region, tuple[Operator, ...]] | None:
    cut = _producer(graph, state.output)
    joined = _producer(graph, cut.inputs[0]) if cut is not None and cut.kind == "STRIDED_SLICE" else None
    if cut is None or joined is None or not _appends(graph, joined, state.input):
        return None
    both = joined.outputs[0]
    rows = graph.tensors[both].shape[0]
    if _rows(graph, cut) != range(1, rows):
        return None
    readers = [op for op in graph.operators if both in op.inputs and op is not cut]
    seen_outside = both in graph.outputs or any(both == other.output for other in graph.states)
    operators, taps, chosen = [joined, cut], both, range(rows)
    if len(readers) == 1 and not seen_outside and (only := _rows(graph, readers[0])) is not None and only.step > 0:
        operators.append(readers[0])
        taps, chosen = readers[0].outputs[0], only
    ordered = tuple(op for op in graph.operators if op in operators)
    if not _is_read_later(graph, ordered, (taps, state.output)):
        return None
    roles = {"history": state.input, "frame": joined.inputs[1], "taps": taps, "history_out": state.output}
    numbers = {"first": chosen.start, "count": len(chosen), "step": chosen.step}
    return Region(joined.name, "history", roles | {name: str(n) for name, n in numbers.items()}), ordered


def _producer(graph: Graph, tensor: str) -> Operator | None:
    return next((op for op in graph.operators if tensor in op.outputs and op.region is None), None)


def _appends(graph: Graph, op: Operator, history: str) -> bool:
    """Whether an operator puts one frame, no constant, behind the frames of a history."""
    if op.kind != "CONCATENATION" or len(op.inputs) != 2 or op.inputs[0] != history:
        return False
    params, frame = prepare(graph, op), graph.tensors[op.inputs[1]]
    assert isinstance(params, ConcatenationParams)
    return params.axis == 0 and len(frame.shape) > 1 and frame.shape[0] == 1 and not frame.is_constant


def _rows(graph: Graph, op: Operator) -> range | None:
    """The rows of its input that an operator takes whole, or None for another operator."""
    if op.kind not in ("STRIDED_SLICE", "SLICE"):
        return None
    params, x = prepare(graph, op), graph.tensors[op.inputs[0]]
    assert isinstance(params, SliceParams)
    if params.begin[1:] != (0,) * (len(x.shape) - 1) or params.size[1:] != x.shape[1:]:
        return None
    # A single row has no step that matters.
    step = params.stride[0] if params.size[0] > 1 else 1
    return range(params.begin[0], params.begin[0] + params.size[0] * step, step)


def _is_read_later(graph: Graph, operators: tuple[Operator, ...], results: tuple[str, ...]) -> bool:
    """Whether nothing reads the results before the last of the operators."""
    last = graph.operators.index(operators[-1])
    before = [op for op in graph.operators[:last] if op not in operators]
    return not any(result in op.inputs for op in before for result in results)
