"""Where a graph meets the path around it: its inputs with the features that they are, its outputs with what the stages ask for."""

from __future__ import annotations

from dataclasses import dataclass

from ...models.audio import Quantity, SoundPath
from ...models.audio.wiring import wire
from ...models.errors import StapesError
from ..graph import Graph, Tensor
from .scaling import TensorScaling, feature_scaling, mask_scaling


@dataclass(frozen=True)
class End:
    """A tensor of the network, the quantity of the path that it is, and how the one becomes the other."""

    quantity: Quantity
    tensor: Tensor
    scaling: TensorScaling


@dataclass(frozen=True)
class NetworkEnds:
    """All inputs of a graph, and the outputs that the path asks for, in the graph's order."""

    inputs: tuple[End, ...]
    outputs: tuple[End, ...]


def network_ends(graph: Graph, sound_path: SoundPath) -> NetworkEnds:
    """Raises StapesError where the graph does not fit the path, or a scale not the fixed-point formats."""
    sizes = [{name: graph.tensors[name].size for name in names} for names in (graph.inputs, graph.outputs)]
    try:
        wiring = wire(sound_path, *sizes)
    except StapesError as error:
        raise StapesError(f"network {graph.name!r}: {error}") from None

    def end(name: str, quantity: Quantity, asked: bool) -> End:
        tensor, analysis = graph.tensors[name], sound_path.transform.analysis
        scaling = mask_scaling(quantity, tensor) if asked else feature_scaling(quantity, tensor, analysis)
        return End(quantity, tensor, scaling)

    return NetworkEnds(
        tuple(end(name, quantity, False) for name, quantity in wiring.inputs.items()),
        tuple(end(name, quantity, True) for name, quantity in wiring.outputs.items()),
    )
