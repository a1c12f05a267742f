"""The whole of quantisation in one call: streaming ONNX, recipe and real frames in, integer graph out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..models.errors import StapesError
from .bias_correction import MeanErrors
from .build import build
from .calibrate import Observations, calibrate
from .conv_form import as_conv_2d, without_groups
from .equalise import equalise
from .float_graph import COPIES, FloatGraph
from .formats import Assigner
from .graph import Graph
from .lowering import lower
from .onnx_reader import StreamingOnnx
from .proof import Bound, Fault, examine
from .ranges import saturated_fraction
from .recipe import Recipe
from .silent import without_silent

# How often formats may become wider: each round helps all layers whose operands are settled.
MOST_ROUNDS = 40


@dataclass(frozen=True)
class Quantised:
    """An integer graph and what is known about it: the overflow proof and the saturation seen in calibration.

    `saturation[name]` is the fraction of observed values outside the tensor's format, `planned_saturation` the same for
    tensors that may saturate because their consumer is flat there; `frames` were observed; `unmatched` are the recipe's
    patterns that match no tensor; `left_out` says what is not in the graph, and why.
    """

    graph: Graph
    lowered: FloatGraph
    bounds: list[Bound]
    saturation: dict[str, float]
    planned_saturation: dict[str, float]
    frames: int
    unmatched: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def quantise(
    source: StreamingOnnx,
    recipe: Recipe,
    sequences: Sequence[dict[str, np.ndarray]],
    progress: Callable[[int], None] = lambda frames: None,
) -> Quantised:
    """Lower, calibrate, assign formats, build and prove.

    `sequences`: per utterance, input name -> float32 frames `(T, size)`.
    Raises StapesError: operators that cannot be lowered, data that does not fit, a sum that could overflow.
    """
    lowered = lower(source)
    return assemble(lowered, calibrate(lowered, sequences, progress), recipe)


def assemble(lowered: FloatGraph, seen: Observations, recipe: Recipe) -> Quantised:
    """What follows calibration: equalise, assign formats, build and prove; `quantise` without its slow part."""
    left_out: tuple[str, ...] = ()
    if recipe.leave_out_silent:
        lowered, silent = without_silent(lowered, seen)
        left_out = tuple(f"{name} (gave only zeros in {seen.frames} frames of calibration)" for name in silent)
    lowered, seen = equalise(lowered, seen, recipe.equalisation)
    assigner = Assigner(lowered, recipe, seen)
    graph, bounds = _sound_graph(lowered, seen, recipe, assigner)
    saturation = _saturation(graph, seen)
    planned = {name: value for name, value in saturation.items() if _may_saturate(lowered, name)}
    unplanned = {name: value for name, value in saturation.items() if name not in planned}
    return Quantised(graph, lowered, bounds, unplanned, planned, seen.frames, tuple(assigner.unmatched()), left_out)


def _sound_graph(
    lowered: FloatGraph, seen: Observations, recipe: Recipe, assigner: Assigner
) -> tuple[Graph, list[Bound]]:
    """The integer graph and its bounds, once every operator can be run and cannot overflow: formats that are too narrow become wider."""
    errors = MeanErrors(lowered, seen)
    for _ in range(MOST_ROUNDS):
        graph = build(lowered, recipe, assigner, errors)
        if recipe.form == "conv_2d" or recipe.granularity == "tensor":
            # Both are there for CMSIS-NN.
            graph = without_groups(graph)
        if recipe.form == "conv_2d":
            graph = as_conv_2d(graph)
        bounds, found = examine(graph)
        if not found:
            return replace(graph, metadata={**graph.metadata, "stapes.recipe": recipe.name}), bounds
        if not all(fault.bits for fault in found) or not assigner.make_room(
            {fault.operator.outputs[0]: fault.bits for fault in found}
        ):
            break
    raise StapesError(_refusal(lowered, next((fault for fault in found if not fault.bits), found[0])))


def _refusal(lowered: FloatGraph, fault: Fault) -> str:
    """A fault in the terms of the network that was given: its layer, the size of its weights, and what to do."""
    op = fault.operator
    known = [lowered.tensors[name] for name in (*op.outputs, *op.inputs) if name in lowered.tensors]
    layer = next((tensor.layer for tensor in known if tensor.layer), f"{op.kind} ({op.name})")
    text = f"layer {layer} does not fit in integers: {fault.reason}"
    if not fault.bits:
        return text
    reach = max((np.abs(t.data).max() for t in known if t.data is not None and t.data.dtype.kind == "f"), default=0.0)
    return (
        f"{text}; its constants reach {reach:.3g}. Train or export the network again with weights of ordinary size, "
        "and calibrate with data like the device's own"
    )


def _may_saturate(lowered: FloatGraph, name: str) -> bool:
    """Whether what reads a tensor is flat where it saturates, or nearly so, as a rectifier is for negative values."""
    hint = lowered.tensors[name].hint
    if hint.limit is not None or hint.limit_int8 is not None or (hint.fixed is not None and hint.dtype == "int16"):
        return True
    readers = lowered.consumers(name)
    while len(readers) == 1 and readers[0].kind in COPIES:
        readers = lowered.consumers(readers[0].outputs[0])
    if len(readers) != 1:
        return False
    slope = float(readers[0].options["alpha"]) if readers[0].kind == "LEAKY_RELU" else 0.0
    return readers[0].kind in ("LEAKY_RELU", "RELU") and abs(slope) < 1.0


def _saturation(graph: Graph, seen: Observations) -> dict[str, float]:
    fractions = {}
    for tensor in graph.activations:
        if tensor.name in seen.values and tensor.scale is not None:
            scale = float(tensor.scale[0])
            fractions[tensor.name] = saturated_fraction(
                seen.values[tensor.name], scale, tensor.zero_point, tensor.limits
            )
    return fractions
