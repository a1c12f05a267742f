"""Conformance vectors of quantised recurrent cells: small networks, every tensor of every frame, as JSON.

    python -m stapes.tools.conformance docs/reference/conformance

`docs/reference/recurrent.md` says what the files hold and how every number follows from the ones before. Whoever writes these cells for
another library or another processor needs nothing else of this project.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
import typer
from onnx import TensorProto, helper, numpy_helper

from ..firmware_sim import kernels
from ..models.errors import StapesError
from ..models.files import write_whole
from ..quantize.graph import Graph, Operator, to_codes
from ..quantize.onnx_reader import check_model
from ..quantize.pipeline import Quantised, quantise
from ..quantize.prepare import Params, prepare
from ..quantize.recipe import load_recipe
from ..quantize.tables import SIGMOID_Q16

SEED = 15
INPUTS, SIZE = 3, 4
CALIBRATION_FRAMES = 200
# Frames that run on from a reset, and frames whose inputs and states are anywhere in their ranges.
RUNNING, ANYWHERE = 5, 3
RECIPES = ("w8a16", "w8a8")
LINE = 120
# File name -> ONNX operator, gates, attributes.
CELLS: Mapping[str, tuple[str, int, dict[str, Any]]] = {
    "gru_reset_after": ("GRU", 3, {"linear_before_reset": 1}),
    "gru_reset_before": ("GRU", 3, {"linear_before_reset": 0}),
    "lstm": ("LSTM", 4, {}),
    "rnn": ("RNN", 1, {}),
}
# The candidate of an LSTM is g here, so that c is the cell state alone.
_RENAMED = {"lstm0/xc": "xg", "lstm0/hc": "hg", "lstm0/ac": "ag", "lstm0/c": "g", "lstm0/ic": "ig"}
# What follows from scales alone, of the parameters of an operator.
_PARAMETERS = (
    "left_shift",
    "multiplier_1_q31",
    "shift_1",
    "multiplier_2_q31",
    "shift_2",
    "output_multiplier_q31",
    "output_shift",
    "multiplier_q31",
    "multiplier",
    "shift",
    "table",
)


def cell(name: str, seed: int) -> onnx.ModelProto:
    """One cell as a streaming ONNX file: x (1, 1, INPUTS), states (1, 1, SIZE). Weights are multiples of 1/256, exact in float32."""
    kind, gates, attributes = CELLS[name]
    rng = np.random.default_rng(seed)
    constants = {
        "W": rng.integers(-256, 257, (1, gates * SIZE, INPUTS)) / 256,
        "R": rng.integers(-128, 129, (1, gates * SIZE, SIZE)) / 256,
        "B": rng.integers(-64, 65, (1, 2 * gates * SIZE)) / 256,
    }
    states = ["h", "c"] if kind == "LSTM" else ["h"]
    made = ["y", *(f"{state}_out" for state in states)]
    node = helper.make_node(kind, ["x", "W", "R", "B", "", *states], made, hidden_size=SIZE, **attributes)
    shapes = {"x": (1, 1, INPUTS), **dict.fromkeys(states, (1, 1, SIZE))}
    shapes_out = {"y": (1, 1, 1, SIZE), **dict.fromkeys(made[1:], (1, 1, SIZE))}
    inputs, outputs = (
        [helper.make_tensor_value_info(value, TensorProto.FLOAT, shape) for value, shape in given.items()]
        for given in (shapes, shapes_out)
    )
    initialisers = [numpy_helper.from_array(array.astype(np.float32), label) for label, array in constants.items()]
    graph = helper.make_graph([node], name, inputs, outputs, initialisers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def quantised(name: str, recipe: str, seed: int) -> Quantised:
    """A cell in integers, calibrated with numbers between -2 and 2."""
    rng = np.random.default_rng((seed, 1))
    frames = rng.integers(-2048, 2049, (CALIBRATION_FRAMES, INPUTS)) / 1024
    return quantise(check_model(cell(name, seed), name), load_recipe(recipe), [{"x": frames.astype(np.float32)}])


def frames_of(graph: Graph, seed: int) -> Iterator[tuple[bool, dict[str, np.ndarray]]]:
    """(whether the states run on from the frame before, name -> codes (1, *shape) of every tensor of the frame)."""
    rng = np.random.default_rng((seed, 2))
    steps = [(op, prepare(graph, op)) for op in graph.operators]
    states = {state.input: graph.tensors[state.input] for state in graph.states}
    values = {name: np.full((1, *tensor.shape), tensor.zero_point, np.int64) for name, tensor in states.items()}
    for frame in range(RUNNING + ANYWHERE):
        runs_on = frame < RUNNING
        x = graph.tensors["x"]
        if runs_on:
            given = {"x": to_codes(x, rng.integers(-2048, 2049, (1, *x.shape)) / 1024)}
        else:
            ends = frame == RUNNING
            given = {
                name: rng.choice(tensor.limits, (1, *tensor.shape))
                if ends
                else rng.integers(*tensor.limits, (1, *tensor.shape), endpoint=True)
                for name, tensor in {"x": x, **states}.items()
            }
        values = {**given, **{name: codes for name, codes in values.items() if name not in given}}
        for op, params in steps:
            values.update(zip(op.outputs, kernels.run(graph, op, params, values), strict=True))
        yield runs_on, values
        values = {state.input: values[state.output] for state in graph.states}


def vectors(name: str, recipe: str, seed: int) -> dict[str, Any]:
    """Everything about a cell: its tensors, its operators in order, and what they compute, frame by frame."""
    made = quantised(name, recipe, seed)
    graph = made.graph
    labels = _labels(graph)
    kind, _, attributes = CELLS[name]
    operators = [op for op in graph.operators if op.kind != "RESHAPE"]
    constants = {label: value for op in operators for value, label in _constants(op, labels)}
    labels |= {value: label for label, value in constants.items()}
    return {
        "cell": {"operator": kind, **attributes},
        "recipe": recipe,
        "seed": seed,
        "states": [{"read": labels[s.input], "written": labels[s.output]} for s in graph.states],
        "tensors": {labels[value]: _tensor(made, value) for value in _in_order(graph, operators)},
        "steps": [_step(op, prepare(graph, op), labels) for op in operators],
        "frames": [
            {"runs_on": runs_on, "codes": {labels[v]: values[v].ravel().tolist() for v in values if v in labels}}
            for runs_on, values in frames_of(graph, seed)
        ],
    }


def _labels(graph: Graph) -> dict[str, str]:
    """Name in the graph -> name in the file, for all that is computed: without the cell's own name, and a copy is what it copies."""
    labels = {"x": "x", **{state.input: state.input for state in graph.states}}
    copies = {op.inputs[0]: op.outputs[0] for op in graph.operators if op.kind == "RESHAPE"}
    for op in graph.operators:
        for value in op.outputs:
            stem, slash, suffix = value.removesuffix("/int16").removesuffix("/int8"), "/", value.rpartition("/")[2]
            converted = f"{slash}{suffix}" if stem != value else ""
            short = _RENAMED.get(stem, stem.rpartition("/")[2])
            labels[value] = copies.get(value, short) + converted
    return labels


def _constants(op: Operator, labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Name in the graph and in the file of the weights and the bias of a product."""
    if op.kind == "FULLY_CONNECTED":
        for value, what in zip(op.inputs[1:], ("weights", "bias"), strict=True):
            yield value, f"{labels[op.outputs[0]]}/{what}"


def _in_order(graph: Graph, operators: list[Operator]) -> list[str]:
    """Inputs, states, then what each operator reads and makes, each tensor once."""
    first = [*graph.inputs, *(state.input for state in graph.states)]
    return list(dict.fromkeys([*first, *(value for op in operators for value in (*op.inputs, *op.outputs))]))


def _tensor(made: Quantised, value: str) -> dict[str, Any]:
    tensor = made.graph.tensors[value]
    assert tensor.scale is not None
    described: dict[str, Any] = {
        "dtype": tensor.dtype,
        "shape": list(tensor.shape) if tensor.is_constant else [tensor.size],
        "scale": [float(scale) for scale in tensor.scale],
        "zero_point": tensor.zero_point,
    }
    if tensor.data is not None:
        real = made.lowered.tensors[value].data
        assert real is not None
        described |= {"codes": tensor.data.tolist(), "real": real.tolist()}
    return described


def _step(op: Operator, params: Params, labels: Mapping[str, str]) -> dict[str, Any]:
    held = {field.name: getattr(params, field.name) for field in fields(params)}
    return {
        "operator": op.kind,
        "reads": [labels[value] for value in op.inputs],
        "makes": labels[op.outputs[0]],
        "parameters": {name: np.asarray(held[name]).tolist() for name in _PARAMETERS if name in held},
    }


def text(value: Any, indent: str = "") -> str:
    """JSON that a person can read: in one line what fits into one."""
    line = json.dumps(value)
    if len(indent) + len(line) <= LINE or not isinstance(value, dict | list):
        return line
    inner = f"{indent} "
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {text(part, inner)}" for key, part in value.items()]
    elif isinstance(value[0], int):
        parts = [json.dumps(value[start : start + 16])[1:-1] for start in range(0, len(value), 16)]
    else:
        parts = [text(part, inner) for part in value]
    opened, closed = "{}" if isinstance(value, dict) else "[]"
    return f"{opened}\n" + ",\n".join(inner + part for part in parts) + f"\n{indent}{closed}"


def files(seed: int = SEED) -> dict[str, str]:
    """File name -> text of all vectors, and of the table of the sigmoid."""
    table = {"sigmoid_q16.json": text({"sigmoid_q16": SIGMOID_Q16.reshape(-1, 16).tolist()}) + "\n"}
    cells = {f"{name}_{recipe}.json": text(vectors(name, recipe, seed)) + "\n" for name in CELLS for recipe in RECIPES}
    return table | cells


def main(
    folder: Annotated[Path, typer.Argument(help="Where the files go; it is made where it is missing.")],
    seed: Annotated[int, typer.Option(min=0, help="Of weights, calibration and frames.")] = SEED,
) -> None:
    """Write the conformance vectors of quantised recurrent cells into a folder."""
    try:
        made = files(seed)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in made.items():
            write_whole(folder / name, content.encode())
    except StapesError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    except OSError as error:
        typer.echo(f"error: {folder}: {error.strerror}; give a folder that can be written", err=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    typer.run(main)
