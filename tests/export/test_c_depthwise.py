"""A depthwise convolution over the frames of a stream gives the integers of numpy: in C and in assembly, at every size."""

from dataclasses import replace

import numpy as np
import pytest
from stapes.export.c.depthwise import WORDS, packed_taps
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
