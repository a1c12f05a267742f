"""Memory of a frame: states, aliases and outputs end where they belong whatever way they are wired."""

import numpy as np
import pytest
from stapes.export.c.layout import lay_out
from stapes.export.c.program import build_program
from stapes.export.c.schedule import schedule
from stapes.firmware_sim.network import NetworkSimulator
from stapes.models.errors import StapesError
from stapes.quantize.graph import Graph, Operator, State, Tensor

from tests.export.programs import CNetwork

NONE = {"fused_activation_function": "NONE"}
RELU = {"fused_activation_function": "RELU"}


def tensor(name, shape=(1, 5), data=None):
    return Tensor(name, shape, "int16", np.array([0.01], np.float32), data=data)


def wired(names, operators, inputs, outputs, states=()):
    """A graph of int16 tensors (1, 5), all of one scale; names may be ready-made tensors."""
    tensors = [name if isinstance(name, Tensor) else tensor(name) for name in names]
    return Graph("wired", {t.name: t for t in tensors}, tuple(operators), inputs, outputs, tuple(states))


def add(name, a, b, out):
    return Operator("ADD", name, (a, b), (out,), NONE)


def reshape(name, x, out):
    return Operator("RESHAPE", name, (x,), (out,))


def shift_register():
    """Two old frames as states, each handed on: state b becomes what a was."""
    sums = [add("one", "x", "a", "s"), add("two", "s", "b", "y")]
    return wired(["x", "a", "b", "s", "y"], sums, ("x",), ("y",), [State("a", "x"), State("b", "a")])


def shift_register_declared_backwards():
    graph = shift_register()
    return Graph(graph.name, graph.tensors, graph.operators, graph.inputs, graph.outputs, graph.states[::-1])


def output_that_is_the_state():
    return wired(["x", "a", "y"], [add("one", "x", "a", "y")], ("x",), ("y",), [State("a", "y")])


def output_that_is_read_again():
    return wired(["x", "y", "z"], [add("one", "x", "x", "y"), add("two", "y", "x", "z")], ("x",), ("y", "z"))


def output_that_is_an_input():
    return wired(["x", "y"], [add("one", "x", "x", "y")], ("x",), ("y", "x"))


def output_that_is_the_old_state():
    return wired(["x", "a", "y"], [add("one", "x", "a", "y")], ("x",), ("a",), [State("a", "y")])


def output_that_is_a_constant():
    constant = tensor("c", data=np.array([[1, -2, 3, -4, 5]], np.int16))
    return wired(["x", constant, "y"], [add("one", "x", "c", "y")], ("x",), ("y", "c"))


def reshaped_everywhere():
    """Aliases of an input, of a tensor in the arena, of an output; the shape itself is not part of the arithmetic."""
    flat = [tensor(name, (5, 1)) for name in ("xf", "sf", "yf")]
    steps = [
        reshape("r1", "x", "xf"),
        add("one", "x", "x", "s"),
        reshape("r2", "s", "sf"),
        Operator("ADD", "two", ("sf", "xf"), ("yf",), RELU),
        reshape("r3", "yf", "y"),
    ]
    return wired(["x", "s", "y", *flat], steps, ("x",), ("y", "sf"))


def state_behind_a_reshape():
    flat = tensor("yf", (5, 1))
    steps = [add("one", "x", "a", "y"), reshape("r", "y", "yf")]
    state = tensor("a", (1, 5))
    return wired(["x", state, "y", flat], steps, ("x",), ("yf",), [State("a", "y")])


def long_chain():
    """Twelve tensors, of which two live at any time."""
    names = [f"t{i}" for i in range(12)]
    steps = [add(f"op{i}", names[i], "x", names[i + 1]) for i in range(11)]
    return wired(["x", *names], [add("first", "x", "x", "t0"), *steps], ("x",), ("t11",))


def unused_result():
    parts = [tensor(f"p{i}", (1, 1)) for i in range(5)]
    axis = Tensor("axis", (1,), "int32", data=np.array([1], np.int32))
    split = Operator("SPLIT", "split", ("axis", "x"), tuple(p.name for p in parts), {"num_splits": 5})
    joined = Operator("CONCATENATION", "join", ("p3", "p0"), ("y",), {"axis": 1, **NONE})
    return wired(["x", axis, *parts, tensor("y", (1, 2))], [split, joined], ("x",), ("y",))


GRAPHS = [
    shift_register,
    shift_register_declared_backwards,
    output_that_is_the_state,
    output_that_is_read_again,
    output_that_is_an_input,
    output_that_is_the_old_state,
    output_that_is_a_constant,
    reshaped_everywhere,
    state_behind_a_reshape,
    long_chain,
    unused_result,
]


@pytest.mark.parametrize("make", GRAPHS)
def test_c_gives_the_integers_of_numpy_frame_after_frame(make, tmp_path):
    graph = make()
    simulator, network = NetworkSimulator(graph, 1), CNetwork(graph, tmp_path)
    rng = np.random.default_rng(3)
    for frame in range(6):
        x = rng.integers(-3000, 3000, graph.tensors["x"].shape)
        wanted, got = simulator.step({"x": x[None]}), network.step({"x": x})
        for name in graph.outputs:
            np.testing.assert_array_equal(got[name], wanted[name][0], err_msg=f"{name}, frame {frame}")


def test_a_chain_reuses_the_memory_of_what_is_done():
    graph = long_chain()
    layout = lay_out(graph, schedule(graph), {})
    assert layout.arena.size == 2 * 12  # two tensors of five int16, each on a boundary of 4 bytes


def test_states_that_exchange_their_values_are_refused():
    states = [State("a", "b"), State("b", "a")]
    graph = wired(["x", "a", "b", "y"], [add("one", "x", "a", "y")], ("x",), ("y",), states)
    with pytest.raises(StapesError, match="exchange their values"):
        build_program(graph, "net")


def test_a_tensor_that_nothing_computes_is_named():
    graph = wired(["x", "lost", "y"], [add("one", "x", "lost", "y")], ("x",), ("y",))
    with pytest.raises(StapesError, match="nothing computes tensor 'lost'"):
        build_program(graph, "net")


def test_an_operator_without_a_kernel_is_named():
    graph = wired(["x", "y"], [Operator("SOFTMAX", "soft", ("x",), ("y",))], ("x",), ("y",))
    with pytest.raises(StapesError, match="'soft': SOFTMAX has no kernel in C"):
        build_program(graph, "net")


def test_names_that_are_equal_in_c_or_reserved_are_told_apart(tmp_path):
    """`a.b`, `a/b`, a keyword, and the words of the generated code itself."""
    names = ["a.b", "a/b", "while", "ctx", "out", "bundle", "arena", "status", "audio_params", "7"]
    steps = [add(f"op{i}", name, "in", names[i + 1]) for i, name in enumerate(names[:-1])]
    graph = wired(["in", *names], [add("int", "in", "in", "a.b"), *steps], ("in",), ("7",), [State("arena", "out")])
    graph = Graph(
        graph.name,
        graph.tensors,
        tuple(op for op in graph.operators if op.outputs != ("arena",)),
        graph.inputs,
        graph.outputs,
        graph.states,
    )
    simulator, network = NetworkSimulator(graph, 1), CNetwork(graph, tmp_path)
    for x in (np.full((1, 5), 3), np.full((1, 5), -40)):
        wanted, got = simulator.step({"in": x[None]}), network.step({"in": x})
        np.testing.assert_array_equal(got["7"], wanted["7"][0])
