"""On which builds of TFLite Micro a graph runs, and with the same bits.

Facts measured against the pinned wheel, TFLM built with CMSIS-NN, and TFLM of August 2026.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .graph import Graph, Operator


@dataclass(frozen=True)
class Build:
    """A build of TFLite Micro: whether it runs the graph, whether with the same bits, and why not."""

    name: str
    runs: bool
    same_bits: bool
    reason: str = ""


def tflm_builds(graph: Graph) -> list[Build]:
    """The verdict for each build that was measured."""
    per_channel = [op.name for op in graph.operators if _is_per_channel_16x8(graph, op)]
    uneven = [op.name for op in graph.operators if op.kind == "SUB" and not _has_even_scales(graph, op)]
    refused = f'CMSIS-NN has no per-channel FULLY_CONNECTED in 16x8 ({_some(per_channel)}); use weights.form = "conv_2d" or granularity = "tensor"'
    older = f"int16 SUB without power-of-two scales ({_some(uneven)}) was computed in single precision"
    unmeasured = sorted({op.kind for op in graph.operators if op.kind == "BATCH_MATMUL"})
    return [
        Build("reference kernels, pinned wheel", True, True),
        Build("reference kernels, before September 2026", True, not uneven, older if uneven else ""),
        Build(
            "CMSIS-NN kernels",
            not per_channel,
            not per_channel and not unmeasured and not uneven,
            refused
            if per_channel
            else f"rounding of {unmeasured[0]} not measured there"
            if unmeasured
            else older
            if uneven
            else "",
        ),
    ]


def _is_per_channel_16x8(graph: Graph, op: Operator) -> bool:
    if op.kind != "FULLY_CONNECTED":
        return False
    scale = graph.tensors[op.inputs[1]].scale
    return graph.tensors[op.inputs[0]].dtype == "int16" and scale is not None and scale.size > 1


def _has_even_scales(graph: Graph, op: Operator) -> bool:
    tensors = [graph.tensors[name] for name in (*op.inputs, *op.outputs)]
    return all(t.dtype != "int16" or (t.scale is not None and math.frexp(float(t.scale[0]))[0] == 0.5) for t in tensors)


def _some(names: list[str]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
