"""The whole of quantisation in one call: streaming ONNX, recipe and real frames in, integer graph out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.errors import StapesError

from .bias_correction import MeanErrors
from .build import build
from .calibrate import Observations, calibrate
from .conv_form import as_conv_2d
from .equalise import equalise
from .float_graph import COPIES, FloatGraph
from .formats import Assigner
from .graph import Graph
from .lowering import lower
from .onnx_reader import StreamingOnnx
from .proof import Bound, prove
from .ranges import saturated_fraction
from .recipe import Recipe


@dataclass(frozen=True)
class Quantised:
    """An integer graph and what is known about it: the overflow proof and the saturation seen in calibration.

    `saturation[name]` is the fraction of observed values outside the tensor's format, `planned_saturation` the same for
    tensors that may saturate because their consumer is flat there; `frames` were observed; `unmatched` are the recipe's
    patterns that match no tensor.
    """

    graph: Graph
    lowered: FloatGraph
    bounds: list[Bound]
    saturation: dict[str, float]
    planned_saturation: dict[str, float]
    frames: int
    unmatched: tuple[str, ...] = ()


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
    lowered, seen = equalise(lowered, seen, recipe.equalisation)
    assigner = Assigner(lowered, recipe, seen)
    graph = build(lowered, recipe, assigner, MeanErrors(lowered, seen))
    if recipe.form == "conv_2d":
        graph = as_conv_2d(graph)
    graph = replace(graph, metadata={**graph.metadata, "stapes.recipe": recipe.name})
    bounds = prove(graph)
    broken = [bound for bound in bounds if not bound.holds]
    if broken:
        worst = broken[0]
        raise StapesError(
            f"operator {worst.operator!r}, row {worst.row}: the {worst.what} could reach {worst.largest} and overflow; "
            "use a recipe with a wider activation range or smaller weights"
        )
    saturation = _saturation(graph, seen)
    planned = {name: value for name, value in saturation.items() if _may_saturate(lowered, name)}
    unplanned = {name: value for name, value in saturation.items() if name not in planned}
    return Quantised(graph, lowered, bounds, unplanned, planned, seen.frames, tuple(assigner.unmatched()))


def _may_saturate(lowered: FloatGraph, name: str) -> bool:
    """Whether what reads a tensor is flat where it saturates, or nearly so, as a rectifier is for negative values."""
    hint = lowered.tensors[name].hint
    if hint.limit is not None or hint.limit_int8 is not None or (hint.fixed is not None and hint.dtype == "int16"):
        return True
    readers = lowered.consumers(name)
    while len(readers) == 1 and readers[0].kind in COPIES:
        readers = lowered.consumers(readers[0].outputs[0])
    return len(readers) == 1 and readers[0].kind == "LEAKY_RELU" and abs(float(readers[0].options["alpha"])) < 1.0


def _saturation(graph: Graph, seen: Observations) -> dict[str, float]:
    fractions = {}
    for tensor in graph.activations:
        if tensor.name in seen.values and tensor.scale is not None:
            scale = float(tensor.scale[0])
            fractions[tensor.name] = saturated_fraction(
                seen.values[tensor.name], scale, tensor.zero_point, tensor.limits
            )
    return fractions
