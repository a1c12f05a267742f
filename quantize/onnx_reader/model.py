"""From a model in memory to what lowering needs of it, each doubt told or refused by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from ...models.errors import StapesError
from ...models.text import first_line
from ..graph import State
from . import shapes as shaping
from .file import AGAIN, load_onnx
from .folding import fold
from .states import STATES_KEY, find_states
from .types import make_dense, require_float32
from .versions import ONNX, converted, opset_of, require_known_versions
from .wiring import RECURRENT, attribute, reached_from

_QUANTISED = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger")
_SHOWN = 3


@dataclass(frozen=True)
class StreamingOnnx:
    """A checked streaming model: `shapes` are static ONNX shapes by value name, `constants` the folded initialisers.

    `inputs` and `outputs` exclude the states. `notes` are doubts that the user should hear of, one line each. `opset` is that of
    `nodes`.
    """

    name: str
    nodes: tuple[onnx.NodeProto, ...]
    constants: dict[str, np.ndarray]
    shapes: dict[str, tuple[int, ...]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    states: tuple[State, ...]
    metadata: dict[str, str]
    notes: tuple[str, ...] = ()
    opset: int = 18

    @property
    def sizes(self) -> tuple[dict[str, int], dict[str, int]]:
        """Values of each input and of each output, by name."""
        inputs, outputs = (
            {name: math.prod(self.shapes[name]) for name in names} for names in (self.inputs, self.outputs)
        )
        return inputs, outputs


def read_onnx(path: str | Path) -> tuple[onnx.ModelProto, StreamingOnnx]:
    """Read and check a streaming ONNX file: the model itself, its data taken in, and what lowering needs of it.

    Raises StapesError: not ONNX; a dimension that is not fixed; types other than floats; weights that are NaN or infinite;
    a recurrent model without state inputs.
    """
    model = load_onnx(path).model
    return model, check_model(model, str(path))


def check_model(model: onnx.ModelProto, label: str) -> StreamingOnnx:
    """The checks of `read_onnx` on a model in memory; `label` names it in errors."""
    require_known_versions(model, label)
    require_float32(shaping.free_inputs(model.graph), "input", label)
    require_float32(model.graph.output, "output", label)
    shaping.require_fixed_inputs(model, label)
    _require_own_outputs(model.graph, label)
    metadata = _metadata(model, label)
    folded = _folded(converted(plain(model, label), label), label)
    graph = folded.graph
    nodes = tuple(node for node in graph.node if node.op_type != "Constant")
    constants = read_constants(graph, label)
    shapes = {name: array.shape for name, array in constants.items()} | shaping.known_shapes(graph)
    given = [value.name for value in graph.input]
    made = [value.name for value in graph.output]
    states, notes = find_states(given, made, nodes, shapes, metadata, label)
    if not states and any(_runs_over_time(node) for node in nodes):
        raise StapesError(
            f"{label}: a recurrent network without states: make each hidden state an input and an output "
            f"(h0 and h0_out), one frame a call, or name the pairs in the metadata {STATES_KEY!r}"
        )
    state_inputs, state_outputs = {s.input for s in states}, {s.output for s in states}
    for what, names, own in (("input", given, state_inputs), ("output", made, state_outputs)):
        if set(names) <= own:
            raise StapesError(
                f"{label}: no {what} but states ({', '.join(names) or 'none at all'}); export what a frame "
                f"{'brings' if what == 'input' else 'gives'} as an {what} of its own"
            )
    return StreamingOnnx(
        name=graph.name or "network",
        nodes=nodes,
        constants=constants,
        shapes=shapes,
        inputs=tuple(name for name in given if name not in state_inputs),
        outputs=tuple(name for name in made if name not in state_outputs),
        states=states,
        metadata=metadata,
        notes=(*notes, *_idle(given, made, nodes, states), *_two_readings(nodes, states, shapes, metadata)),
        opset=opset_of(folded),
    )


def _runs_over_time(node: onnx.NodeProto) -> bool:
    """Whether a recurrence goes from frame to frame; backward, or both ways, it goes over the positions of one."""
    return node.op_type in RECURRENT and attribute(node, "direction", b"forward") in (b"forward", "forward")


def _two_readings(
    nodes: Sequence[onnx.NodeProto],
    states: Sequence[State],
    shapes: Mapping[str, tuple[int, ...]],
    metadata: Mapping[str, str],
) -> list[str]:
    """A recurrence both ways or backward, in a file without any state, may run over one frame or over a whole recording: nothing tells."""
    found = [node for node in nodes if node.op_type in RECURRENT]
    if states or STATES_KEY in metadata or not found:
        return []
    first = found[0]
    length = shapes[first.input[0]][0]
    return [
        f"no state, and {first.op_type} ({first.name or first.output[0]}) runs from the end, over {length} positions: taken for those of one frame; where they are "
        "the frames of a recording of fixed length, say so by --time-axis"
    ]


def _require_own_outputs(graph: onnx.GraphProto, label: str) -> None:
    """Folding renames an input that is an output as well, and nobody could feed it any more."""
    given, made = {value.name for value in graph.input}, [value.name for value in graph.output]
    for name in made:
        if name in given:
            raise StapesError(
                f"{label}: output {name!r} is an input as well: leave it out, or give it a name of its own"
            )
        if made.count(name) > 1:
            raise StapesError(f"{label}: output {name!r} stands twice among the outputs: leave one out")


def _metadata(model: onnx.ModelProto, label: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in model.metadata_props:
        if entry.key.startswith("stapes.") and entry.key in found:
            raise StapesError(f"{label}: the metadata {entry.key!r} stands there twice; keep one")
        found[entry.key] = entry.value
    return found


def plain(model: onnx.ModelProto, label: str) -> onnx.ModelProto:
    """A copy with plain constants that are no inputs, as they are in older files, and that says of outputs only what it knows."""
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    plain.ClearField("training_info")
    given = shaping.free_inputs(plain.graph)
    if len(given) != len(plain.graph.input):
        kept = [value.SerializeToString() for value in given]
        plain.graph.ClearField("input")
        plain.graph.input.extend(onnx.ValueInfoProto.FromString(value) for value in kept)
        plain.ir_version = max(plain.ir_version, 4)
    shaping.forget_open_outputs(plain)
    try:
        make_dense(plain.graph)
    except Exception as error:
        raise _unreadable_constant(label, error) from None
    return plain


def _folded(model: onnx.ModelProto, label: str) -> onnx.ModelProto:
    """Constants folded and all shapes known. Folding may need shapes, and shapes what was folded."""
    try:
        model = fold(model)
        _require_lowerable_domains(model.graph, label)
        model = shaping.infer_shapes(model)
        shaping.require_small(model.graph, label)
        if shaping.unknown_values(model.graph) and not _control_flow(model.graph):
            if grown := shaping.open_sizes(model.graph):
                raise StapesError(
                    f"{label}: {grown[0].op_type} ({grown[0].name or grown[0].output[0]}) decides at run time how large its "
                    "result is; a device computes the same in every frame: export the model with fixed sizes"
                )
            model = fold(shaping.measured(model))
            model = shaping.infer_shapes(model)
            if shaping.unknown_values(model.graph):
                model = shaping.measured(model)
    except StapesError:
        raise
    except Exception as error:
        raise StapesError(f"{label}: its shapes do not fit together ({first_line(error)}); {AGAIN}") from None
    if flow := _control_flow(model.graph):
        raise StapesError(
            f"{label}: {flow[0].op_type} ({flow[0].name or flow[0].output[0]}) decides at run time what is computed; "
            "a device computes the same in every frame: export the model without it"
        )
    return model


def _control_flow(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    return [node for node in graph.node if node.op_type in shaping.CONTROL_FLOW]


def _require_lowerable_domains(graph: onnx.GraphProto, label: str) -> None:
    """Raise StapesError for what only some runtimes know, and for a network that was quantised before it came here."""
    quantised = [n for n in graph.node if n.op_type in _QUANTISED or n.op_type.startswith(("QLinear", "QAttention"))]
    if quantised:
        raise StapesError(
            f"{label}: already quantised ({_some(quantised)}); give the float model that it was made of, "
            "stapes quantises that itself"
        )
    foreign = [node for node in graph.node if node.domain not in ONNX]
    if foreign:
        raise StapesError(
            f"{label}: operators that are not ONNX's own ({_some(foreign)}); give the file as torch.onnx.export wrote it, "
            "before any tool optimised it for one runtime"
        )


def _some(nodes: Sequence[onnx.NodeProto]) -> str:
    words = [f"{node.domain + '.' if node.domain else ''}{node.op_type}" for node in nodes]
    kinds = list(dict.fromkeys(words))
    return ", ".join(kinds[:_SHOWN]) + f" and {len(kinds) - _SHOWN} more" * (len(kinds) > _SHOWN)


def read_constants(graph: onnx.GraphProto, label: str) -> dict[str, np.ndarray]:
    """The values of initialisers and Constant nodes. Raises StapesError for what cannot be read, for NaN and for infinity."""
    try:
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                constants[node.output[0]] = _constant_value(node)
    except Exception as error:
        raise _unreadable_constant(label, error) from None
    for name, array in constants.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise StapesError(f"{label}: weight {name!r} holds NaN or infinity; train or export the model again")
    return constants


def _unreadable_constant(label: str, error: Exception) -> StapesError:
    return StapesError(f"{label}: a constant cannot be read ({first_line(error)}); {AGAIN}")


def _constant_value(node: onnx.NodeProto) -> np.ndarray:
    given = node.attribute[0]
    value = onnx.helper.get_attribute_value(given)
    return numpy_helper.to_array(value) if given.name == "value" else np.asarray(value)


def _idle(
    given: Sequence[str], made: Sequence[str], nodes: Sequence[onnx.NodeProto], states: Sequence[State]
) -> list[str]:
    """Inputs that decide nothing, outputs that nothing decides."""
    reached = {name: reached_from(nodes, [name]) for name in given}
    kept = {state.input for state in states}
    after = {state.output for state in states}
    notes = [
        f"{'state' if name in kept else 'input'} {name!r} does nothing: no output depends on it"
        for name in given
        if not reached[name].intersection(made)
    ]
    return notes + [
        f"{'state' if name in after else 'output'} {name!r} is the same in every frame: no input decides it"
        for name in made
        if not any(name in values for values in reached.values())
    ]
