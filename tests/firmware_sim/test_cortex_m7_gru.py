"""The assembly of grouped GRUs gives the integers of the operators, for every number of columns, from silence to saturation."""

from dataclasses import replace

import numpy as np
import pytest
from stapes.export.c.constants import Constants
from stapes.export.c.gru import gru_fields
from stapes.firmware_sim.network import NetworkSimulator

from tests.export.test_c_gru import GROUPED, of_small_groups
from tests.firmware_sim.device_kernels import DeviceKernels
from tests.firmware_sim.gru_graph import random_frames

FRAMES = 120
KERNEL = "stapes_gru_grouped_s16"


pytestmark = pytest.mark.needs("cortex-m7")


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    return DeviceKernels([KERNEL], tmp_path_factory.mktemp("kernels"))


@pytest.mark.parametrize("kind", list(GROUPED))
def test_the_assembly_gives_the_integers_of_the_operators(kind, device):
    graph, arrays = of_small_groups(*GROUPED[kind]), Constants("test")
    params = device.place_struct(gru_fields(graph, graph.regions[0], arrays), arrays)
    x_size, h_size = graph.tensors["x"].size, graph.tensors["h"].size
    h, scratch = device.place(bytes(2 * h_size)), device.place(bytes(2 * (x_size + 7 * h_size)))
    flat = replace(graph.tensors["x"], shape=(1, x_size))
    frames = random_frames(replace(graph, tensors={"x": flat}), FRAMES, 1, seed=7)
    frames[-20:] = np.where(frames[-20:] < 0, -32768, 32767)
    simulator = NetworkSimulator(graph, 1)
    for index, x in enumerate(frames.reshape(FRAMES, 1, *graph.tensors["x"].shape)):
        wanted = simulator.step({"x": x})["h_out"][0]
        device.call(KERNEL, params, device.place(x.astype("<i2").tobytes()), h, scratch, h)
        np.testing.assert_array_equal(device.read(h, h_size), wanted.reshape(-1), err_msg=f"frame {index}")


def test_a_state_anywhere_in_memory_is_not_touched_where_another_takes_the_result(device):
    """x, h and h_out on odd halfwords, which no LDM may read."""
    graph, arrays = of_small_groups(16, 16, 2, 2, 33), Constants("test")
    params = device.place_struct(gru_fields(graph, graph.regions[0], arrays), arrays)
    rng = np.random.default_rng(0)
    x, h = (rng.integers(-32768, 32768, (33, 16)) for _ in range(2))
    given = [device.place(b"\0\0" + a.astype("<i2").tobytes()) + 2 for a in (x, h, np.zeros_like(h))]
    device.call(KERNEL, params, *given[:2], device.place(bytes(16 * 33 * 16)), given[2])
    simulator = NetworkSimulator(graph, 1)
    simulator.states["h"][...] = h
    wanted = simulator.step({"x": x[None]})["h_out"][0]
    np.testing.assert_array_equal(device.read(given[2], h.size), wanted.reshape(-1))
    np.testing.assert_array_equal(device.read(given[1], h.size), h.reshape(-1))
