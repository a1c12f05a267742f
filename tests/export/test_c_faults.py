"""Two programs in one firmware answer misuse with a status, under the sanitisers and without touching anything."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from stapes.export.c import export_c

from tests.compiling import compile_all
from tests.export.networks import network
from tests.export.programs import STAMP
from tests.machine import cmsis_dsp, require

FAULTS = Path(__file__).with_name("faults.c")
SANITISED = ("-std=c99", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-DSTAPES_TRACE")


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A folder with the programs `one` (w8a16) and `two` (w8a8) on one runtime."""
    folder = tmp_path_factory.mktemp("two_programs")
    for name, recipe, digit in (("one", "w8a16", "1"), ("two", "w8a8", "2")):
        net = network("own", recipe)
        stamp = replace(STAMP, bundle_hash=digit * 64)
        export_c(net.graph, folder / name, name=name, sound_path=net.sound_path, stamp=stamp)
    # Exported into one folder, the second would take away the kernels that it does not need.
    shutil.copytree(folder / "one", folder / "both")
    shutil.copytree(folder / "two", folder / "both", dirs_exist_ok=True)
    return folder / "both"


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_no_misuse_does_harm(compiler, programs, tmp_path):
    require(f"{compiler} sanitised")
    cmsis = cmsis_dsp()
    headers = [word for path in cmsis.include_dirs for word in ("-isystem", str(path))]
    headers += [f"-D{word}" for word in cmsis.defines]
    own = [compiler, *SANITISED, *headers, f"-I{programs}"]
    objects = compile_all(own, [FAULTS, *programs.rglob("*.c")], tmp_path)
    # CMSIS-DSP shifts negative numbers to the left, which its compilers define.
    objects += compile_all([compiler, "-std=c99", "-O1", "-w", *headers], cmsis.c_files, tmp_path)
    subprocess.run([compiler, *SANITISED, *objects, "-o", str(tmp_path / "faults")], check=True)
    done = subprocess.run([tmp_path / "faults"], capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "every answer is right\n", "")
