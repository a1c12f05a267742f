"""A convolution over positions joined to their neighbours multiplies each value once, with the integers of the operators."""

import numpy as np
import pytest
from stapes.export.c.program import build_program
from stapes.quantize.graph import Graph

from tests.export.device import network
from tests.export.operator_cases import Cases
from tests.export.programs import BUILDS
from tests.export.test_c_moves import mover
from tests.export.test_c_regions import assert_same_frames

# positions, channels, outputs, taps, stride, places of the parts behind the padding
SIZES = [
    (129, 3, 16, 5, 2, (0, 1, 2)),
    (8, 2, 4, 3, 1, (0, 1, 2)),
    (9, 4, 8, 3, 1, (2, 0, 1)),
    (12, 2, 4, 5, 2, (0, 2)),
]


def graph_of(sizes=SIZES, seen: bool = False) -> Graph:
    """With `seen` the joined positions are an output too."""
    c = Cases(np.random.default_rng(5))
    for index, (width, channels, outputs, taps, stride, places) in enumerate(sizes):
        name, same = f"n{index}", (width, channels)
        x = c.input(f"{name}/x", same, "int16", 0.01, 0)
        padded = mover(c, "PAD", [x], f"{name}/padded", (width + 2, channels), [[[1, 1], [0, 0]]])
        parts = [
            mover(c, "STRIDED_SLICE", [padded], f"{name}/{i}", same, [[i, 0], [i + width, channels], [1, 1]])
            for i in places
        ]
        depth = channels * len(places)
        joined = mover(c, "CONCATENATION", parts, f"{name}/joined", (width, depth), axis=1)
        image = mover(c, "RESHAPE", [joined], f"{name}/image", (1, 1, width, depth), [[1, 1, width, depth]])
        weights, bias = c.weights(name, (outputs, 1, taps, depth), image, True, "int64")
        y = c.tensor(f"{name}/y", (1, 1, -(-width // stride), outputs), "int16", 0.08, 0)
        c.add("CONV_2D", name, (image, weights, bias), [y], padding="SAME", stride_h=1, stride_w=stride,
              dilation_h_factor=1, dilation_w_factor=1, fused_activation_function="NONE")  # fmt: skip
        if seen:
            c.outputs.append(joined)
    return c.graph()


def calls(graph: Graph) -> list[str]:
    lines = [line for paragraph in build_program(graph, "net").paragraphs for line in paragraph.lines]
    return [line.split("(")[0].strip() for line in lines]


@pytest.mark.parametrize("build", [*BUILDS, "host", "device"])
def test_each_value_is_multiplied_once(build, tmp_path):
    graph = graph_of()
    assert set(calls(graph)) == {"stapes_positions_s16", "stapes_windows_s16"}
    assert calls(graph).count("stapes_positions_s16") == len(SIZES)
    assert_same_frames(graph, network(graph, tmp_path, build))


def test_positions_that_somebody_else_reads_are_joined_first(tmp_path):
    graph = graph_of(SIZES[1:2], seen=True)
    assert "stapes_copy_s16" in calls(graph)
    assert_same_frames(graph, network(graph, tmp_path, "gcc"))
