"""From a file that takes a spectrum, or keeps all states in one cache, to the network that is quantised."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from ...models.audio import SoundPath
from ...models.onnx_export import FRONT_END_KEY, STAGES_KEY, name_stages
from ..graph import State
from ..onnx_reader import STATES_KEY
from ..onnx_reader.folding import fold
from ..onnx_reader.model import plain
from ..onnx_reader.shapes import infer_shapes, known_shapes
from ..onnx_reader.states import find_states
from ..onnx_reader.versions import converted
from .cut import Cut, cut, spectra
from .flat import caches, split_caches


@dataclass(frozen=True, eq=False)
class Prepared:
    """A model that names its states, and its path if it held one; `notes` tell what was done to it, a line each."""

    model: onnx.ModelProto
    notes: tuple[str, ...]


def prepare(model: onnx.ModelProto, label: str) -> Prepared | None:
    """The network of a sound streaming model, which is left as it is; None for one that needs nothing of the kind."""
    named = {entry.key: entry.value for entry in model.metadata_props}
    may_cut = not {STAGES_KEY, FRONT_END_KEY} & set(named) and bool(spectra(model.graph))
    if not may_cut and not caches(model.graph):
        return None
    whole = infer_shapes(fold(converted(plain(model, label), label)))
    states = _states(whole, named, label)
    found = cut(whole) if may_cut else None
    made = whole if found is None else infer_shapes(found.model)
    kept = split_caches(made, states, known_shapes(made.graph))
    if found is None and kept == states:
        return None
    notes = [] if found is None else [_told(found)]
    if kept != states:
        notes.append(
            f"{len(states)} caches hold the states of several layers; each of {len(kept)} states has a format of its own"
        )
    made = fold(infer_shapes(made))
    _name(made, named, kept, None if found is None else found.sound_path)
    return Prepared(made, tuple(notes))


def _states(model: onnx.ModelProto, metadata: dict[str, str], label: str) -> tuple[State, ...]:
    given, made = ([value.name for value in values] for values in (model.graph.input, model.graph.output))
    return find_states(given, made, model.graph.node, known_shapes(model.graph), metadata, label)[0]


def _told(found: Cut) -> str:
    path = found.sound_path
    transform = path.transform
    kinds = " and ".join(repr(stage.kind) for stage in path.stages[1:-1])
    told = f"it takes the spectrum {found.given!r} and gives {found.made!r}; {kinds} become stages of a path"
    if not found.assumed:
        return told
    return (
        f"{told}, at {transform.sample_rate} Hz with frames of {transform.analysis} samples, a hop of {transform.hop} and the window "
        f"{transform.window!r}, as a file does not say; give yours by --front-end"
    )


def _name(
    model: onnx.ModelProto, metadata: dict[str, str], states: Sequence[State], sound_path: SoundPath | None
) -> None:
    """Write metadata as they were, but for the states as they are now, and the path."""
    del model.metadata_props[:]
    for key, value in metadata.items():
        if key != STATES_KEY:
            model.metadata_props.add(key=key, value=value)
    pairs = [[state.input, state.output] for state in states]
    model.metadata_props.add(key=STATES_KEY, value=json.dumps(pairs))
    if sound_path is not None:
        name_stages(model, sound_path)
