"""The matrix kernels give the integers of numpy at every size where a loop turns: in assembly, in portable C, with AVX2."""

import functools
import itertools
import platform
from pathlib import Path

import numpy as np
import pytest
from stapes.export.targets import CORTEX_M7, PORTABLE
from stapes.firmware_sim.device import toolchain
from stapes.tools.bench import rows
from stapes.tools.bench.rows import (
    COLUMNS,
    DATA,
    OUTPUTS,
    ZEROS,
    DeviceRows,
    HostRows,
    instructions_per_mac,
    make_case,
    sweep,
)
from stapes.tools.library.export import write_c

from tests.machine import require

# What TFLite Micro's CMSIS-NN takes for 128->384 is 2.78 (int16 activations) and 2.27 (int8).
LIMITS = {
    "int16 activations, 128->384": 1.0,
    "int8 activations, 128->384": 1.0,
    "int16 activations, 128->384, 50 % zeros": 0.56,
    "int8 activations, 128->384, 50 % zeros": 0.58,
}
SPARSE = tuple(share for share in ZEROS if share is not None)
SANITISED = ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="module", autouse=True)
def _cases_once():
    """Every build is held to the same cases: numpy computes them once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "make_case", functools.cache(rows.make_case))
        yield


@pytest.fixture(scope="module", params=["gcc", "zig"])
def elf(request, once, bundle_of) -> Path:
    """The zoo's network linked for the device; its kernels are called one by one."""
    require(f"device {request.param}")
    bundle = bundle_of("zoo", "w8a16")

    def make(path):
        path.mkdir()
        write_c(bundle, path / bundle.name)
        toolchain.build(path / bundle.name, bundle.name, path, toolchain=toolchain.find_toolchain(request.param))

    return once(f"rows_{request.param}", make) / f"{bundle.name}.elf"


@pytest.mark.needs("cortex-m7")
def test_the_assembly_gives_the_integers_of_numpy(elf):
    sizes = 2 * len(COLUMNS) * len(OUTPUTS)
    assert sweep([DeviceRows(elf)], COLUMNS, OUTPUTS, zeros=(None,)) == sizes * len(DATA)


@pytest.mark.needs("cortex-m7")
def test_the_assembly_for_sparse_matrices_gives_the_integers_of_numpy(elf):
    sizes = 2 * len(COLUMNS) * len(OUTPUTS)
    assert sweep([DeviceRows(elf)], COLUMNS, OUTPUTS, ("noise",), SPARSE) == sizes * len(SPARSE)
    assert sweep([DeviceRows(elf)], COLUMNS, (4, 65), DATA, (0.0, 0.5)) == 2 * len(COLUMNS) * 2 * len(DATA) * 2


@pytest.mark.needs("cortex-m7")
def test_the_assembly_keeps_its_word_on_instructions(elf):
    found = instructions_per_mac(elf)
    for name, limit in LIMITS.items():
        assert found[name]["instructions_per_mac"] < limit, name


# Where a weight lies depends on the target, how sums are rounded does not.
BUILDS = [
    (CORTEX_M7, ("-O3",)),
    (CORTEX_M7, SANITISED),
    (CORTEX_M7, (*SANITISED, "-DSTAPES_VECTORS=0")),
    (CORTEX_M7, ("-O3", "-mavx2")),
    (PORTABLE, ("-O3",)),
    (PORTABLE, (*SANITISED, "-DSTAPES_VECTORS=0")),
]


@pytest.mark.needs("native")
@pytest.mark.parametrize(("target", "flags"), BUILDS)
def test_portable_c_gives_the_integers_of_numpy(target, flags):
    if "-mavx2" in flags and (platform.machine() != "x86_64" or "avx2" not in Path("/proc/cpuinfo").read_text()):
        pytest.skip("no AVX2")
    sweep([HostRows(flags, target)], COLUMNS, OUTPUTS, zeros=(None,))
    sweep([HostRows(flags, target)], COLUMNS, OUTPUTS, ("noise", "turns") if flags == ("-O3",) else ("turns",), SPARSE)


@pytest.mark.needs("native")
def test_a_wrong_integer_is_told_with_its_case():
    class Wrong(HostRows):
        def values(self, case):
            return super().values(case) + (np.arange(4 * case.blocks) == 3)

    with pytest.raises(AssertionError, match="int16 activations 1->4, noise, Wrong"):
        sweep([Wrong()], (1,), (1, 4))


@pytest.mark.needs("cortex-m7")
def test_the_32_bit_sums_hold_up_to_their_bound(elf):
    """516 columns of the largest weights and inputs: almost 2^23, reached in both rows of a pair."""
    device = DeviceRows(elf)
    for data, zeros in itertools.product(DATA, (None, 0.0)):
        case = make_case(516, 9, True, data, zeros)
        np.testing.assert_array_equal(device.values(case)[:9], case.expected, err_msg=case.name)
