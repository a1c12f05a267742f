"""Two ears on one scratch give the bits of two programs by themselves, each under controls of its own."""

import subprocess
from pathlib import Path

import pytest
from stapes.export.c import export_c
from stapes.export.c.costs import context_bytes, ears_bytes
from stapes.export.c.program import build_program
from stapes.models.audio.controls import ALL, read_programs, with_controls
from stapes.quantize.audio.controls import with_programs

from tests.compiling import compile_all
from tests.export.networks import network
from tests.export.packages import emulate, package
from tests.export.programs import STAMP, STRICT
from tests.machine import M7, cmsis_dsp, require

PROGRAMS = {"program": [{"strength": {"mix": 0.5}}, {"mask_floor": {"floor_db": -12.0}}]}
SANITISED = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
SAME = "0 of 120 blocks differ, 60 unlike"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Folder that holds `ear`, a small program with all controls and two programs; its description."""
    net, folder = network("small"), tmp_path_factory.mktemp("ears")
    controlled = with_controls(net.sound_path, [ALL])
    sound_path = with_programs(controlled, read_programs(PROGRAMS, controlled, "programs"))
    export_c(net.graph, folder / "ear", name="ear", sound_path=sound_path, stamp=STAMP)
    return folder, build_program(net.graph, "ear", sound_path)


def objects(folder, work, command, flags, plain=()):
    """The program and `ears.c`, every warning an error, and CMSIS-DSP with `plain`, without the sanitisers that it fails."""
    dsp = cmsis_dsp()
    places = [word for place in dsp.include_dirs for word in ("-isystem", str(place))]
    includes = [f"-I{folder}", *places, *(f"-D{name}" for name in dsp.defines)]
    own = [
        Path(__file__).with_name("ears.c"),
        *(folder / "ear").glob("*.c"),
        *(folder / "ear" / "runtime").rglob("*.c"),
    ]
    for name in ("own", "dsp"):
        (work / name).mkdir()
    made = compile_all([*command, *STRICT, *flags, *includes], sorted(own), work / "own")
    return made + compile_all([*command, *plain, *includes], dsp.c_files, work / "dsp")


def test_two_ears_give_the_bits_of_two_programs(exported, tmp_path):
    """Under the sanitisers, with different controls and programs for each ear, and a reset in between."""
    require("gcc sanitised")
    folder, _ = exported
    made = objects(folder, tmp_path, ["gcc"], SANITISED, ["-O1"])
    subprocess.run(["gcc", *SANITISED, *made, "-o", tmp_path / "ears"], check=True)
    said = subprocess.run([tmp_path / "ears"], capture_output=True, text=True, check=True).stdout
    assert said.startswith(SAME), said


def test_two_ears_on_the_device(exported, tmp_path):
    """And the memory that they take is the one that was told."""
    require("arm-none-eabi-gcc", "qemu-system-arm")
    folder, program = exported
    board = package("cmake") / "example" / "cortex-m7"
    made = objects(folder, tmp_path, ["arm-none-eabi-gcc", *M7], ["-O2"], ["-O2"])
    (tmp_path / "board").mkdir()
    made += compile_all(["arm-none-eabi-gcc", *M7, "-O2"], [board / "startup.c"], tmp_path / "board")
    link = f"--specs=rdimon.specs -nostartfiles -T {board / 'mps2_an500.ld'}".split()
    subprocess.run(["arm-none-eabi-gcc", *M7, *made, *link, "-o", tmp_path / "ears.elf"], check=True)
    told = ears_bytes(program)
    assert emulate(tmp_path / "ears.elf") == f"{SAME}, {told} bytes\n"
    assert context_bytes(program) < told < 2 * context_bytes(program) - 1000
