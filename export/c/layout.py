"""Where every tensor of a frame lives: the caller's memory, the context's states, the arena, or constant tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...models.errors import StapesError
from ...quantize.graph import Graph, State
from ..memory import Buffer, Plan, plan
from .history import whole_frames
from .places import ALIGNMENT, roots
from .schedule import Step


@dataclass(frozen=True)
class Place:
    """`kind` is input, output, state, frames, arena or constant; `name` is the tensor that owns the memory (a state's input).

    "frames" are those of a history with the newest one behind it, in the state's own memory.
    """

    kind: str
    name: str


@dataclass(frozen=True)
class Layout:
    """Places by tensor; the arena; what the end of a frame copies: `deliveries` are outputs that live elsewhere,
    `state_copies` are (new state, state input) in order; `joined` are the histories (state inputs) that lie with a newest frame.
    """

    places: Mapping[str, Place]
    arena: Plan
    deliveries: tuple[str, ...]
    state_copies: tuple[tuple[str, str], ...]
    joined: frozenset[str] = frozenset()


def _written_in_place(graph: Graph, steps: Sequence[Step], root: Mapping[str, str], state: State) -> bool:
    """Whether the new state may overwrite the old one: its step allows it and nobody reads the old one later."""
    index = next((i for i, step in enumerate(steps) if state.output in step.writes), None)
    if index is None:
        return False
    step = steps[index]
    if (state.output, state.input) not in step.in_place:
        return False
    if any(root[name] == state.input for name in step.reads if name != state.input):
        return False
    later = {root[name] for other in steps[index + 1 :] for name in other.reads}
    later |= {root[name] for name in graph.outputs}
    later |= {root[other.output] for other in graph.states}
    owners = sum(other.output == state.output for other in graph.states)
    return state.input not in later and owners == 1


def _in_copy_order(copies: Sequence[tuple[str, str]], root: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """State copies (tensor, state input) so that no state is overwritten before it is read."""
    pending, ordered = list(copies), []
    while pending:
        for copy in pending:
            if all(root[source] != copy[1] for source, _ in pending if (source, _) != copy):
                ordered.append(copy)
                pending.remove(copy)
                break
        else:
            raise StapesError(
                f"states {', '.join(name for _, name in pending)} exchange their values; put an operator between them"
            )
    return tuple(ordered)


def lay_out(graph: Graph, steps: Sequence[Step], scratch: Mapping[str, tuple[int, int]]) -> Layout:
    """Places for all tensors that the steps touch; `scratch` maps buffer name -> (step index, bytes).

    A history whose frames are all looked at may lie in its state with the newest one, instead of a second time in the arena:
    where that takes less memory.

    Raises `StapesError` for states that exchange their values and for an output that is listed twice.
    """
    if len(set(graph.outputs)) != len(graph.outputs):
        raise StapesError(f"graph '{graph.name}' lists an output twice; list each once")
    root = roots(graph)
    best = _lay_out(graph, steps, scratch, root, {})
    joined: dict[str, str] = {}
    for taps, history, more in _joinable(graph, steps, best):
        tried = _lay_out(graph, steps, scratch, root, joined | {taps: history})
        if tried.arena.size + more < best.arena.size:
            best, joined = tried, joined | {taps: history}
    return best


def _joinable(graph: Graph, steps: Iterable[Step], layout: Layout) -> list[tuple[str, str, int]]:
    """(all frames, history, bytes of one frame) of the histories that may lie with their newest frame, the largest first."""
    if any(graph.tensors[state.input].bytes % ALIGNMENT for state in graph.states):
        return []
    regions = [step.region for step in steps if step.region is not None and step.region.kind == "history"]
    found = []
    for region in regions:
        taps, history, new = (region.roles[role] for role in ("taps", "history", "history_out"))
        more = graph.tensors[taps].bytes - graph.tensors[history].bytes
        moves = layout.places[new] == Place("state", history) and layout.places[taps] == Place("arena", taps)
        if moves and more % ALIGNMENT == 0 and whole_frames(graph, region):
            found.append((taps, history, more))
    return sorted(found, key=lambda entry: (-entry[2], entry[0]))


def _lay_out(
    graph: Graph,
    steps: Sequence[Step],
    scratch: Mapping[str, tuple[int, int]],
    root: Mapping[str, str],
    joined: Mapping[str, str],
) -> Layout:
    """The places where the frames in `joined` lie in the memory of their history."""
    places = {name: Place("constant", name) for name, tensor in graph.tensors.items() if tensor.is_constant}
    places |= {name: Place("input", name) for name in graph.inputs}
    places |= {state.input: Place("state", state.input) for state in graph.states}
    in_place = {s.output: s.input for s in graph.states if _written_in_place(graph, steps, root, s)}
    places |= {new: Place("state", old) for new, old in in_place.items()}
    places |= {taps: Place("frames", history) for taps, history in joined.items()}

    produced = [name for step in steps for name in step.writes if root[name] == name and name not in places]
    places |= {name: Place("output" if name in graph.outputs else "arena", name) for name in produced}
    places |= {name: places[owner] for name, owner in root.items() if name not in places and owner in places}

    deliveries = tuple(name for name in graph.outputs if places[name] != Place("output", name))
    copies = [(state.output, state.input) for state in graph.states if state.output not in in_place]
    state_copies = _in_copy_order([copy for copy in copies if root[copy[0]] != copy[1]], root)

    last = len(steps)
    reads = [(index, root[name]) for index, step in enumerate(steps) for name in step.reads]
    reads += [(last, root[name]) for name in (*deliveries, *(new for new, _ in state_copies))]
    buffers = [Buffer(name, size, index, index) for name, (index, size) in scratch.items()]
    for index, step in enumerate(steps):
        for name in step.writes:
            if places[name] == Place("arena", name):
                until = max((at for at, read in reads if read == name), default=index)
                buffers.append(Buffer(name, graph.tensors[name].bytes, index, until))
    return Layout(places, plan(buffers, ALIGNMENT), deliveries, state_copies, frozenset(joined.values()))
