"""The fused GRU in C gives the integers of the operators it stands for; what it cannot fuse runs operator by operator."""

import functools
from dataclasses import replace

import numpy as np
import pytest
from stapes.export.c.program import build_program
from stapes.firmware_sim.network import NetworkSimulator
from stapes.quantize.conv_form import as_conv_2d
from stapes.quantize.graph import Graph, Operator, Region, State, Tensor

from tests.export.programs import BUILDS, CNetwork
from tests.firmware_sim.gru_graph import gru_graph, random_frames

FRAMES = 100


def rescaled(graph: Graph, **scales: float) -> Graph:
    """The graph with other scales of some tensors."""
    tensors = dict(graph.tensors)
    for name, scale in scales.items():
        tensors[name] = replace(tensors[name], scale=np.array([scale], np.float32))
    return replace(graph, tensors=tensors)


def wide_gates(graph: Graph) -> Graph:
    """int16 gates as the lowering of ONNX makes them: sums to +-16, terms of different powers of two."""
    return rescaled(graph, ar=2.0**-11, az=2.0**-11, xr=2.0**-10, hr=2.0**-13, xn=2.0**-14, hn=2.0**-11, rhn=2.0**-11)


def in_groups(graph: Graph, of_x: int, of_h: int) -> Graph:
    """Block-diagonal matrices: that many groups of inputs, and of states."""
    tensors = dict(graph.tensors)
    for gate in "rzn":
        for source, groups in (("x", of_x), ("h", of_h)):
            weights = tensors[f"{source}{gate}/weights"]
            rows, columns = weights.data.shape
            blocks = np.kron(np.eye(groups, dtype=np.int8), np.ones((rows // groups, columns // groups), np.int8))
            tensors[weights.name] = replace(weights, data=weights.data * blocks)
    return replace(graph, tensors=tensors)


def of_small_groups(inputs: int, size: int, of_x: int, of_h: int, rows: int = 1) -> Graph:
    return in_groups(wide_gates(gru_graph("int16", inputs, size, seed=inputs + size, rows=rows)), of_x, of_h)


# inputs, units, groups of inputs, groups of states: 4, 8 and 16 columns.
GROUPED = {
    "int16 of 4 and 4 columns": (16, 16, 4, 4),
    "int16 of 8 and 4 columns": (32, 16, 4, 4),
    "int16 of 8 and 16 columns": (8, 16, 1, 1),
    "int16 of 16 and 8 columns": (32, 16, 2, 2),
    "int16 of 4 and 16 columns": (12, 48, 3, 3),
    "int16 of four units": (4, 4, 1, 1),
    "int16 of 16 columns and many groups": (64, 64, 4, 8),
    "int16 of small groups and 33 rows": (16, 16, 2, 2, 33),
}


def sparse(graph: Graph) -> Graph:
    """Three quarters of the groups of 4 x 4 weights are zeros."""
    rng, tensors = np.random.default_rng(0), dict(graph.tensors)
    for name, tensor in graph.tensors.items():
        if tensor.data is not None and tensor.dtype == "int8" and tensor.data.ndim == 2:
            blocks = [-(-n // 4) for n in tensor.shape]
            mask = np.kron(rng.random(blocks) < 0.25, np.ones((4, 4), bool))[: tensor.shape[0], : tensor.shape[1]]
            tensors[name] = replace(tensor, data=np.where(mask, tensor.data, np.int8(0)))
    return replace(graph, tensors=tensors)


GRAPHS = {
    "int8": lambda: gru_graph("int8"),
    "int8 of one unit": lambda: gru_graph("int8", 1, 1),
    "int8 of odd size": lambda: gru_graph("int8", 257, 65, per_channel=False),
    "int16": lambda: gru_graph("int16"),
    "int16 of one unit": lambda: gru_graph("int16", 1, 1),
    "int16 of odd size": lambda: gru_graph("int16", 257, 65, per_channel=False),
    "int16 with wide gates": lambda: wide_gates(gru_graph("int16", 65, 33, seed=3)),
    "int8 of 33 rows": lambda: gru_graph("int8", 16, 16, rows=33),
    "int16 of 33 rows": lambda: gru_graph("int16", 16, 16, rows=33),
    "int8 sparse": lambda: sparse(gru_graph("int8", 130, 64)),
    "int16 sparse": lambda: sparse(gru_graph("int16", 130, 64)),
    "int16 sparse of odd size": lambda: sparse(gru_graph("int16", 257, 65)),
    "int8 as convolutions": lambda: as_conv_2d(gru_graph("int8", 65, 31)),
    "int16 as convolutions": lambda: as_conv_2d(gru_graph("int16", 65, 31)),
    "int16 of small groups as convolutions": lambda: as_conv_2d(of_small_groups(16, 16, 2, 2)),
    **{kind: lambda sizes=sizes: of_small_groups(*sizes) for kind, sizes in GROUPED.items()},
}


def wanted_of(graph: Graph, frames: int) -> list[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Inputs x over time and what numpy makes of them, states running on."""
    simulator = NetworkSimulator(graph, 1)
    flat = replace(graph.tensors["x"], shape=(1, graph.tensors["x"].size))
    noise = random_frames(replace(graph, tensors={"x": flat}), frames, 1, seed=7)
    return [(x[0], simulator.step({"x": x})) for x in noise.reshape(frames, 1, *graph.tensors["x"].shape)]


def assert_frames(graph: Graph, network: CNetwork, wanted: list[tuple[np.ndarray, dict[str, np.ndarray]]]) -> None:
    for index, (x, values) in enumerate(wanted):
        got = network.step({"x": x})
        for name in graph.outputs:
            np.testing.assert_array_equal(got[name], values[name][0], err_msg=f"{name}, frame {index}")


def assert_same_frames(graph: Graph, network: CNetwork, frames: int = FRAMES) -> None:
    """C against numpy over time, states running on in both."""
    assert_frames(graph, network, wanted_of(graph, frames))


@functools.lru_cache(maxsize=1)
def graph_of(kind: str) -> tuple[Graph, list[tuple[np.ndarray, dict[str, np.ndarray]]]]:
    """A graph and what numpy makes of it, once for all builds, which come one behind the other."""
    graph = GRAPHS[kind]()
    return graph, wanted_of(graph, FRAMES)


@pytest.mark.parametrize("build", list(BUILDS))
@pytest.mark.parametrize("kind", list(GRAPHS))
def test_the_fused_kernel_gives_the_integers_of_its_operators(kind, build, tmp_path):
    graph, wanted = graph_of(kind)
    functions = build_program(graph, "net").functions
    small = kind in GROUPED or "small groups" in kind
    assert functions == {f"stapes_gru_{'grouped_' if small else ''}{'s8' if 'int8' in kind else 's16'}"}
    assert_frames(graph, CNetwork(graph, tmp_path, build), wanted)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_the_operators_one_by_one_give_the_same_integers(dtype, tmp_path):
    graph = gru_graph(dtype)
    assert not any("gru" in function for function in build_program(graph, "net", fuse=False).functions)
    assert_same_frames(graph, CNetwork(graph, tmp_path, fuse=False))


@pytest.mark.parametrize("wide", [False, True])
def test_extreme_states_come_out_alike(wide, tmp_path):
    """h - n, z * d and n + zd at the ends of their ranges: gates forced open and shut by the input."""
    graph = gru_graph("int16", 4, 16, seed=9)
    graph = wide_gates(graph) if wide else graph
    simulator, network = NetworkSimulator(graph, 1), CNetwork(graph, tmp_path)
    for frame in range(64):
        x = np.full((1, 4), (-32768, 32767)[frame // 8 % 2], np.int64)
        wanted, got = simulator.step({"x": x[None]}), network.step({"x": x})
        np.testing.assert_array_equal(got["h_out"], wanted["h_out"][0], err_msg=f"frame {frame}")


def test_reset_starts_the_stream_again(tmp_path):
    graph = gru_graph("int8", 16, 16)
    network = CNetwork(graph, tmp_path)
    xs = random_frames(graph, 5, 1, seed=1)[:, 0]
    first = [network.step({"x": x})["h_out"] for x in xs]
    network.reset()
    again = [network.step({"x": x})["h_out"] for x in xs]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first[-1], network.step({"x": xs[-1]})["h_out"])


def a_value_outside_its_group(graph: Graph) -> Graph:
    weights = graph.tensors["hz/weights"]
    data = weights.data.copy()
    data[0, -1] = 1
    return replace(graph, tensors={**graph.tensors, "hz/weights": replace(weights, data=data)})


def another_curve(graph: Graph) -> Graph:
    return rescaled(graph, ar=2.0**-12)


def sums_of_too_many_powers(graph: Graph) -> Graph:
    """One power divides all sums of a grouped cell, and the factors are of 16 bits."""
    return rescaled(graph, xr=1.0, hr=2.0**-13, xn=2.0**-17, hn=2.0**-17, rhn=2.0**-17)


@pytest.mark.parametrize("change", [a_value_outside_its_group, another_curve, sums_of_too_many_powers])
def test_a_cell_that_is_none_of_small_groups_is_computed_in_general(change, tmp_path):
    graph = change(of_small_groups(8, 32, 2, 2))
    assert build_program(graph, "net").functions == {"stapes_gru_s16"}
    assert_same_frames(graph, CNetwork(graph, tmp_path), 50)


def not_a_power_of_two(graph: Graph) -> Graph:
    return rescaled(graph, xr=0.9 * 2.0**-12)


def looked_into(graph: Graph) -> Graph:
    return replace(graph, outputs=("h_out", "z"))


def with_other_formats(graph: Graph) -> Graph:
    return rescaled(graph, d=2.0**-13, zd=2.0**-13)


def with_another_operand_order(graph: Graph) -> Graph:
    swapped = [replace(op, inputs=op.inputs[::-1]) if op.outputs == ("rhn",) else op for op in graph.operators]
    return replace(graph, operators=tuple(swapped))


@pytest.mark.parametrize("change", [not_a_power_of_two, looked_into, with_other_formats, with_another_operand_order])
def test_a_cell_that_the_kernel_does_not_compute_runs_operator_by_operator(change, tmp_path):
    graph = change(gru_graph("int16", 31, 17))
    assert not any("gru" in function for function in build_program(graph, "net").functions)
    assert_same_frames(graph, CNetwork(graph, tmp_path), 50)


def two_cells(first: Graph, second: Graph) -> Graph:
    """One GRU on the output of another; both read the old state of the first when `second` is given its input."""

    def renamed(graph: Graph, names: dict[str, str]) -> Graph:
        def of(name):
            return names.get(name, f"two/{name}")

        tensors = {of(n): replace(t, name=of(n)) for n, t in graph.tensors.items()}
        operators = tuple(
            replace(
                op, name=of(op.name), inputs=tuple(map(of, op.inputs)), outputs=tuple(map(of, op.outputs)), region="two"
            )
            for op in graph.operators
        )
        roles = {role: of(name) for role, name in graph.regions[0].roles.items()}
        return replace(graph, tensors=tensors, operators=operators, regions=(Region("two", "gru", roles),))

    second = renamed(second, {"x": "h_out"})
    tensors = {**second.tensors, **first.tensors}
    return Graph(
        "two",
        tensors,
        first.operators + second.operators,
        ("x",),
        ("two/h_out",),
        (State("h", "h_out"), State("two/h", "two/h_out")),
        first.regions + second.regions,
    )


def test_a_stack_of_cells_runs_in_place(tmp_path):
    first, second = gru_graph("int16", 20, 24, seed=1), gru_graph("int16", 24, 24, seed=2)
    tensors = {**second.tensors, "x": replace(first.tensors["h_out"], name="x")}
    graph = two_cells(first, replace(second, tensors=tensors))
    program = build_program(graph, "net")
    assert program.closing_copies == (("two_h_out", "ctx->two_h", 48),)
    assert_same_frames(graph, CNetwork(graph, tmp_path))


def test_the_old_state_is_kept_where_it_is_read_again(tmp_path):
    """An operator behind the cell reads the state of the frame before."""
    graph = gru_graph("int16", 8, 12)
    behind = Operator("ADD", "sum", ("h", "h_out"), ("sum",), {"fused_activation_function": "NONE"})
    tensors = {**graph.tensors, "sum": Tensor("sum", (1, 12), "int16", np.array([2.0**-14], np.float32))}
    graph = replace(graph, tensors=tensors, operators=(*graph.operators, behind), outputs=("sum",))
    assert "stapes_gru_s16" in build_program(graph, "net").functions
    assert_same_frames(graph, CNetwork(graph, tmp_path), 50)
