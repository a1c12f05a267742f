"""A graph run frame by frame in numpy: the bits of TFLite Micro over time, and errors that name what is wrong."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from stapes.export.tflite import from_bytes, to_bytes
from stapes.firmware_sim.network import NetworkSimulator
from stapes.models.errors import StapesError
from stapes.quantize.graph import DTYPES, Graph, Operator, Tensor

from tests.firmware_sim.gru_graph import gru_graph, random_frames
from tests.firmware_sim.tflm import oracle

FRAMES = 200


def tflm_over_time(graph: Graph, frames: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Every activation of every frame on the stock interpreter, the state fed back; frames (T, 1, *shape)."""
    runtime = oracle()
    interpreter = runtime.Interpreter.from_bytes(
        to_bytes(graph),
        arena_size=1 << 20,
        intrepreter_config=runtime.InterpreterConfig.kPreserveAllTensors,
    )
    index = {name: number for number, name in enumerate(graph.tensors)}
    made = [name for op in graph.operators for name in op.outputs]
    kept: dict[str, list[np.ndarray]] = {name: [] for name in made}
    tensor = graph.tensors["h"]
    state = np.full(tensor.shape, tensor.zero_point, DTYPES[tensor.dtype])
    for frame in frames:
        interpreter.set_input(frame[0].astype(DTYPES[graph.tensors["x"].dtype]), 0)
        interpreter.set_input(state, 1)
        interpreter.invoke()
        state = np.array(interpreter.get_output(1))
        for name in made:
            kept[name].append(np.array(interpreter.GetTensor(index[name], 0)["tensor_data"]))
    return kept


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_a_recurrent_gru_gives_the_oracle_bits_in_every_tensor_of_every_frame(dtype: str, per_channel: bool):
    graph = gru_graph(dtype, per_channel=per_channel)
    frames = random_frames(graph, FRAMES, 1, seed=5)
    expected = tflm_over_time(graph, frames)
    simulator = NetworkSimulator(graph, 1)
    for number, frame in enumerate(frames):
        made = simulator.step({"x": frame}, keep="all")
        assert list(made) == list(expected)
        for name, value in made.items():
            np.testing.assert_array_equal(value[0], expected[name][number], err_msg=f"{name}, frame {number}")
    # The comparison means something only if the cell moved: gates open and close, the state uses its range.
    for name in ("r", "z", "n", "h_out"):
        assert len(np.unique(np.stack(expected[name]))) > (80 if dtype == "int8" else 5000), name


def test_utterances_of_a_batch_do_not_touch_each_other():
    graph = gru_graph("int16", 20, 16)
    frames = random_frames(graph, 30, 5, seed=6)
    together = NetworkSimulator(graph, 5)
    alone = [NetworkSimulator(graph, 1) for _ in range(5)]
    for frame in frames:
        out = together.step({"x": frame})["h_out"]
        for utterance, simulator in enumerate(alone):
            single = simulator.step({"x": frame[utterance : utterance + 1]})["h_out"]
            np.testing.assert_array_equal(out[utterance], single[0])


def test_reset_forgets_everything():
    graph = gru_graph("int8", 20, 16)
    frames = random_frames(graph, 10, 2, seed=7)
    simulator = NetworkSimulator(graph, 2)
    first = [simulator.step({"x": frame})["h_out"] for frame in frames]
    simulator.reset()
    again = [simulator.step({"x": frame})["h_out"] for frame in frames]
    np.testing.assert_array_equal(first, again)
    assert np.ptp(np.stack(first)) > 0


def test_states_begin_at_their_zero_point():
    graph = gru_graph("int8", 20, 16)
    zero_point = 17
    moved = {
        name: dataclasses.replace(graph.tensors[name], zero_point=zero_point) if name in ("h", "h_out") else tensor
        for name, tensor in graph.tensors.items()
    }
    simulator = NetworkSimulator(dataclasses.replace(graph, tensors=moved), 3)
    assert np.all(simulator.states["h"] == zero_point)


def test_a_graph_read_back_from_its_file_computes_the_same():
    graph = gru_graph("int16", 20, 16)
    frames = random_frames(graph, 10, 2, seed=8)
    simulators = NetworkSimulator(graph, 2), NetworkSimulator(from_bytes(to_bytes(graph)), 2)
    for frame in frames:
        first, second = (simulator.step({"x": frame}, keep="all") for simulator in simulators)
        assert all(np.array_equal(first[name], second[name]) for name in first)


def test_keep_returns_what_was_asked_for():
    graph = gru_graph("int8", 20, 16)
    simulator = NetworkSimulator(graph, 1)
    frame = random_frames(graph, 1, 1, seed=9)[0]
    assert list(simulator.step({"x": frame})) == ["h_out"]
    assert list(simulator.step({"x": frame}, keep=["z", "r"])) == ["z", "r", "h_out"]
    assert list(simulator.step({"x": frame}, keep="z")) == ["z", "h_out"]
    assert len(simulator.step({"x": frame}, keep="all")) == len(graph.operators)


def test_what_follows_from_constants_alone_is_given_for_every_utterance():
    scale = np.array([0.5], np.float32)
    data = np.array([[1, -2]], np.int8)
    graph = Graph(
        "constant",
        {
            "c": Tensor("c", (1, 2), "int8", scale, 0, None, data),
            "x": Tensor("x", (1, 2), "int8", scale),
            "y": Tensor("y", (1, 2), "int8", scale),
            "z": Tensor("z", (1, 2), "int8", scale),
        },
        (Operator("RELU", "y", ("c",), ("y",)), Operator("ADD", "z", ("y", "x"), ("z",))),
        ("x",),
        ("y", "z"),
    )
    out = NetworkSimulator(graph, 3).step({"x": np.full((3, 1, 2), 5)})
    assert out["y"].tolist() == [[[1, 0]]] * 3
    assert out["z"].tolist() == [[[6, 5]]] * 3


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "'x' is missing"),
        ({"x": np.zeros((2, 1, 20), np.int64), "y": np.zeros(1)}, "'y' is no input"),
        ({"x": np.zeros((1, 1, 20), np.int64)}, r"shape \(1, 1, 20\); give \(2, 1, 20\)"),
        ({"x": np.zeros((2, 1, 20))}, "float64"),
        ({"x": np.full((2, 1, 20), 128)}, "outside int8"),
        ({"x": np.full((2, 1, 20), -129)}, "outside int8"),
    ],
)
def test_wrong_inputs_are_named(inputs: dict[str, np.ndarray], message: str):
    with pytest.raises(StapesError, match=message):
        NetworkSimulator(gru_graph("int8", 20, 16), 2).step(inputs)


def test_a_name_that_is_not_in_the_graph_cannot_be_kept():
    simulator = NetworkSimulator(gru_graph("int8", 20, 16), 1)
    with pytest.raises(StapesError, match="'q'"):
        simulator.step({"x": np.zeros((1, 1, 20), np.int64)}, keep=["q"])


def test_operators_out_of_order_are_refused():
    graph = gru_graph("int8", 20, 16)
    with pytest.raises(StapesError, match="before any operator made it"):
        NetworkSimulator(dataclasses.replace(graph, operators=graph.operators[::-1]), 1)


def test_an_empty_batch_is_refused():
    with pytest.raises(StapesError, match="at least 1"):
        NetworkSimulator(gru_graph("int8", 20, 16), 0)
