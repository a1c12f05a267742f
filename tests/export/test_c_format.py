"""Exported C has the layout of .clang-format, as the C that is written by hand has it."""

import subprocess
import sys
from pathlib import Path

import pytest
from stapes.export.c import export_c
from stapes.export.c.runtime import RUNTIME
from stapes.export.packages import PACKAGES
from stapes.export.targets import PORTABLE

from tests.export.networks import network
from tests.export.packages import package
from tests.export.programs import STAMP
from tests.export.test_c_gtcrn import gtcrn
from tests.models.gtcrn.networks import random_gtcrn

STYLE = Path(__file__).parents[2] / ".clang-format"
PROGRAMS = {"own": "w8a16", "published": "w8a8_features16", "complex": "w8a16"}


def violations(*folders: Path) -> str:
    """What clang-format would change; not looked at are sources of CMSIS-DSP, and the runtime as it lies in the project."""
    own = {path.read_bytes() for path in RUNTIME.rglob("*.[ch]")}
    files = {path.read_bytes(): path for folder in folders for path in sorted(folder.rglob("*.[ch]"))}
    looked_at = [str(path) for text, path in files.items() if text not in own and b"CMSIS-DSP is copyright" not in text]
    looked_at = [path for path in looked_at if "third_party" not in path]
    assert looked_at
    command = [str(Path(sys.executable).parent / "clang-format"), f"--style=file:{STYLE}", "--dry-run", "-Werror"]
    return subprocess.run([*command, *looked_at], capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("config", PROGRAMS)
def test_a_program_has_the_layout(config, tmp_path):
    net = network(config, PROGRAMS[config])
    export_c(net.graph, tmp_path, name="net", sound_path=net.sound_path, stamp=STAMP, vectors=net.vectors)
    assert violations(tmp_path) == ""


def test_a_program_of_many_functions_has_the_layout(tmp_path):
    graph, _ = gtcrn("w8a16")
    export_c(graph, tmp_path, name="gtcrn", sound_path=random_gtcrn(0).sound_path(), stamp=STAMP)
    assert violations(tmp_path) == ""


def test_a_runtime_without_what_is_for_another_core_has_the_layout(tmp_path):
    net = network()
    export_c(net.graph, tmp_path, name="net", sound_path=net.sound_path, stamp=STAMP, target=PORTABLE)
    assert violations(tmp_path) == ""


def test_every_package_has_the_layout():
    assert violations(*(package(kind, audio) for kind in PACKAGES for audio in (True, False))) == ""


def test_what_is_not_laid_out_is_found(tmp_path):
    (tmp_path / "x.c").write_text("int  x;\n")
    assert "x.c:1:4: error" in violations(tmp_path)
