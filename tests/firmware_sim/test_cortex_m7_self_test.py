"""The self-test of an exported program on the emulated Cortex-M7, its flash whole and corrupted."""

import numpy as np
import pytest
from stapes.firmware_sim.cortex_m7.self_test import SelfTestReport, constant_arrays, run_self_test
from stapes.firmware_sim.cortex_m7.unicorn_device import UnicornDevice
from stapes.firmware_sim.device import toolchain
from stapes.firmware_sim.device.firmware import Firmware
from stapes.tools.library.export import write_c

from tests.machine import require

OK, WEIGHTS = 0, 5


pytestmark = pytest.mark.needs("cortex-m7")


@pytest.fixture(scope="module")
def firmware(bundle_of, tmp_path_factory):
    """(recipe, toolchain) -> the linked program with its self-test, and its name."""

    def get(recipe, chain):
        require(f"device {chain}")
        bundle = bundle_of("zoo", recipe)
        work = tmp_path_factory.mktemp(f"{recipe}_{chain}")
        write_c(bundle, work / bundle.name)
        found = toolchain.find_toolchain(chain)
        built = toolchain.build(work / bundle.name, bundle.name, work, toolchain=found, self_test=True)
        return Firmware(built.elf), bundle.name

    return get


@pytest.mark.parametrize(("recipe", "chain"), [("w8a16", "gcc"), ("w8a8", "gcc"), ("w8a16", "zig")])
def test_it_passes_with_a_small_stack(recipe, chain, firmware):
    program, name = firmware(recipe, chain)
    device = UnicornDevice(program)
    device.paint_stack()
    assert run_self_test(device, name) == SelfTestReport(OK, "", 0, 0, 0, 0)
    assert device.stack_bytes() < 2048


@pytest.mark.parametrize("recipe", ["w8a16", "w8a8"])
def test_one_flipped_bit_of_flash_is_found_in_every_constant_array(recipe, firmware):
    program, name = firmware(recipe, "gcc")
    device = UnicornDevice(program)
    rng = np.random.default_rng(1)
    arrays = constant_arrays(program)
    in_flash = {s.name for s in program.symbols if s.kind == "STT_OBJECT" and s.section == ".rodata" and not s.file}
    assert set(arrays) == in_flash - {"device_vectors"}
    assert len(arrays) > 10
    for array, (address, size) in arrays.items():
        at = address + int(rng.integers(size))
        whole = device.read(at, 1)
        device.write(at, bytes([whole[0] ^ 1 << int(rng.integers(8))]))
        report = run_self_test(device, name)
        device.write(at, whole)
        assert (report.status, report.part) == (WEIGHTS, array)
