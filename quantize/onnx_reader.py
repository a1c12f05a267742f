"""The front door for ONNX: a streaming model, one frame a call, checked and folded before lowering sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnxscript import optimizer

from models.errors import StapesError

from .graph import State

STATES_KEY = "stapes.states"
_STATE_SPELLINGS = (
    lambda name: f"{name}_out",
    lambda name: f"{name}_next",
    lambda name: f"out_{name}",
    lambda name: f"next_{name}",
    lambda name: name.replace("_in", "_out"),
    lambda name: name.replace("in_", "out_"),
    lambda name: name.replace("prev", "next"),
    lambda name: name.replace("old", "new"),
)


@dataclass(frozen=True)
class StreamingOnnx:
    """A checked streaming model: `shapes` are static ONNX shapes by value name, `constants` the folded initialisers.

    `inputs` and `outputs` exclude the states.
    """

    name: str
    nodes: tuple[onnx.NodeProto, ...]
    constants: dict[str, np.ndarray]
    shapes: dict[str, tuple[int, ...]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    states: tuple[State, ...]
    metadata: dict[str, str]


def read_onnx(path: str | Path) -> tuple[onnx.ModelProto, StreamingOnnx]:
    """Read and check a streaming ONNX file: the model as it stands in the file, and what lowering needs of it.

    Raises StapesError: not ONNX; a dimension that is not fixed; weights that are NaN or infinite; a recurrent model
    without state inputs.
    """
    model = load_onnx(path)
    return model, check_model(model, str(path))


def load_onnx(path: str | Path) -> onnx.ModelProto:
    """The model in a file, of whatever kind; raises StapesError when it is not ONNX."""
    path = Path(path)
    if not path.is_file():
        raise StapesError(f"{path}: no such file; give a streaming ONNX model")
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
    except Exception as error:
        raise StapesError(
            f"{path}: not a readable ONNX model ({first_line(error)}); export it again with torch.onnx.export"
        ) from None
    return model


def first_line(error: Exception) -> str:
    """What an exception of a library says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def check_model(model: onnx.ModelProto, label: str) -> StreamingOnnx:
    """The checks of `read_onnx` on a model in memory; `label` names it in errors."""
    _require_fixed_shapes(model, label)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    try:
        folded = optimizer.optimize(model, num_iterations=2)
        folded = onnx.shape_inference.infer_shapes(folded, strict_mode=True, data_prop=True)
    except Exception as error:
        raise StapesError(
            f"{label}: its shapes do not fit together ({first_line(error)}); export it again with torch.onnx.export"
        ) from None
    graph = folded.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = _constant_value(node)
    _require_finite(constants, label)
    shapes = {name: array.shape for name, array in constants.items()}
    for value in (*graph.input, *graph.output, *graph.value_info):
        shapes[value.name] = tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
    given = [value.name for value in graph.input if value.name not in constants]
    made = [value.name for value in graph.output]
    states = _states(given, made, shapes, metadata, label)
    if not states and any(node.op_type in ("GRU", "LSTM", "RNN") for node in graph.node):
        raise StapesError(
            f"{label}: a recurrent network without states: make each hidden state an input and an output "
            f"(h0 and h0_out), one frame a call, or name the pairs in the metadata {STATES_KEY!r}"
        )
    state_inputs, state_outputs = {s.input for s in states}, {s.output for s in states}
    return StreamingOnnx(
        name=graph.name or "network",
        nodes=tuple(node for node in graph.node if node.op_type != "Constant"),
        constants=constants,
        shapes=shapes,
        inputs=tuple(name for name in given if name not in state_inputs),
        outputs=tuple(name for name in made if name not in state_outputs),
        states=states,
        metadata=metadata,
    )


def _constant_value(node: onnx.NodeProto) -> np.ndarray:
    attribute = node.attribute[0]
    value = onnx.helper.get_attribute_value(attribute)
    return numpy_helper.to_array(value) if attribute.name == "value" else np.asarray(value)


def _require_fixed_shapes(model: onnx.ModelProto, label: str) -> None:
    known = {tensor.name for tensor in model.graph.initializer}
    for value in (*model.graph.input, *model.graph.output):
        if value.name in known:
            continue
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if not dim.HasField("dim_value") or dim.dim_value <= 0:
                raise StapesError(
                    f"{label}: axis {axis} of {value.name!r} is not fixed ({dim.dim_param or 'unknown'}); "
                    "export a streaming model, one frame a call, without dynamic axes"
                )


def _require_finite(constants: dict[str, np.ndarray], label: str) -> None:
    for name, array in constants.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise StapesError(f"{label}: weight {name!r} holds NaN or infinity; train or export the model again")


def _states(
    given: list[str], made: list[str], shapes: dict[str, tuple[int, ...]], metadata: dict[str, str], label: str
) -> tuple[State, ...]:
    if STATES_KEY in metadata:
        try:
            pairs = [State(str(a), str(b)) for a, b in json.loads(metadata[STATES_KEY])]
        except (ValueError, TypeError):
            raise StapesError(f"{label}: metadata {STATES_KEY!r} is not a JSON list of [input, output] pairs") from None
    else:
        pairs = []
        for name in given:
            match = next(
                (spell(name) for spell in _STATE_SPELLINGS if spell(name) in made and spell(name) != name), None
            )
            if match and shapes[match] == shapes[name]:
                pairs.append(State(name, match))
    for pair in pairs:
        if pair.input not in given or pair.output not in made:
            raise StapesError(
                f"{label}: state {pair.input!r} -> {pair.output!r} is not an input and an output of the model"
            )
        if shapes[pair.input] != shapes[pair.output]:
            raise StapesError(
                f"{label}: state {pair.input!r} is {shapes[pair.input]} but {pair.output!r} is {shapes[pair.output]}"
            )
    return tuple(pairs)
