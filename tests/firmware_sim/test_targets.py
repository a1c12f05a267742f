"""The same exported C on every core and every host of `firmware_sim.device.targets`: each bit of each tensor is that of numpy."""

import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from stapes.export.c import export_c
from stapes.export.targets import CORTEX_M7, PORTABLE
from stapes.firmware_sim.device import targets
from stapes.firmware_sim.device.qemu_device import run_in_qemu
from stapes.firmware_sim.device.targets import CORES, DEVICES, HOSTS, Core
from stapes.firmware_sim.device.toolchain import build, find_toolchain
from stapes.quantize.graph import DTYPES

from tests.export.networks import network
from tests.export.programs import STAMP
from tests.machine import ROOT, cmsis_dsp, require

START = Path(targets.__file__).parent / "c"
MAIN = Path(__file__).with_name("target_main.c")
NAME = "ear"
AUDIO_TYPES = {
    "spectrum_q31": "<i4",
    "exponent": "<i4",
    "power_q40": "<u8",
    "noise_q40": "<u8",
    "speech": "?",
    "gain_q15": "<u2",
    "features_q20": "<i4",
    "mask_q15": "<i2",
}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A small network with its audio path as C, and the checksums of what the numpy engine makes of the golden audio."""
    return exported(tmp_path_factory.mktemp("program"), CORTEX_M7)


@pytest.fixture(scope="module")
def portable(tmp_path_factory):
    """The same for any processor."""
    return exported(tmp_path_factory.mktemp("portable"), PORTABLE)


def exported(work, target):
    net = network("small")
    folder = work / NAME
    export_c(net.graph, folder, name=NAME, sound_path=net.sound_path, stamp=STAMP, vectors=net.vectors, target=target)
    return folder, expected(net)


def expected(net):
    """Tensor -> CRC-32 of its bytes over the golden frames."""
    frames = 100
    tensors = {name: values[0][:frames] for name, values in net.run.tensors.items()}
    for state in net.graph.states:
        made = tensors[state.output]
        first = np.full_like(made[:1], net.graph.tensors[state.input].zero_point)
        tensors[state.input] = np.concatenate([first, made[:-1]])
    sums = {}
    for name, values in tensors.items():
        known = net.graph.tensors.get(name)
        dtype = DTYPES[known.dtype] if known else np.dtype(AUDIO_TYPES[name])
        sums[name] = zlib.crc32(values.astype(dtype).tobytes())
    return sums | {"output": zlib.crc32(net.run.audio_q15[0][: frames * net.sound_path.hop].astype("<i2").tobytes())}


def sources(folder):
    files = [*folder.glob("*.c"), *(folder / "runtime").rglob("*.c")]
    return sorted(path for path in files if not path.name.endswith("_runner.c"))


def compiled(target, folder, work, cmsis_defines):
    """The program for a core or a host, linked; CMSIS-DSP built with these defines."""
    cmsis = cmsis_dsp()
    names = [f"-DNAME={NAME}", f"-DUPPER={NAME.upper()}", f'-DHEADER="{NAME}.h"']
    names += [f'-DTEST="{NAME}_self_test.h"', f'-DVECTORS="{NAME}_vectors.h"', "-DSTAPES_TRACE"]
    system = [*(f"-isystem{path}" for path in cmsis.include_dirs), *(f"-D{name}" for name in cmsis_defines)]
    flags = [*target.flags, "-std=c99", "-O2", "-w", f"-I{folder}", *names, *system]
    files = [MAIN, *sources(folder), *cmsis.c_files]
    if isinstance(target, Core):
        (work / "board.ld").write_text(target.linker_script)
        files += [START / "start.c", START / "semihosting.c"]
        flags += [f"-I{START}", "-ffunction-sections", "-fdata-sections", "-nostartfiles", "-Wl,--gc-sections"]
        flags.append(f"-T{work / 'board.ld'}")
    run([target.compiler, *flags, *files, "-o", work / "program"])
    return work / "program"


def run(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


def command_for(target, elf):
    if isinstance(target, Core):
        return [*target.emulator, "-semihosting-config", "enable=on,target=native", "-kernel", elf]
    return [*target.emulator, elf]


@pytest.mark.parametrize("target", [*CORES, *HOSTS], ids=lambda target: target.name)
def test_every_bit_of_every_tensor_is_that_of_numpy(program, target, tmp_path):
    require_same_bits(program, target, tmp_path, cmsis_dsp().defines)


@pytest.mark.parametrize("core", DEVICES, ids=lambda core: core.name)
def test_the_portable_kernels_give_the_same_bits(portable, core, tmp_path):
    require_same_bits(portable, core, tmp_path, cmsis_dsp().defines)


def test_the_assembly_serves_every_device_alike(program, tmp_path):
    """Instructions of a hop, counted by each board's own counter, differ by what the compiler makes of the C around it."""
    net, hops = network("small"), 20
    samples = slice(0, hops * net.sound_path.hop)
    longest = {}
    for core in DEVICES:
        require(core.compiler, core.emulator[0])
        (tmp_path / core.machine).mkdir()
        built = build(program[0], NAME, tmp_path / core.machine, core=core, toolchain=find_toolchain("gcc", core))
        ran = run_in_qemu(built.elf, net.vectors["audio_in_q15"][samples], counted=True, core=core)
        np.testing.assert_array_equal(ran.audio_q15, net.vectors["audio_out_q15"][samples], err_msg=core.name)
        assert ran.instructions.shape == (hops,)
        longest[core.name] = ran.instructions.max()
    assert max(longest.values()) < 1.03 * min(longest.values()), longest


def test_a_build_of_cmsis_dsp_with_helium_does_not_change_a_bit(program, tmp_path):
    (helium,) = (core for core in CORES if "Helium" in core.name)
    require_same_bits(program, helium, tmp_path, ["__GNUC_PYTHON__"])


def require_same_bits(program, target, work, cmsis_defines):
    require(target.compiler, target.emulator[0])
    folder, wanted = program
    said = run(command_for(target, compiled(target, folder, work, cmsis_defines)))
    got = {name: int(crc, 16) for crc, _, name in (line.partition(" ") for line in said.splitlines())}
    assert {"spectrum_q31", "features", "mask", "output"} <= set(got)
    assert got == {name: wanted[name] for name in got}


def test_the_readme_names_what_the_tests_run():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = {row.split("|")[1].strip() for row in text.splitlines() if "| `qemu-" in row}
    assert rows == {target.name for target in (*CORES, *HOSTS)}
