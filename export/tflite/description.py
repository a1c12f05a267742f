"""What a .tflite has no field for: names and regions of operators, states, metadata, and a digest of the whole graph.

It travels as JSON in the metadata buffer `stapes.graph`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...models.errors import StapesError
from ...quantize.graph import DTYPES, Graph
from .options import plain

METADATA_NAME = "stapes.graph"
FORMAT = 1


def constant_bytes(data: np.ndarray, dtype: str) -> bytes:
    """The values of a constant as the file holds them: row by row, little endian."""
    return np.ascontiguousarray(data, np.dtype(DTYPES[dtype]).newbyteorder("<")).tobytes()


def describe(graph: Graph) -> dict[str, Any]:
    """The description of a graph, ready for `encode`."""
    description = {
        "format": FORMAT,
        "operators": [
            {"name": op.name, "region": op.region, "options": {k: plain(v) for k, v in op.options.items()}}
            for op in graph.operators
        ],
        "inputs": len(graph.inputs),
        "outputs": len(graph.outputs),
        "states": [[state.input, state.output] for state in graph.states],
        "regions": [{"name": r.name, "kind": r.kind, "roles": dict(r.roles)} for r in graph.regions],
        "metadata": dict(graph.metadata),
        # A single scale with an axis and one without look the same in the file.
        "axis_of_single_scale": {
            t.name: t.axis
            for t in graph.tensors.values()
            if t.scale is not None and t.axis is not None and np.size(t.scale) == 1
        },
    }
    description["digest"] = digest(graph)
    return description


def encode(description: Mapping[str, Any]) -> bytes:
    """JSON in one spelling: the same description gives the same bytes."""
    try:
        return json.dumps(description, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError) as error:
        raise StapesError(f"the graph holds an option, role or metadata value that JSON cannot: {error}") from None


def digest(graph: Graph) -> str:
    """SHA-256 over everything in a graph: a file that was cut or changed does not match it."""
    sha = hashlib.sha256()

    def update(*values: object) -> None:
        sha.update(json.dumps(values, separators=(",", ":"), default=plain).encode("ascii"))

    update(graph.name, graph.inputs, graph.outputs, dict(graph.metadata))
    update([[s.input, s.output] for s in graph.states], [[r.name, r.kind, dict(r.roles)] for r in graph.regions])
    for op in graph.operators:
        update(op.kind, op.name, op.inputs, op.outputs, op.region, {k: plain(v) for k, v in op.options.items()})
    for tensor in graph.tensors.values():
        update(tensor.name, tensor.shape, tensor.dtype, tensor.zero_point, tensor.axis)
        sha.update(b"-" if tensor.scale is None else np.asarray(tensor.scale, "<f4").tobytes())
        sha.update(b"-" if tensor.data is None else constant_bytes(tensor.data, tensor.dtype))
    return sha.hexdigest()
