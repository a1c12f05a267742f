"""Which input is which output of the frame before: by the metadata, by the wiring, by the names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pydantic
from onnx import NodeProto

from ...models.errors import StapesError
from ..graph import State
from .wiring import RECURRENT, sources

STATES_KEY = "stapes.states"
# How many frames the outputs of a stream come late.
DELAY_KEY = "stapes.delay_frames"
_PAIRS = pydantic.TypeAdapter(list[tuple[str, str]])


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# How an input's name becomes its output's, in lower case, the surest first.
_SPELLINGS: tuple[tuple[str, str], ...] = (
    (r"$", "_out"),
    (r"$", "_next"),
    (r"^", "out_"),
    (r"^", "next_"),
    (r"_in", "_out"),
    (r"in_", "out_"),
    (r"prev(ious)?", "next"),
    (r"old", "new"),
    (r"$", "_new"),
    (r"^", "new_"),
    (r"input", "output"),
    (r"in$", "out"),
    (r"^in", "out"),
    (r"_?0$", "n"),
    (r"_?0$", "_n"),
    (r"_?0$", "_out"),
    (r"(?<=[hc])x$", "y"),
    (r"_i$", "_o"),
    (r"^i_", "o_"),
    (r"past", "present"),
    (r"prev(ious)?|last|old|init(ial)?", "current"),
    (r"prev(ious)?|last|old|init(ial)?", "new"),
    (r"prev(ious)?|last|old|init(ial)?", "cur"),
    (r"_?(prev(ious)?|last|old|past|init(ial)?|in|0)$", ""),
    (r"^(prev(ious)?|last|old|past|init(ial)?|in)_?", ""),
    (r"_?(prev(ious)?|last|old|past|init(ial)?|in|0)$", "_out"),
    (r"_?(prev(ious)?|last|old|past|init(ial)?|in|0)$", "_new"),
    (r"_?(prev(ious)?|last|old|past|init(ial)?|in|0)$", "_next"),
    (r"^", "updated_"),
    (r"$", "_updated"),
    (r"$", ".1"),
    (r"$", "_1"),
    (r"$", "_o"),
    (r"$", "_n"),
)
_STATE_WORDS = _words(
    "h c hx cx hn cn hidden cell state states cache caches hist history mem memory buf buffer past carry context ctx "
    "rnn gru lstm tra inter intra overlap delay tail"
)
_SIGNAL_WORDS = _words(
    "x y spec spectrum spectra mix mixture noisy clean audio wav wave waveform sig signal feat feats feature features mag "
    "magnitude phase real imag input output frame frames sample samples mask enh enhanced stft erb"
)
# What speaks for a pair. The wiring of a recurrence is beyond doubt; a signal's name alone is next to nothing.
_RECURRENCE, _CACHE, _STATE_NAME, _NAME, _SIGNAL_NAME = 8, 3, 4, 2, 1
_SURE = 3
_CHOOSE = f"name all states: --state INPUT=OUTPUT for each, or the metadata {STATES_KEY!r}"


@dataclass(frozen=True)
class _Pair:
    state: State
    points: int
    order: int


def find_states(
    given: Sequence[str],
    made: Sequence[str],
    nodes: Sequence[NodeProto],
    shapes: dict[str, tuple[int, ...]],
    metadata: dict[str, str],
    label: str,
) -> tuple[tuple[State, ...], list[str]]:
    """The states of a model with inputs `given` and outputs `made`, in the order of its inputs, and what is to be told of the choice.

    Raises StapesError: metadata that is no list of pairs, or names what is not there, or shapes that differ.
    """
    if STATES_KEY in metadata:
        pairs = _named_states(metadata[STATES_KEY], label)
        check_pairs(pairs, given, made, shapes, label)
        return pairs, []
    candidates = [
        _Pair(State(a, b), points, order)
        for a in given
        for b in made
        if shapes[a] == shapes[b]
        for points, order in [_evidence(a, b, given, nodes, shapes)]
        if points
    ]
    chosen = _best(candidates)
    notes = []
    doubtful = [pair for pair in chosen if pair.points < _SURE]
    named = [pair for pair in chosen if pair.points in (_STATE_NAME, _NAME, _SIGNAL_NAME)]
    if named and not (len(chosen) < len(given) and len(chosen) < len(made)):
        # A network of nothing but states hears nothing: what has only its name to say so is none.
        chosen = [pair for pair in chosen if pair not in named]
        notes += [_told(pair, "taken for signals, not for a state") for pair in named]
    else:
        signals = [pair for pair in doubtful if pair.points <= _SIGNAL_NAME and len(chosen) > 1]
        chosen = [pair for pair in chosen if pair not in signals]
        notes += [_told(pair, "taken for signals, not for a state") for pair in signals]
        notes += [_told(pair, "taken for a state, by the names alone") for pair in doubtful if pair not in signals]
    order = {name: index for index, name in enumerate(given)}
    states = tuple(pair.state for pair in sorted(chosen, key=lambda pair: order[pair.state.input]))
    return states, notes


def _told(pair: _Pair, words: str) -> str:
    return f"{pair.state.input!r} and {pair.state.output!r} are {words}; if that is wrong, {_CHOOSE}"


def _named_states(text: str, label: str) -> tuple[State, ...]:
    try:
        return tuple(State(a, b) for a, b in _PAIRS.validate_json(text))
    except ValueError:
        raise StapesError(f"{label}: metadata {STATES_KEY!r} is not a JSON list of [input, output] pairs") from None


def given_pairs(pairs: Sequence[str]) -> list[State]:
    """States as a user names them, `INPUT=OUTPUT` each; raises StapesError for a pair that is not written so."""
    states = []
    for pair in pairs:
        given, equals, made = pair.partition("=")
        if not (given and equals and made):
            raise StapesError(f"--state {pair!r}: write INPUT=OUTPUT, such as --state h_in=h_out, once for each state")
        states.append(State(given, made))
    return states


def check_pairs(
    pairs: Sequence[State],
    given: Sequence[str],
    made: Sequence[str],
    shapes: Mapping[str, tuple[int, ...]],
    label: str,
) -> None:
    """Raise StapesError for pairs that are no inputs and outputs, of different shapes, or named twice."""
    for index, pair in enumerate(pairs):
        if pair.input not in given or pair.output not in made:
            raise StapesError(
                f"{label}: state {pair.input!r} -> {pair.output!r} is not an input and an output of the model; "
                f"it has the inputs {', '.join(given)} and the outputs {', '.join(made)}"
            )
        if shapes[pair.input] != shapes[pair.output]:
            raise StapesError(
                f"{label}: state {pair.input!r} is {shapes[pair.input]} but {pair.output!r} is {shapes[pair.output]}; "
                "name pairs of one shape"
            )
        for other in pairs[:index]:
            if pair.input == other.input or pair.output == other.output:
                twice = pair.input if pair.input == other.input else pair.output
                raise StapesError(f"{label}: the state {twice!r} is named twice; name it once")


def _best(candidates: list[_Pair]) -> list[_Pair]:
    """The pairs for which most speaks, each name in one of them."""
    chosen: list[_Pair] = []
    for pair in sorted(candidates, key=lambda pair: (-pair.points, pair.order)):
        if all(pair.state.input != other.state.input and pair.state.output != other.state.output for other in chosen):
            chosen.append(pair)
    return chosen


def _evidence(
    a: str, b: str, given: Sequence[str], nodes: Sequence[NodeProto], shapes: dict[str, tuple[int, ...]]
) -> tuple[int, int]:
    """How much speaks for input `a` and output `b` being a state, and how sure the spelling is (less is surer)."""
    points = 0
    if _feeds(a, nodes) & _leaves(b, nodes):
        points += _RECURRENCE
    if _is_cache(a, b, given, nodes, shapes):
        points += _CACHE
    order = _spelling(a, b)
    if order is not None:
        words = set(re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", a).lower()))
        points += _STATE_NAME if words & _STATE_WORDS else _SIGNAL_NAME if words & _SIGNAL_WORDS else _NAME
    return points, len(_SPELLINGS) if order is None else order


def _spelling(a: str, b: str) -> int | None:
    """Which of _SPELLINGS makes `b` of `a`, if any."""
    first, second = a.lower(), b.lower()
    return next(
        (
            index
            for index, (pattern, into) in enumerate(_SPELLINGS)
            if first != second and re.search(pattern, first) and re.sub(pattern, into, first) == second
        ),
        None,
    )


def _feeds(value: str, nodes: Sequence[NodeProto]) -> set[tuple[int, int]]:
    """The recurrences whose state, or whose second state, begins with an input: (node, which)."""
    return {
        (index, which)
        for index, node in enumerate(nodes)
        if node.op_type in RECURRENT
        for which, name in enumerate(node.input[5:7])
        if name and value in sources(nodes, name)
    }


def _leaves(value: str, nodes: Sequence[NodeProto]) -> set[tuple[int, int]]:
    """The recurrences whose last state, or last second state, an output is."""
    found = sources(nodes, value)
    return {
        (index, which)
        for index, node in enumerate(nodes)
        if node.op_type in RECURRENT
        for which, name in enumerate(node.output[1:3])
        if name and name in found
    }


def _is_cache(
    a: str, b: str, given: Sequence[str], nodes: Sequence[NodeProto], shapes: dict[str, tuple[int, ...]]
) -> bool:
    """Whether an output is the input moved on, with something new in it: what a convolution keeps of the past."""
    found = sources(nodes, b)
    alike = [name for name in found if name in given and shapes[name] == shapes[a]]
    return alike == [a] and len(found) > 1
