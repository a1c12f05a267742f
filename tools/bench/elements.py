"""The kernels between the matrices alone, one operator each, on the emulated device: instructions an element, held to numpy."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from ...export.c import export_c
from ...export.stamp import Stamp
from ...firmware_sim.cortex_m7.calls import Frames
from ...firmware_sim.cortex_m7.measure import measure
from ...quantize.graph import LIMITS, Graph, Operator, Tensor

ELEMENTS = 512
DTYPES = ("int16", "int8")
# Real values at the largest codes: of a curve's input and of what QUANTIZE and LEAKY_RELU make of it, of two terms, of results.
_INPUT, _OUTPUT, _TERMS, _RESULTS = 6.0, 4.2, (1.0, 0.7), {"ADD": 1.5, "MUL": 0.6}
_CURVES = {"LOGISTIC": {"int16": (2.0**-15, 0), "int8": (2.0**-8, -128)}, "TANH": {"int16": (2.0**-15, 0), "int8": (2.0**-7, 0)}}  # fmt: skip


def instructions_per_element(toolchain: str | None = None) -> dict[str, float]:
    """Operator and dtype -> instructions an element of ELEMENTS, the call included; `toolchain` None is the first that is here.

    Raises StapesError where the device gives other integers than numpy.
    """
    graph = _graph()
    rng = np.random.default_rng(0)
    codes = {name: _values(rng, graph.tensors[name])[None] for name in graph.inputs}
    with tempfile.TemporaryDirectory(prefix="stapes-elements-") as work:
        folder = Path(work) / graph.name
        export_c(graph, folder, name=graph.name, sound_path=None, stamp=Stamp("0" * 16, "0", graph.name))
        found = measure(folder, Frames(graph, codes), toolchain=toolchain)
    taken = {stage.removeprefix("network: "): total for stage, total in found.instructions_by_stage.items()}
    return {op.name.replace("_", " "): round(taken[op.name] / ELEMENTS, 1) for op in graph.operators}


def _values(rng: np.random.Generator, tensor: Tensor) -> np.ndarray:
    return rng.integers(tensor.limits[0], tensor.limits[1] + 1, tensor.shape)


def _graph() -> Graph:
    """Each operator beside the others, with inputs of its own."""
    tensors: dict[str, Tensor] = {}
    operators: list[Operator] = []

    def tensor(name: str, dtype: str, largest: float) -> str:
        zero_point = 3 if dtype == "int8" else 0
        return keep(name, dtype, largest / LIMITS[dtype][1], zero_point)

    def keep(name: str, dtype: str, scale: float, zero_point: int) -> str:
        tensors[name] = Tensor(name, (1, ELEMENTS), dtype, np.array([scale], np.float32), zero_point)
        return name

    def add(kind: str, name: str, inputs: list[str], output: str, **options: float) -> None:
        operators.append(Operator(kind, name, tuple(inputs), (output,), options))

    for dtype in DTYPES:
        for kind, largest in _RESULTS.items():
            name = f"{kind.lower()}_{dtype}"
            terms = [tensor(f"{name}/x{i}", dtype, term) for i, term in enumerate(_TERMS)]
            add(kind, name, terms, tensor(f"{name}/y", dtype, largest))
        for kind, made in _CURVES.items():
            name = f"{kind.lower()}_{dtype}"
            add(kind, name, [tensor(f"{name}/x", dtype, _INPUT)], keep(f"{name}/y", dtype, *made[dtype]))
        name = f"leaky_relu_{dtype}"
        add("LEAKY_RELU", name, [tensor(f"{name}/x", dtype, _INPUT)], tensor(f"{name}/y", dtype, _OUTPUT), alpha=0.25)
        for made_dtype in DTYPES:
            name = f"quantize_{dtype}_{made_dtype}"
            add("QUANTIZE", name, [tensor(f"{name}/x", dtype, _INPUT)], tensor(f"{name}/y", made_dtype, _OUTPUT))
    inputs = tuple(name for op in operators for name in op.inputs)
    return Graph("elements", tensors, tuple(operators), inputs, tuple(op.outputs[0] for op in operators))
