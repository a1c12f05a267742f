"""The kernels between the matrices and the functions of the audio path take fewer instructions on the device than those of the peers."""

import pytest
from stapes.firmware_sim.device import toolchain
from stapes.tools.bench.elements import instructions_per_element
from stapes.tools.bench.scalars import instructions_per_number
from stapes.tools.bench.transforms import instructions_per_transform
from stapes.tools.peer_costs import ELEMENTS

from tests.machine import require

# What the compilers may take more than the figures of README.md.
LIMITS = {"add int16": 20, "add int8": 24, "leaky relu int16": 18, "leaky relu int8": 17, "quantize int16 int16": 14,
          "quantize int16 int8": 12, "quantize int8 int16": 9, "quantize int8 int8": 9, "2^x of 32 bits": 40}  # fmt: skip


@pytest.mark.needs("cortex-m7")
@pytest.mark.parametrize("name", ["gcc", "zig"])
def test_every_kernel_gives_the_integers_of_numpy_in_fewer_instructions_than_its_peer(name):
    require(f"device {name}")
    chain = toolchain.find_toolchain(name)
    found = instructions_per_element(name) | instructions_per_number(chain)
    assert set(ELEMENTS) | set(LIMITS) == set(found)
    for kind, limit in (ELEMENTS | LIMITS).items():
        assert found[kind] < limit, kind


@pytest.mark.needs("cortex-m7")
@pytest.mark.parametrize("name", ["gcc", "zig"])
def test_the_transform_of_mixed_radix_takes_no_more_instructions_than_that_of_cmsis_dsp(name):
    require(f"device {name}")
    found = instructions_per_transform((32, 128, 512, 960), toolchain.find_toolchain(name))
    assert set(found[960]) == {"mixed radix"}
    for costs in list(found.values())[:3]:
        assert costs["mixed radix"].forward < costs["CMSIS-DSP"].forward
        assert costs["mixed radix"].inverse < costs["CMSIS-DSP"].inverse
