"""Convolutions over one row of positions, and products of many vectors, give the integers of numpy, in C and in assembly."""

import numpy as np
import pytest
from stapes.export.c.program import build_program
from stapes.quantize.graph import Graph

from tests.export.device import network
from tests.export.operator_cases import Cases
from tests.export.programs import BUILDS
from tests.export.test_c_regions import assert_same_frames

# width, channels, outputs, taps, stride, groups, scale of the output
CONVOLUTIONS = [
    (33, 8, 16, 3, 1, 1, 2e-3),
    (65, 16, 16, 5, 2, 2, 1e-3),
    (7, 2, 4, 1, 1, 1, 1e-4),
    (9, 10, 12, 6, 3, 1, 3e-3),
    (12, 64, 8, 1, 1, 1, 4e-3),
    (5, 6, 8, 3, 1, 1, 2e-6),
    (17, 9, 8, 5, 2, 1, 1e-3),
]
# vectors, inputs, outputs: every number of turns that a window has, and what the last one leaves over
PRODUCTS = [(33, 16, 16), (9, 64, 12), *((8, inputs, 4) for inputs in range(2, 65, 6))]


def convolution(c: Cases, name: str, width, channels, outputs, taps, stride, groups, scale, sparse=None) -> None:
    x = c.input(f"{name}/x", (1, 1, width, channels), "int16", 1e-4, 0)
    weights, bias = c.weights(name, (outputs, 1, taps, channels // groups), x, True, "int64")
    if sparse is not None:
        c.tensors[weights].data[...] = np.where(sparse, c.tensors[weights].data, 0)
    y = c.tensor(f"{name}/y", (1, 1, -(-width // stride), outputs), "int16", scale, 0)
    c.add("CONV_2D", name, (x, weights, bias), [y], padding="SAME", stride_h=1, stride_w=stride, dilation_h_factor=1,
          dilation_w_factor=1, fused_activation_function="NONE")  # fmt: skip


def product(c: Cases, name: str, vectors: int, inputs: int, outputs: int, direct: bool) -> None:
    """With `direct` of a tensor that lies in the arena, where it may be read in place."""
    x = c.input(f"{name}/x", (vectors, inputs), "int16", 1e-4, 0)
    if direct:
        made = c.tensor(f"{name}/scaled", (vectors, inputs), "int16", 1.1e-4, 0)
        c.add("QUANTIZE", f"{name}/scale", (x,), [made])
        c.outputs.remove(made)
        x = made
    weights, bias = c.weights(name, (outputs, inputs), x, True, "int64")
    y = c.tensor(f"{name}/y", (vectors, outputs), "int16", 1e-3, 0)
    c.add("FULLY_CONNECTED", name, (x, weights, bias), [y], fused_activation_function="NONE")


def graph_of() -> Graph:
    c = Cases(np.random.default_rng(6))
    for index, case in enumerate(CONVOLUTIONS):
        convolution(c, f"convolution_{index}", *case)
    for index, case in enumerate(PRODUCTS):
        for direct in (False, True):
            product(c, f"product_{index}_{direct}", *case, direct)
    # Rows of a transposed convolution written as a plain one: two groups of channels, even outputs, then odd ones.
    row, _, tap, channel = np.ogrid[:32, :1, :3, :16]
    convolution(c, "blocks", 33, 16, 32, 3, 1, 1, 1e-3, (row // 8 % 2 == channel // 8) & ((row < 16) | (tap > 0)))
    convolution(c, "zeros", 5, 4, 8, 3, 1, 1, 1e-3, row[:8] > 100)
    return c.graph()


@pytest.fixture(scope="module")
def graph():
    return graph_of()


@pytest.mark.parametrize("build", [*BUILDS, "host", "device"])
def test_windows_give_the_integers_of_numpy(build, graph, tmp_path):
    assert_same_frames(graph, network(graph, tmp_path, build))


def calls(graph: Graph) -> list[str]:
    program = build_program(graph, "net")
    return [" ".join(line.split()) for paragraph in program.paragraphs for line in paragraph.lines]


def test_rows_that_see_the_same_channels_share_a_copy(graph):
    made = [line.split("(")[0] for line in calls(graph) if "&blocks" in line]
    assert made == ["stapes_positions_s16", *["stapes_windows_s16"] * 2] * 2


def test_vectors_that_lie_in_the_arena_are_read_in_place(graph):
    lines = calls(graph)
    assert any("product_0_true_params, product_0_true_scaled, product_0_true_y" in line for line in lines)
    # The input belongs to the caller, and a last turn would read behind a window that it does not fill.
    copied = len(PRODUCTS) + sum(inputs % 8 != 0 for _, inputs, _ in PRODUCTS)
    assert sum("stapes_positions_s16" in line and "&product" in line for line in lines) == copied
    assert not any("stapes_fully" in line and "&product" in line for line in lines)


@pytest.mark.parametrize(
    ("width", "channels", "outputs", "taps", "groups"),
    [(9, 3, 4, 3, 1), (9, 8, 6, 3, 1), (9, 24, 8, 3, 1)],
    ids=["odd channels", "outputs that fill no block", "windows of 72 values"],
)
def test_others_run_as_they_stand(width, channels, outputs, taps, groups):
    c = Cases(np.random.default_rng(0))
    convolution(c, "other", width, channels, outputs, taps, 1, groups, 1e-3)
    assert [line.split("(")[0] for line in calls(c.graph())] == ["stapes_conv_2d_s16"]
