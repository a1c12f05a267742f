"""The float network of an integer graph: the same operators on the real numbers that codes stand for."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from stapes.firmware_sim.network import NetworkSimulator
from stapes.quantize.dequantised import as_source, dequantised
from stapes.quantize.graph import Graph, Tensor, to_real

from tests.firmware_sim.tflm import constant, one_operator

SCALE = np.array([0.25], np.float32)


def tensor(name: str, *shape: int, zero_point: int = -3, scale: np.ndarray = SCALE) -> Tensor:
    return Tensor(name, shape, "int8", scale, zero_point)


def moving(kind, x, y, *constants, **options):
    return one_operator(kind, [x, *constants], [y], options)


def slice_of(begin, end, stride, shape, **masks):
    where = [constant(name, values) for name, values in (("begin", begin), ("end", end), ("stride", stride))]
    options = {"begin_mask": 0, "end_mask": 0, "shrink_axis_mask": 0} | masks
    return moving("STRIDED_SLICE", tensor("x", 2, 5, 3), tensor("y", *shape), *where, **options)


GRAPHS = {
    "a slice": slice_of([0, 1, 0], [2, 4, 3], [1, 2, 1], (2, 2, 3)),
    "all of an axis, reversed": slice_of([0, 4, 0], [2, 0, 3], [1, -1, 1], (2, 5, 3), end_mask=2),
    "one place of an axis": slice_of([0, 2, 0], [2, 3, 3], [1, 1, 1], (2, 3), shrink_axis_mask=2),
    "SLICE": moving(
        "SLICE", tensor("x", 4, 3), tensor("y", 2, 3), constant("begin", [1, 0]), constant("size", [2, -1])
    ),
    "TRANSPOSE": moving("TRANSPOSE", tensor("x", 2, 3, 4), tensor("y", 4, 2, 3), constant("order", [2, 0, 1])),
    "PAD": moving("PAD", tensor("x", 2, 3), tensor("y", 3, 5), constant("pads", [[1, 0], [0, 2]])),
    "RESHAPE": moving("RESHAPE", tensor("x", 2, 6), tensor("y", 3, 4), constant("shape", [3, 4])),
    "SPLIT": one_operator("SPLIT", [constant("axis", 1), tensor("x", 2, 4)], [tensor("y", 2, 2), tensor("z", 2, 2)]),
    "RELU6 fused": one_operator(
        "ADD",
        [tensor("x", 1, 8), constant("c", np.full((1, 1), 4), "int8", 0.25)],
        [tensor("y", 1, 8)],
        {"fused_activation_function": "RELU6"},
    ),
    "GATHER": one_operator(
        "GATHER",
        [constant("table", np.arange(256) - 128, "int8", 0.25, -3), Tensor("x", (1, 40), "int32", SCALE)],
        [tensor("y", 1, 40)],
        {"axis": 0},
    ),
}


def run(graph: Graph, x: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(dequantised(graph).SerializeToString())
    given = to_real(graph.tensors["x"], x).astype(np.float32)
    return dict(zip(graph.outputs, session.run(list(graph.outputs), {"x": given}), strict=True))


@pytest.mark.parametrize("case", GRAPHS)
def test_what_is_exact_in_integers_is_the_same_in_real_numbers(case):
    graph = GRAPHS[case]
    x = np.random.default_rng(0).integers(*((0, 256) if case == "GATHER" else (-20, 40)), graph.tensors["x"].shape)
    if case == "GATHER":
        # Positions go through QUANTIZE in a graph; alone they are no input that an engine takes.
        table = graph.tensors["table"].data
        expected = {"y": np.asarray(table)[x]}
    else:
        expected = {name: made[0] for name, made in NetworkSimulator(graph, 1).step({"x": x[None]}).items()}
    for name, made in run(graph, x).items():
        np.testing.assert_array_equal(made, to_real(graph.tensors[name], expected[name]), err_msg=name)


def test_names_of_other_people_stand_at_the_ends_alone():
    graph = one_operator("RELU", [tensor("v0", 1, 4)], [tensor("v0.low", 1, 4)])
    model = dequantised(graph)
    source = as_source(graph, model)
    assert (source.inputs, source.outputs, source.states) == (("v0",), ("v0.low",), ())
    onnxruntime.InferenceSession(model.SerializeToString())
