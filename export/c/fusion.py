"""Which kinds of regions are one call of C, and how: the table that the schedule, the layout and the writer share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...quantize.graph import Graph, Region
from . import energy, layer_norm
from .constants import Constants
from .energy import energy_fields, is_energy
from .fields import Fields
from .gru import gate_kernels, gru_fields, gru_kernel, gru_scratch, is_gru
from .gru_sequence import (
    gru_sequence_fields,
    gru_sequence_kernel,
    gru_sequence_scratch,
    is_gru_sequence,
    sequence_gate_kernels,
)
from .history import history_fields
from .kernels import Kernel
from .layer_norm import is_layer_norm, layer_norm_fields


@dataclass(frozen=True)
class Fusion:
    """One kernel `stapes_<kind>_<s8 or s16>(params, reads ..., scratch, writes ...)`, tensors by their roles.

    matches: whether the kernel computes a region to the bit and nobody looks inside.
    fields: the fields of `stapes_<params>_params`, where `params` is the kernel's name or the one given here.
    scratch: dtype and number of values, or None.
    in_place: pairs (written, read) of roles that may share memory.
    kernel: the kernel's name without its dtype, where a kind of region has several.
    products: operator -> what multiplies inside the kernel.
    """

    matches: Callable[[Graph, Region], bool]
    fields: Callable[[Graph, Region, Constants], Fields]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    scratch: Callable[[Graph, Region], tuple[str, int] | None] = lambda graph, region: None
    in_place: tuple[tuple[str, str], ...] = ()
    params: str | None = None
    kernel: Callable[[Graph, Region], str] | None = None
    products: Callable[[Graph, Region], dict[str, Kernel]] = lambda graph, region: {}


def _all_by(form: str) -> Callable[[Graph, Region], dict[str, Kernel]]:
    return lambda graph, region: {op.name: Kernel(form) for op in graph.in_region(region.name)}


FUSIONS = {
    "gru": Fusion(
        is_gru,
        gru_fields,
        ("x", "h"),
        ("h_out",),
        gru_scratch,
        in_place=(("h_out", "h"),),
        kernel=gru_kernel,
        products=gate_kernels,
    ),
    "gru_sequence": Fusion(
        is_gru_sequence,
        gru_sequence_fields,
        ("x",),
        ("out",),
        gru_sequence_scratch,
        kernel=gru_sequence_kernel,
        products=sequence_gate_kernels,
    ),
    "energy": Fusion(is_energy, energy_fields, ("x",), ("sums",), products=_all_by(energy.FORM)),
    "layer_norm": Fusion(is_layer_norm, layer_norm_fields, ("x",), ("out",), products=_all_by(layer_norm.FORM)),
    "history": Fusion(
        lambda graph, region: True,
        history_fields,
        ("history", "frame"),
        ("taps", "history_out"),
        in_place=(("history_out", "history"),),
        params="history",
    ),
}
