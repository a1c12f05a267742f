"""What is in a bundle and what it will cost."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal, overload

from ...export.c.costs import costs
from ...export.c.kernels import Kernel
from ...export.c.program import multiplies
from ...export.targets import CORTEX_M7, Target, find_target
from ...quantize.graph import Graph, Operator
from ...quantize.proof import Bound, prove
from ...quantize.tflm_builds import Build, tflm_builds
from ..bundle import Bundle, opened
from ..defaults import INSTRUCTIONS_PER_CYCLE
from ..device_report import DeviceInspection, inspect_device
from ..given import given


@dataclass(frozen=True)
class OperatorCost:
    """An operator of the graph: the format of its output, its work, and what multiplies its matrix on the target.

    `weight_scales` counts the scales of its weights; `saturation` is the fraction of its output that calibration saw saturate;
    `blocks_stored` of `blocks` of 4 x 4 weights are kept, None for an operator without a matrix.
    """

    name: str
    kind: str
    region: str | None
    dtype: str
    shape: tuple[int, ...]
    scale: float | None
    zero_point: int
    macs: int
    weight_scales: int
    saturation: float
    kernel: str | None
    blocks_stored: int | None
    blocks: int | None


@dataclass(frozen=True)
class Inspection:
    """Everything that is known of a bundle without running it: sizes in bytes, times in ms (None without an audio path)."""

    name: str
    bundle_sha256: str
    recipe: str
    target: str
    macs_per_frame: int
    parameters: int
    flash_bytes: int
    flash_by_part: dict[str, int]
    ram_bytes: int
    ram_by_part: dict[str, int]
    ears_bytes: int | None
    latency_ms: float | None
    hop_ms: float | None
    operators: tuple[OperatorCost, ...]
    states: tuple[tuple[str, str], ...]
    overflow_free: bool
    overflow_bounds: tuple[Bound, ...]
    saturation: dict[str, float]
    planned_saturation: dict[str, float]
    tflm_builds: tuple[Build, ...]

    def to_json(self) -> dict[str, Any]:
        """What `stapes inspect --json` prints behind its schema."""
        return {
            **vars(self),
            "operators": [{**vars(operator), "shape": list(operator.shape)} for operator in self.operators],
            "states": [list(state) for state in self.states],
            "overflow_bounds": [{**vars(bound), "bits": bound.bits} for bound in self.overflow_bounds],
            "tflm_builds": [vars(build) for build in self.tflm_builds],
        }


@overload
def inspect(bundle: Bundle | str | os.PathLike[str], *, target: str = CORTEX_M7.name) -> Inspection: ...
@overload
def inspect(
    bundle: Bundle | str | os.PathLike[str], *, device: Literal[False], target: str = CORTEX_M7.name
) -> Inspection: ...
@overload
def inspect(
    bundle: Bundle | str | os.PathLike[str],
    *,
    device: Literal[True],
    target: str = CORTEX_M7.name,
    instructions_per_cycle: float = INSTRUCTIONS_PER_CYCLE,
) -> DeviceInspection: ...


def inspect(
    bundle: Bundle | str | os.PathLike[str],
    *,
    device: bool = False,
    target: str = CORTEX_M7.name,
    instructions_per_cycle: float = INSTRUCTIONS_PER_CYCLE,
) -> Inspection | DeviceInspection:
    """Tell operators, scales, multiply-accumulates, flash, RAM, latency, saturation, and where the .tflite runs.

    bundle    a `Bundle`, or its folder
    device    count instructions, stack, flash and RAM on an emulated Cortex-M7 instead
    target    `cortex-m7`, `portable` or `host`: whose kernels are told of; with `device` they are counted on the Cortex-M7
    instructions_per_cycle  with `device`: what the load at a clock assumes, 0.1 to 2

    `to_json` of the result is what `stapes inspect --json` prints behind its schema. Raises StapesError: no bundle; with `device` also where the
    machine lacks the compiler or the emulator.

    >>> found = inspect(bundle)
    >>> found.overflow_free, found.latency_ms
    (True, 8.0)
    >>> sum(operator.macs for operator in found.operators) == found.macs_per_frame
    True
    """
    of, processor = opened(bundle), find_target(target)
    on_device = given(device, bool, "a choice, device")
    return inspect_device(of, instructions_per_cycle, target=processor) if on_device else _described(of, processor)


def _described(bundle: Bundle, target: Target) -> Inspection:
    graph, sound_path = bundle.graph, bundle.sound_path
    bounds = prove(graph)
    seen, planned = bundle.manifest["saturation"], bundle.manifest["planned_saturation"]
    cost = costs(graph, bundle.name, sound_path, target)
    rate = sound_path.sample_rate / 1000.0 if sound_path else None
    return Inspection(
        name=bundle.name,
        bundle_sha256=bundle.hash,
        recipe=bundle.recipe.name,
        target=target.name,
        macs_per_frame=cost.macs,
        parameters=sum(_parameters(graph, op) for op in graph.operators),
        flash_bytes=cost.flash_bytes,
        flash_by_part=cost.flash_by_part,
        ram_bytes=cost.ram_bytes,
        ram_by_part=cost.ram_by_part,
        ears_bytes=cost.ears_bytes,
        latency_ms=sound_path.latency / rate if sound_path and rate else None,
        hop_ms=sound_path.hop / rate if sound_path and rate else None,
        operators=tuple(_operator(graph, op, {**seen, **planned}, cost.kernels.get(op.name)) for op in graph.operators),
        states=tuple((state.input, state.output) for state in graph.states),
        overflow_free=all(bound.holds for bound in bounds),
        overflow_bounds=tuple(bounds),
        saturation=seen,
        planned_saturation=planned,
        tflm_builds=tuple(tflm_builds(graph)),
    )


def _parameters(graph: Graph, op: Operator) -> int:
    """Trained numbers of an operator: weights, biases and elementwise constants."""
    constants = [graph.tensors[name] for name in op.inputs if name and graph.tensors[name].is_constant]
    return sum(tensor.size for tensor in constants if tensor.scale is not None)


def _operator(graph: Graph, op: Operator, saturation: dict[str, float], kernel: Kernel | None) -> OperatorCost:
    out = graph.tensors[op.outputs[0]]
    weights = graph.tensors[op.inputs[1]] if op.kind in ("FULLY_CONNECTED", "CONV_2D") else None
    return OperatorCost(
        name=op.name,
        kind=op.kind,
        region=op.region,
        dtype=out.dtype,
        shape=out.shape,
        scale=float(out.scale[0]) if out.scale is not None else None,
        zero_point=out.zero_point,
        macs=multiplies(graph, op),
        weight_scales=int(weights.scale.size) if weights and weights.scale is not None else 0,
        saturation=saturation.get(op.outputs[0], 0.0),
        kernel=kernel.form if kernel else None,
        blocks_stored=kernel.stored if kernel else None,
        blocks=kernel.groups if kernel else None,
    )
