"""A depthwise convolution over the frames of a stream gives the integers of numpy: in C and in assembly, at every size."""

from dataclasses import replace

import numpy as np
import pytest
from stapes.export.c.depthwise import WORDS, packed_row, packed_taps
from stapes.export.c.program import build_program
from stapes.quantize.graph import Graph
from stapes.quantize.prepare import prepare

from tests.export.device import network
from tests.export.operator_cases import Cases
from tests.export.programs import BUILDS
from tests.export.test_c_regions import assert_same_frames

# positions, channels, dilation in time, scale of the output
SIZES = [(2, 2, 1, 3e-4), (3, 4, 2, 1e-3), (5, 6, 1, 4e-5), (64, 10, 3, 1e-4), (33, 16, 5, 2e-4), (33, 16, 1, 1e-6)]


def graph_of(sizes=SIZES, kernel=(3, 3), dtype="int16") -> Graph:
    """PAD of the positions and a convolution over them, as GTCRN has it, for each of the sizes."""
    c = Cases(np.random.default_rng(4))
    for index, (width, channels, dilation, scale) in enumerate(sizes):
        name, rows = f"taps_{index}", (kernel[0] - 1) * dilation + 1
        x = c.input(f"{name}/x", (1, rows, width, channels), dtype, 1e-4, 0)
        beside = (kernel[1] - 1) // 2
        amounts = c.shape_constant(f"{name}/amounts", [[0, 0], [0, 0], [beside, beside], [0, 0]])
        padded = c.tensor(f"{name}/padded", (1, rows, width + 2 * beside, channels), dtype, 1e-4, 0)
        c.add("PAD", f"{name}/pad", (x, amounts), [padded])
        c.outputs.remove(padded)
        names = c.weights(name, (1, *kernel, channels), x, True, "int64" if dtype == "int16" else "int32", axis=3)
        y = c.tensor(f"{name}/y", (1, 1, width, channels), dtype, scale, 0)
        c.add("DEPTHWISE_CONV_2D", name, (padded, *names), [y], padding="VALID", stride_h=1, stride_w=1,
              dilation_h_factor=dilation, dilation_w_factor=1, depth_multiplier=1,
              fused_activation_function="NONE")  # fmt: skip
    return c.graph()


# positions, channels, taps, stride, zeros beside both ends, scale of the output
ROWS = [(2, 4, 3, 1, 1, 3e-4), (1, 4, 1, 1, 0, 1e-3), (33, 16, 1, 1, 0, 2e-4), (33, 16, 3, 2, 1, 2e-4), (9, 8, 5, 2, 2, 1e-4),
        (16, 64, 3, 1, 0, 1e-6), (2, 4, 5, 1, 2, 1e-4), (4, 4, 2, 2, 0, 1e-4)]  # fmt: skip


def one_row(sizes=ROWS, rows=1) -> Graph:
    """Depthwise convolutions along one row, behind a PAD where there are zeros beside it."""
    c = Cases(np.random.default_rng(5))
    for index, (width, channels, taps, stride, beside, scale) in enumerate(sizes):
        name = f"row_{index}"
        x = c.input(f"{name}/x", (1, rows, width, channels), "int16", 1e-4, 0)
        seen = x
        if beside:
            amounts = c.shape_constant(f"{name}/amounts", [[0, 0], [0, 0], [beside, beside], [0, 0]])
            seen = c.tensor(f"{name}/padded", (1, rows, width + 2 * beside, channels), "int16", 1e-4, 0)
            c.add("PAD", f"{name}/pad", (x, amounts), [seen])
            c.outputs.remove(seen)
        names = c.weights(name, (1, 1, taps, channels), x, True, "int64", axis=3)
        made = (width + 2 * beside - taps) // stride + 1
        y = c.tensor(f"{name}/y", (1, rows, made, channels), "int16", scale, 0)
        c.add("DEPTHWISE_CONV_2D", name, (seen, *names), [y], padding="VALID", stride_h=1, stride_w=stride,
              dilation_h_factor=1, dilation_w_factor=1, depth_multiplier=1, fused_activation_function="NONE")  # fmt: skip
    return c.graph()


@pytest.mark.parametrize("build", [*BUILDS, "device"])
def test_fours_of_channels_along_a_row_give_the_integers_of_numpy(build, tmp_path):
    graph = one_row()
    assert with_taps(graph) == len(ROWS)
    assert_same_frames(graph, network(graph, tmp_path, build))


def test_several_rows_and_odd_channels_run_as_they_stand():
    assert with_taps(one_row(ROWS[:1], rows=2)) == 0
    assert with_taps(one_row([(5, 6, 3, 1, 1, 1e-4)])) == 0


def test_a_row_of_taps_whose_results_are_all_zero_has_a_multiplier_of_zero():
    """Its true multiplier would want 64 bits, and each of its results is less than half a step."""
    graph = one_row([(4, 4, 3, 1, 1, 1e-4)])
    params = prepare(graph, graph.operators[-1])
    shift = params.shift.copy()
    shift[1] = -29
    faint = replace(params, shift=shift, bias=params.bias * 0, padding=(0, 1))
    words = packed_row(faint, (1, 1, 4, 4))
    assert words.shape == (1, 4 + 2 * 3 + 4)
    assert words[0, -3] == 0
    assert (words[0, [-4, -2, -1]] > 0).all()
    shift[1] = -20
    assert packed_row(replace(faint, shift=shift), (1, 1, 4, 4)) is None


def with_taps(graph: Graph) -> int:
    """Convolutions that the program computes by pairs of channels."""
    return sum(".taps = net_" in struct.text for struct in build_program(graph, "net").structs)


@pytest.mark.parametrize("build", [*BUILDS, "device"])
def test_pairs_of_channels_give_the_integers_of_numpy(build, tmp_path):
    graph = graph_of()
    assert with_taps(graph) == len(SIZES)
    assert_same_frames(graph, network(graph, tmp_path, build))


@pytest.mark.parametrize(("kernel", "sizes", "dtype"), [
    ((2, 3), SIZES, "int16"), ((3, 5), SIZES, "int16"), ((3, 3), [(7, 5, 1, 1e-3)], "int16"), ((3, 3), SIZES, "int8"),
])  # fmt: skip
def test_other_kernels_run_as_they_stand(kernel, sizes, dtype):
    assert with_taps(graph_of(sizes, kernel, dtype)) == 0


def test_weights_take_in_what_a_multiplier_cannot_hold():
    """Real multipliers from one half on have no 32 bits above the point: the weights are multiplied instead."""
    graph = graph_of([(4, 2, 1, 1e-6)])
    op = graph.operators[-1]
    params = replace(prepare(graph, op), padding=(0, 1), output_shape=(1, 1, 4, 2))
    assert (params.shift >= 0).all()
    taps = packed_taps(params, (1, 3, 4, 2))
    assert taps.shape == (1, WORDS)
    left = params.shift + 1
    np.testing.assert_array_equal(taps[0, 8:10], params.bias << left)
    np.testing.assert_array_equal(taps[0, 5] >> 16, params.weights[0, 1, 1] << left[0])
