"""How each kind of region is run by C as one step: the table that the schedule, the layout and the writer share.

Which operators are regions says `quantize/regions`; here is only whether C can run one as it stands, and how.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...quantize.graph import Graph, Operator, Region
from ...quantize.regions import REGIONS, maker, tensors_of
from ..template import Code
from . import energy, layer_norm, two_lines
from .constants import Constants
from .curve import curve_calls, is_curve
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
from .history import history_calls
from .kernels import Kernel
from .layer_norm import is_layer_norm, layer_norm_fields
from .moves import move_calls
from .neighbours import neighbour_windows
from .products import depthwise_calls, product_calls, product_scratch, window_calls
from .text import SUFFIXES
from .two_lines import is_two_lines, two_lines_fields
from .writer import Writer


@dataclass(frozen=True)
class Fusion:
    """What runs a region in place of its operators.

    matches: whether it computes a region to the bit and nobody looks inside; where not, the operators run.
    calls: the statements, given the name of its scratch.
    scratch: dtype and number of values, or None.
    heading: whether the generated code says where it begins.
    """

    matches: Callable[[Graph, Region], bool]
    calls: Callable[[Writer, Region, str], list[Code]]
    scratch: Callable[[Graph, Region], tuple[str, int] | None] = lambda graph, region: None
    heading: bool = True


def _kernel(
    fields: Callable[[Graph, Region, Constants], Fields],
    name: Callable[[Graph, Region], str] | None = None,
    products: Callable[[Graph, Region], dict[str, Kernel]] = lambda graph, region: {},
) -> Callable[[Writer, Region, str], list[Code]]:
    """One call `stapes_<kind>_<s8 or s16>(params, reads ..., scratch, writes ...)`.

    fields: the fields of `stapes_<kernel>_params`.
    name: the kernel's name without its dtype, where a kind of region has several.
    products: operator -> what multiplies inside the kernel.
    """

    def calls(w: Writer, region: Region, scratch: str) -> list[Code]:
        w.kernels |= products(w.graph, region)
        kind = REGIONS[region.kind]
        reads, writes = (tensors_of(region, roles) for roles in (kind.reads, kind.writes))
        stem = region.kind if name is None else name(w.graph, region)
        kernel = f"{stem}_{SUFFIXES[w.graph.tensors[writes[0]].dtype]}"
        reference = w.struct(f"{kernel}_params", region.name, fields(w.graph, region, w.arrays))
        buffers = [scratch] if scratch else []
        return [w.call(f"stapes_{kernel}", reference, *map(w.at, reads), *buffers, *map(w.at, writes))]

    return calls


def _all_by(form: str) -> Callable[[Graph, Region], dict[str, Kernel]]:
    return lambda graph, region: {op.name: Kernel(form) for op in graph.in_region(region.name)}


def _all_by_maker(graph: Graph, region: Region) -> dict[str, Kernel]:
    return {maker(graph, region.roles["y"]).name: Kernel(two_lines.FORM)}


def _neighbours(w: Writer, region: Region, scratch: str) -> list[Code]:
    windows = neighbour_windows(w.graph, region)
    assert windows is not None
    return window_calls(w, maker(w.graph, region.roles["y"]), region.roles["x"], windows, scratch)


def _neighbours_scratch(graph: Graph, region: Region) -> tuple[str, int]:
    return "int16", max(call.gather.size for call in neighbour_windows(graph, region) or [])


def _padded(graph: Graph, region: Region) -> tuple[Operator, Operator]:
    """The convolution and its PAD."""
    return maker(graph, region.roles["y"]), maker(graph, region.roles["padded"])


def _padding(w: Writer, region: Region, scratch: str) -> list[Code]:
    convolution, pad = _padded(w.graph, region)
    calls = depthwise_calls if convolution.kind == "DEPTHWISE_CONV_2D" else product_calls
    return calls(w, convolution, scratch, pad)


FUSIONS = {
    "gru": Fusion(is_gru, _kernel(gru_fields, gru_kernel, products=gate_kernels), gru_scratch),
    "gru_sequence": Fusion(
        is_gru_sequence,
        _kernel(gru_sequence_fields, gru_sequence_kernel, products=sequence_gate_kernels),
        gru_sequence_scratch,
    ),
    "energy": Fusion(is_energy, _kernel(energy_fields, products=_all_by(energy.FORM))),
    "layer_norm": Fusion(is_layer_norm, _kernel(layer_norm_fields, products=_all_by(layer_norm.FORM))),
    "curve": Fusion(is_curve, curve_calls),
    "history": Fusion(lambda graph, region: True, history_calls),
    "neighbours": Fusion(
        lambda graph, region: neighbour_windows(graph, region) is not None, _neighbours, _neighbours_scratch
    ),
    "two_lines": Fusion(is_two_lines, _kernel(two_lines_fields, products=_all_by_maker)),
    "padding": Fusion(
        lambda graph, region: True,
        _padding,
        lambda graph, region: product_scratch(graph, *_padded(graph, region)),
        heading=False,
    ),
    "moves": Fusion(lambda graph, region: True, lambda w, region, scratch: move_calls(w, region), heading=False),
}
