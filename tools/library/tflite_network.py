"""A .tflite that is quantised already: its integers as they are, a float network of them, and frames for golden vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from ...export.c.costs import costs
from ...export.targets import CORTEX_M7
from ...export.tflite import from_bytes, is_own
from ...export.tflite.foreign import Taken, translate, with_pairs
from ...models.errors import StapesError
from ...quantize.dequantised import as_source, dequantised
from ...quantize.float_graph import FloatGraph
from ...quantize.graph import Graph, State, to_real
from ...quantize.onnx_reader import StreamingOnnx, check_pairs, find_states, given_pairs
from ...quantize.pipeline import Quantised
from ...quantize.proof import prove
from ...quantize.recipe import Recipe
from ...quantize.soundness import require_sound
from ..calibration import Calibration
from . import golden

SUFFIX = ".tflite"
SOURCE = "tflite"
# Far above what a hearing aid holds, far below what a hostile file would like to take.
MOST_BYTES = 1 << 28
AS_IN_THE_FILE = Recipe(
    "as_in_the_file", "the formats of the .tflite as they are; the tables of this recipe decided nothing"
)
# Sums of so many uniform numbers, of integers alone: the same frames on every machine.
_SUMMED = 4
_SEED = 1


@dataclass(frozen=True, eq=False)
class TfliteNetwork:
    """A file that was read: the integers, the float network of them, and the bytes that it came in."""

    graph: Graph
    model: onnx.ModelProto
    source: StreamingOnnx
    whole: bytes
    notes: tuple[str, ...]


def is_tflite(path: Path) -> bool:
    """Whether a path is a .tflite by its name; a folder is none."""
    return path.suffix.lower() == SUFFIX and not path.is_dir()


def read_tflite(path: Path, pairs: Sequence[str]) -> TfliteNetwork:
    """A .tflite of any maker. `pairs` are states INPUT=OUTPUT; without them they are found by wiring and names, and told.

    Raises StapesError: damaged, float, operators or formats that cannot be taken, pairs that do not fit.
    """
    if path.stat().st_size > MOST_BYTES:
        raise StapesError(f"{path}: more than {MOST_BYTES >> 20} MB; give a network for a small device")
    data = path.read_bytes()
    try:
        if is_own(data):
            graph, notes = _own(data, pairs), list[str]()
        else:
            graph, notes = _foreign(translate(data), given_pairs(pairs), str(path))
        model = dequantised(graph)
        source = as_source(graph, model)
        costs(graph, "network", None, CORTEX_M7)
    except StapesError as error:
        message = str(error)
        raise StapesError(message if message.startswith(f"{path}: ") else f"{path}: {message}") from None
    return TfliteNetwork(graph, model, source, data, tuple(notes))


def _own(data: bytes, pairs: Sequence[str]) -> Graph:
    """A graph that stapes wrote."""
    if pairs:
        raise StapesError("written by stapes, its states are known; leave out --state")
    graph = from_bytes(data)
    require_sound(graph)
    return graph


def _foreign(taken: Taken, pairs: Sequence[State], label: str) -> tuple[Graph, list[str]]:
    """The graph with its states, and what is to be told of them; where no pair is named they are found."""
    graph, notes = taken.graph, list[str]()
    if pairs:
        shapes = {name: tensor.shape for name, tensor in graph.tensors.items()}
        check_pairs(pairs, graph.inputs, graph.outputs, shapes, label)
    else:
        source = as_source(graph, dequantised(graph))
        pairs, notes = find_states(source.inputs, source.outputs, source.nodes, source.shapes, {}, label)
        notes = notes or _possible_pairs(graph, pairs)
    made, told = with_pairs(taken, pairs)
    require_sound(made)
    if made.states:
        states = ", ".join(f"{state.input} = {state.output}" for state in made.states)
        notes = [f"states: {states}", *notes]
    return made, [*notes, *told]


def _possible_pairs(graph: Graph, pairs: Sequence[State]) -> list[str]:
    """What is to be told of inputs and outputs of one shape that were not taken for states."""
    if pairs or len(graph.inputs) < 2 or len(graph.outputs) < 2:
        return []
    alike = [
        f"{a}={b}" for a in graph.inputs for b in graph.outputs if graph.tensors[a].shape == graph.tensors[b].shape
    ]
    return (
        [f"no pair was taken for a state; of one shape are {', '.join(alike)}: name states by --state"] if alike else []
    )


def random_frames(graph: Graph) -> Calibration:
    """Frames for golden vectors of a file that came without any: codes around the middle of each input's range."""
    rng, sequence = np.random.default_rng(_SEED), {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        low, high = tensor.limits
        reach = (high - low) // (4 * _SUMMED)
        codes = rng.integers(-reach, reach + 1, (_SUMMED, golden.FRAMES, *tensor.shape)).sum(axis=0)
        sequence[name] = to_real(tensor, np.clip(codes, low, high)).astype(np.float32)
    return Calibration([sequence], [], np.zeros((1, 0), np.int16))


def as_quantised(graph: Graph, data: Calibration) -> Quantised:
    """The integers of a file in the form of those that were made here: nothing was lowered, no saturation was seen."""
    frames = sum(len(next(iter(sequence.values()))) for sequence in data.sequences)
    return Quantised(graph, FloatGraph(graph.name), prove(graph), {}, {}, frames)
