"""Constants of the stage `neural_equaliser`: its network as a table of operators, cut into slices of which a hop runs one.

Each vector is int16 in the memory of the stage. A slice is one or more parts, a part some outputs of one operator; every output is computed as
the whole operator computes it, so that the cut changes no bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from ...models.audio.neural_equaliser import NeuralEqualiser
from ...models.audio.steering import LATENT, PRODUCT, WEIGHT, SteeringNetwork
from ...models.audio.transform import Transform
from ...models.errors import StapesError
from ..graph import Graph, Operator
from ..prepare import AddParams, FullyConnectedParams, ReluParams, SigmoidParams, prepare
from ..soundness import require_sound
from .c_struct import Int16s, Int32, Int32s
from .scaling import TensorScaling, _scaling
from .steered_equaliser import Params as GliderParams
from .steered_equaliser import params as glider_params
from .steered_equaliser import rest_words
from .steering import steering_graph
from .white_box import frequency_scale_q31

# The columns of `operators`: kind, what it reads (-1 is the latent), what it makes, outputs, then its numbers:
# of a product columns, where its weights and its rows begin, low and high; of the others those of their struct in C, in order.
KINDS = (PRODUCT, "ADD", "RELU", "LOGISTIC")  # TANH is a LOGISTIC with its last number
NUMBERS = 13
COLUMNS = 5 + NUMBERS
# A row of a product as this table has it: bias, multiplier, shift. The exporter packs them, and the weights.
ROW = 3
# A multiplication of a product counts one; what a value of the others costs beside it on a Cortex-M7.
_VALUE_COST = 16
_BLOCK = 4
_LARGEST = 64 << 20


@dataclass(frozen=True, eq=False)
class Params:
    """`operators` (O, 18), `parts` (P, 3): operator, first output, outputs; `ends` (slices,): the part behind a slice.

    `weights`: one in a halfword, row after row, of all products; `rows` (R, 3). `rest` (3, 10) are the controls of
    the equaliser without a latent.
    """

    c_name: ClassVar[str] = "stapes_neural_equaliser_params"

    latents: Int32
    bands: Int32
    frequency: Int32
    gain: Int32
    quality: Int32
    weight: Int32
    frequency_scale_q31: Int32
    slices: Int32
    operators: Int32s
    parts: Int32s
    ends: Int32s
    weights: Int16s
    rows: Int32s
    rest: Int32s
    tensor: TensorScaling
    glider: GliderParams


def params(settings: NeuralEqualiser, transform: Transform) -> Params:
    """Raises StapesError for a network that the device cannot run."""
    glider = glider_params(settings.glider, transform)
    rest = rest_words().astype(np.int32)
    if settings.network is None:
        empty = np.zeros(1, np.int32)
        scaling = TensorScaling(1 << 30, 0, 0, -(2**15), 2**15 - 1)
        none = np.zeros((1, COLUMNS), np.int32)
        return Params(
            settings.sizes["LATENTS"], settings.sizes["BANDS"], 0, 0, 0, -1, 1, 0,
            none, empty, empty, empty.astype(np.int16), empty, rest, scaling, glider,
        )  # fmt: skip
    network = settings.network
    graph, table = _checked(network)
    latent = graph.tensors[LATENT]
    assert latent.scale is not None
    places = network.places
    parts, ends = slices(table.operators, settings.macs_a_hop)
    return Params(
        network.latents, network.bands, places["frequency"], places["gain"], places["quality"], places.get(WEIGHT, -1),
        frequency_scale_q31(graph, "network"), len(ends), np.array(table.operators, np.int32), parts, ends,
        np.concatenate(table.weights).astype(np.int16), np.concatenate(table.rows).astype(np.int32), rest,
        _scaling(2.0**-20 / float(latent.scale[0]), latent, *latent.limits, _LARGEST), glider,
    )  # fmt: skip


@lru_cache(maxsize=8)
def _checked(network: SteeringNetwork) -> tuple[Graph, _Table]:
    """The graph of a network, once it is known that the device can run it, and its table."""
    graph = steering_graph(network)
    require_sound(graph)
    return graph, _Table(graph, network)


class _Table:
    """The operators of a network, and the weights and rows of its products one behind the other."""

    def __init__(self, graph: Graph, network: SteeringNetwork) -> None:
        self.places = {LATENT: -1, **network.places}
        self.operators: list[list[int]] = []
        self.weights: list[np.ndarray] = []
        self.rows: list[np.ndarray] = []
        for op in graph.operators:
            self._add(graph, op, prepare(graph, op))

    def _add(self, graph: Graph, op: Operator, prepared: Any) -> None:
        reads = [self.places[name] for name in op.inputs[: 2 if op.kind == "ADD" else 1]]
        kind = KINDS.index("LOGISTIC" if op.kind == "TANH" else op.kind)
        numbers = self._product(op, prepared) if op.kind == PRODUCT else _numbers(prepared)
        words = [kind, reads[0], reads[-1], self.places[op.outputs[0]], graph.tensors[op.outputs[0]].size, *numbers]
        self.operators.append([int(word) for word in words] + [0] * (COLUMNS - len(words)))

    def _product(self, op: Operator, prepared: FullyConnectedParams) -> list[int]:
        if not prepared.wide or np.abs(prepared.bias).max() >= 2**31 or prepared.output_zero_point:
            raise StapesError(
                f"network: layer {op.name[:40]!r} has sums that the device does not take; quantise it with w8a16"
            )
        starts = sum(part.size for part in self.weights), sum(len(part) for part in self.rows)
        self.weights.append(prepared.weights.astype(np.int16).ravel())
        self.rows.append(np.stack([prepared.bias, prepared.multiplier_q31, prepared.shift], axis=1))
        return [prepared.weights.shape[1], *starts, prepared.activation_min, prepared.activation_max]


def _numbers(prepared: AddParams | ReluParams | SigmoidParams) -> list[int]:
    """The plain numbers of an operator, in the order of its struct in C."""
    return [int(value) for value in vars(prepared).values() if not isinstance(value, tuple)]


def slices(operators: list[list[int]], budget: int) -> tuple[np.ndarray, np.ndarray]:
    """Parts int32 (P, 3) and ends int32 (slices,): no slice costs more than the budget, but for one block of a product that does."""
    parts: list[tuple[int, int, int]] = []
    ends: list[int] = []
    left = budget
    for index, op in enumerate(operators):
        cost = op[5] if KINDS[op[0]] == PRODUCT else _VALUE_COST
        first, outputs = 0, op[4]
        while first < outputs:
            count = min(left // (cost * _BLOCK) * _BLOCK, outputs - first)
            if count == 0 and left < budget:
                ends.append(len(parts))
                left = budget
                continue
            count = count or min(_BLOCK, outputs - first)
            parts.append((index, first, count))
            first, left = first + count, max(left - count * cost, 0)
    ends.append(len(parts))
    return np.array(parts, np.int32), np.array(ends, np.int32)
