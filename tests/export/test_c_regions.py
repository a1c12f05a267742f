"""Regions and patterns that are one kernel in C give the integers of their operators; what is not one runs as it stands."""

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import helper
from stapes.export.c.program import build_program
from stapes.export.c.schedule import schedule
from stapes.firmware_sim.network import NetworkSimulator
from stapes.quantize.graph import Graph, Operator, Region, State, Tensor
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.pipeline import quantise
from stapes.quantize.recipe import load_recipe

from tests.export.operator_cases import WIDE, Cases, frames
from tests.export.programs import BUILDS, CNetwork
from tests.quantize.onnx_models import make
from tests.quantize.test_lowering_positions import sequence_model

NONE = {"fused_activation_function": "NONE"}
SAME = (0.01, 0)


@functools.lru_cache(maxsize=1)
def made(graph: Callable[..., Graph], *arguments: object) -> Graph:
    """A graph of a maker, once for all builds, which come one behind the other."""
    return graph(*arguments)


# The graph that numpy ran last, for how many frames, and what it made.
_last: tuple[Graph | None, int, list] = (None, 0, [])


def wanted_of(graph: Graph, count: int) -> list[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
    """Inputs over time, extremes and noise of every level, and what numpy makes of them, states running on."""
    global _last
    if _last[0] is not graph or _last[1] != count:
        simulator = NetworkSimulator(graph, 1)
        given = frames(graph, count, seed=3)
        results = [simulator.step({name: values[None] for name, values in frame.items()}) for frame in given]
        _last = graph, count, list(zip(given, results, strict=True))
    return _last[2]


def assert_same_frames(graph: Graph, network: CNetwork, count: int = 30) -> None:
    """C against numpy over time, states running on in both."""
    for index, (frame, wanted) in enumerate(wanted_of(graph, count)):
        got = network.step(frame)
        for name in graph.outputs:
            np.testing.assert_array_equal(got[name], wanted[name][0], err_msg=f"{name}, frame {index}")


def rows(c: Cases, name: str, x: str, y: str, first: int, last: int, step: int = 1) -> None:
    """STRIDED_SLICE of rows along the first axis."""
    shape = c.tensors[x].shape
    ends = ((first, *(0,) * (len(shape) - 1)), (last, *shape[1:]), (step, *(1,) * (len(shape) - 1)))
    constants = [c.shape_constant(f"{name}/{i}", values) for i, values in enumerate(ends)]
    c.operators.append(Operator("STRIDED_SLICE", name, (x, *constants), (y,)))


def history(dtype: str = "int16", past: int = 4, step: int = 2, width: int = 5, channels: int = 3) -> Cases:
    """A frame behind `past` older ones, of which every `step`-th goes through a depth-wise convolution."""
    c = Cases(np.random.default_rng(past))
    same = (0.01, 0 if dtype == "int16" else 3)
    taps = past // step + 1
    frame = c.input("frame", (1, width, channels), dtype, *same)
    c.tensor("history", (past, width, channels), dtype, *same)
    c.tensor("all", (past + 1, width, channels), dtype, *same)
    c.tensor("history_out", (past, width, channels), dtype, *same)
    c.operators.append(Operator("CONCATENATION", "join", ("history", frame), ("all",), {"axis": 0, **NONE}))
    rows(c, "drop", "all", "history_out", 1, past + 1)
    seen = "all"
    if step > 1:
        seen = c.tensor("seen", (taps, width, channels), dtype, *same)
        rows(c, "look", "all", "seen", 0, past + 1, step)
    shape = c.shape_constant("shape", (1, taps, width, channels))
    c.tensor("image", (1, taps, width, channels), dtype, *same)
    c.operators.append(
        Operator("RESHAPE", "view", (seen, shape), ("image",), {"new_shape": [1, taps, width, channels]})
    )
    pads = c.shape_constant("pads", [[0, 0], [0, 0], [1, 1], [0, 0]])
    c.tensor("padded", (1, taps, width + 2, channels), dtype, *same)
    c.operators.append(Operator("PAD", "pad", ("image", pads), ("padded",)))
    names = c.weights("filter", (1, taps, 3, channels), "padded", channels=True, wide=WIDE[dtype], axis=3)
    y = c.tensor("y", (1, 1, width, channels), dtype, 0.05)
    c.add("DEPTHWISE_CONV_2D", "filter", ("padded", *names), [y], padding="VALID", depth_multiplier=1)
    return c


def with_state(c: Cases, outputs: tuple[str, ...] = ("y",)) -> Graph:
    return replace(c.graph(), outputs=outputs, states=(State("history", "history_out"),))


HISTORIES = {
    "int16": lambda: history("int16", 4, 2),
    "int8": lambda: history("int8", 10, 5),
    "every frame": lambda: history("int16", 2, 1),
    "of GTCRN": lambda: history("int16", 10, 5, 33, 16),
}
# Whole words in a frame, of which all are looked at: the state holds the newest one too.
JOINED = {
    "int16": lambda: history("int16", 4, 1, 6, 5),
    "int8": lambda: history("int8", 3, 1, 5, 4),
}


@pytest.mark.parametrize("build", list(BUILDS))
@pytest.mark.parametrize("kind", list(HISTORIES))
def test_a_history_moves_within_its_state_and_its_reader_pads_for_itself(kind, build, tmp_path):
    graph = with_state(HISTORIES[kind]())
    suffix = "s8" if kind == "int8" else "s16"
    program = build_program(graph, "net")
    assert program.functions == {f"stapes_history_{suffix}", f"stapes_depthwise_conv_2d_{suffix}"}
    assert not program.closing_copies
    assert_same_frames(graph, CNetwork(graph, tmp_path, build))


@pytest.mark.parametrize("build", list(BUILDS))
@pytest.mark.parametrize("dtype", list(JOINED))
def test_a_history_whose_frames_are_all_looked_at_holds_them_in_its_state(dtype, build, tmp_path):
    graph = with_state(JOINED[dtype]())
    program = build_program(graph, "net")
    assert f"stapes_history_frames_{'s8' if dtype == 'int8' else 's16'}" in program.functions
    assert program.state_bytes == graph.tensors["all"].bytes
    assert program.arena_bytes == 0
    network = CNetwork(graph, tmp_path, build)
    assert_same_frames(graph, network)
    network.reset()
    assert_same_frames(graph, network)


def test_a_history_stays_alone_where_its_frames_are_an_output_or_are_no_whole_words(tmp_path):
    output = with_state(JOINED["int16"](), ("y", "all"))
    for index, graph in enumerate((output, with_state(history("int16", 4, 1)))):
        program = build_program(graph, "net")
        assert program.state_bytes == graph.tensors["history"].bytes
        (tmp_path / str(index)).mkdir()
        assert_same_frames(graph, CNetwork(graph, tmp_path / str(index)))


def test_a_history_that_is_read_again_is_kept(tmp_path):
    """An operator behind the step reads the frames as they were before it."""
    c = history()
    c.add("ADD", "late", ("history", "history"), [c.tensor("late", (4, 5, 3), "int16", 0.02)], **NONE)
    graph = with_state(c, ("y", "late"))
    assert "stapes_history_s16" in build_program(graph, "net").functions
    assert len(build_program(graph, "net").closing_copies) == 1
    assert_same_frames(graph, CNetwork(graph, tmp_path))


def backwards(c: Cases) -> None:
    """The frame in front of the history."""
    c.operators[0] = replace(c.operators[0], inputs=c.operators[0].inputs[::-1])


def newest_dropped(c: Cases) -> None:
    c.tensors["drop/0"] = replace(c.tensors["drop/0"], data=np.int32([0, 0, 0]))
    c.tensors["drop/1"] = replace(c.tensors["drop/1"], data=np.int32([4, 5, 3]))


def read_before_the_history_moves(c: Cases) -> None:
    """Nothing may come between the operators of a history that reads what they make."""
    c.operators.append(c.operators.pop(1))


@pytest.mark.parametrize("change", [backwards, newest_dropped, read_before_the_history_moves])
def test_what_is_no_history_runs_operator_by_operator(change, tmp_path):
    c = history()
    change(c)
    graph = with_state(c)
    assert "stapes_history_s16" not in build_program(graph, "net").functions
    assert_same_frames(graph, CNetwork(graph, tmp_path))


def test_a_pad_that_somebody_else_reads_stays(tmp_path):
    c = history()
    c.add("ADD", "late", ("padded", "padded"), [c.tensor("late", (1, 3, 7, 3), "int16", 0.02)], **NONE)
    graph = with_state(c, ("y", "late"))
    assert "pad" in [step.name for step in schedule(graph)]
    assert_same_frames(graph, CNetwork(graph, tmp_path))


def quantised(model: onnx.ModelProto, recipe: str = "w8a16", scale: float = 1.0) -> Graph:
    """The integer graph of a small ONNX model, calibrated on noise."""
    source = check_model(model, "test")
    rng = np.random.default_rng(1)
    noise = {name: rng.normal(0, scale, (50, int(np.prod(source.shapes[name])))) for name in source.inputs}
    return quantise(source, load_recipe(recipe), [{name: np.float32(values) for name, values in noise.items()}]).graph


def layer_norm(size: int, scale: float, recipe: str = "w8a16") -> Graph:
    rng = np.random.default_rng(size)
    constants = {"g": rng.normal(1, 0.3, size), "b": rng.normal(0, 0.3, size)}
    nodes = [
        helper.make_node("LayerNormalization", ["x", "g", "b"], ["n"], epsilon=1e-5),
        helper.make_node("Add", ["n", "h"], ["h_out"]),
        helper.make_node("Tanh", ["h_out"], ["y"]),
    ]
    shape = (1, size)
    model = make(nodes, {"x": shape, "h": shape}, {"y": shape, "h_out": shape}, constants)
    return quantised(model, recipe, scale)


@pytest.mark.parametrize("build", list(BUILDS))
@pytest.mark.parametrize(("size", "scale"), [(528, 3.0), (65, 0.01), (5, 1.0)])
def test_a_layer_norm_is_one_kernel(size, scale, build, tmp_path):
    graph = made(layer_norm, size, scale)
    functions = build_program(graph, "net").functions
    assert "stapes_layer_norm_s16" in functions
    assert not functions & {"stapes_relu_s16", "stapes_batch_matmul_s16", "stapes_mul_s16"}
    assert_same_frames(graph, CNetwork(graph, tmp_path, build), 60)


def test_a_layer_norm_that_is_looked_into_runs_operator_by_operator(tmp_path):
    graph = layer_norm(33, 1.0)
    graph = replace(graph, outputs=(*graph.outputs, graph.regions[0].roles["c1"]))
    assert "stapes_layer_norm_s16" not in build_program(graph, "net").functions
    assert_same_frames(graph, CNetwork(graph, tmp_path))


def with_bias(graph: Graph, role: str, bias: int) -> Graph:
    """The weighted sum of a LayerNorm's role with another bias, as no network has it but a file may."""
    op = next(op for op in graph.operators if op.outputs[0] == graph.regions[0].roles[role])
    tensor = graph.tensors[op.inputs[2]]
    return replace(graph, tensors={**graph.tensors, tensor.name: replace(tensor, data=np.full_like(tensor.data, bias))})


@pytest.mark.parametrize("biases", [{"g": -(2**30)}, {"y0": 2**30, "correction": -(2**30)}])
def test_a_layer_norm_whose_factors_are_the_lowest_code_is_the_same(biases, tmp_path):
    """Twice that code is no int16 times another: the kernel goes another way there, for the gain and for the deviation."""
    graph = layer_norm(33, 1.0)
    for role, bias in biases.items():
        graph = with_bias(graph, role, bias)
    lowest = graph.regions[0].roles["g" if "g" in biases else "y"]
    given = frames(graph, 5, seed=3)
    simulator = NetworkSimulator(graph, 1)
    seen = [
        simulator.step({name: values[None] for name, values in frame.items()}, keep=lowest)[lowest] for frame in given
    ]
    assert min(int(values.min()) for values in seen) == -(2**15)
    assert "stapes_layer_norm_s16" in build_program(graph, "net").functions
    assert_same_frames(graph, CNetwork(graph, tmp_path, "sanitised"), 40)


SEQUENCES = {
    "of GTCRN": lambda: quantised(sequence_model(33)),
    "int8": lambda: quantised(sequence_model(12), "w8a8"),
    "odd sizes": lambda: quantised(sequence_model(5, 7, 3)),
    "odd sizes in int8": lambda: quantised(sequence_model(5, 7, 3), "w8a8"),
    "as convolutions": lambda: quantised(sequence_model(11), "w8a16_cmsis_nn"),
}


@pytest.mark.parametrize("build", list(BUILDS))
@pytest.mark.parametrize("kind", list(SEQUENCES))
def test_a_gru_over_positions_is_one_kernel(kind, build, tmp_path):
    graph = made(SEQUENCES[kind])
    functions = build_program(graph, "net").functions
    form = "s8" if "int8" in kind else "s16" if "odd" in kind else "grouped_s16"
    assert f"stapes_gru_sequence_{form}" in functions
    assert not any("fully_connected" in function or "copy" in function for function in functions)
    assert_same_frames(graph, CNetwork(graph, tmp_path, build), 60)


def with_another_state(graph: Graph) -> Graph:
    """Step 3 starts from the state of step 1."""
    roles = graph.regions[0].roles
    wrong = {roles["2/h_out"]: roles["1/h_out"]}
    operators = [
        replace(op, inputs=tuple(wrong.get(name, name) for name in op.inputs)) if op.outputs[0] == roles["3/hr"] else op
        for op in graph.operators
    ]
    return replace(graph, operators=tuple(operators))


def with_other_weights(graph: Graph) -> Graph:
    """Step 2 has a recurrence of its own."""
    roles = graph.regions[0].roles
    op = next(op for op in graph.operators if op.outputs == (roles["2/hz"],))
    weights = graph.tensors[op.inputs[1]]
    assert weights.data is not None
    own = replace(weights, name="own", data=np.roll(weights.data, 1, axis=1))
    operators = tuple(replace(o, inputs=(o.inputs[0], "own", *o.inputs[2:])) if o is op else o for o in graph.operators)
    return replace(graph, operators=operators, tensors={**graph.tensors, "own": own})


def backwards_throughout(graph: Graph) -> Graph:
    """Both directions start at the last position."""
    roles = graph.regions[0].roles
    name = next(op for op in graph.operators if op.outputs == (roles["xr"],)).name
    operators = [replace(op, inputs=op.inputs[::-1]) if op.name == name else op for op in graph.operators]
    return replace(graph, operators=tuple(operators))


@pytest.mark.parametrize("change", [with_another_state, with_other_weights, backwards_throughout])
def test_a_sequence_that_the_kernel_does_not_compute_runs_operator_by_operator(change, tmp_path):
    graph = change(quantised(sequence_model(6)))
    assert not any("gru_sequence" in function for function in build_program(graph, "net").functions)
    assert_same_frames(graph, CNetwork(graph, tmp_path))


def energy(channels: int = 8, length: int = 33) -> Graph:
    """Sums of squares of the columns of x."""
    c = Cases(np.random.default_rng(0))
    x = c.input("x", (length, channels), "int16")
    scale = float(c.tensors[x].scale[0])
    c.tensor("turned", (channels, length), "int16", scale)
    c.tensor("vectors", (channels, 1, length), "int16", scale)
    c.tensor("sums", (channels, 1, 1), "int16", scale**2 * length * 2.0**13)
    c.tensor("y", (1, channels), "int16", scale**2 * length * 2.0**13)
    perm, shape, flat = (
        c.shape_constant(name, values)
        for name, values in (("perm", [1, 0]), ("shape", [channels, 1, length]), ("flat", [1, channels]))
    )
    c.add("TRANSPOSE", "turn", (x, perm), ["turned"])
    c.add("RESHAPE", "part", ("turned", shape), ["vectors"])
    c.add("BATCH_MATMUL", "square", ("vectors", "vectors"), ["sums"], adj_x=False, adj_y=True)
    c.add("RESHAPE", "join", ("sums", flat), ["y"])
    roles = {"x": x, "turned": "turned", "vectors": "vectors", "sums": "sums", "out": "y"}
    operators = tuple(replace(op, region="energy") for op in c.operators)
    return replace(c.graph(), operators=operators, outputs=("y",), regions=(Region("energy", "energy", roles),))


@pytest.mark.parametrize("build", list(BUILDS))
@pytest.mark.parametrize("size", [(8, 33), (1, 1), (5, 257)])
def test_energies_are_summed_where_they_lie(size, build, tmp_path):
    graph = made(energy, *size)
    assert build_program(graph, "net").functions == {"stapes_energy_s16"}
    assert_same_frames(graph, CNetwork(graph, tmp_path, build))


def test_products_of_two_different_tensors_are_no_energy(tmp_path):
    graph = energy()
    other = Tensor("other", (8, 1, 33), "int16", graph.tensors["x"].scale)
    operators = [
        replace(op, inputs=("vectors", "other")) if op.kind == "BATCH_MATMUL" else op for op in graph.operators
    ]
    graph = replace(graph, tensors={**graph.tensors, "other": other}, operators=tuple(operators), inputs=("x", "other"))
    assert "stapes_batch_matmul_s16" in build_program(graph, "net").functions
    assert_same_frames(graph, CNetwork(graph, tmp_path))


def test_an_energy_that_is_looked_into_runs_operator_by_operator(tmp_path):
    graph = replace(energy(), outputs=("y", "turned"))
    assert "stapes_copy_s16" in build_program(graph, "net").functions
    assert_same_frames(graph, CNetwork(graph, tmp_path))
