"""A target chooses the kernels that are exported; each of them computes the same bits, and says which it is."""

import json
import subprocess

import pytest
from stapes.export.c import export_c
from stapes.export.c.program import build_program
from stapes.export.c.runtime import RUNTIME, runtime_text, without_core
from stapes.export.packages import PACKAGES
from stapes.export.targets import CORES, CORTEX_M7, PORTABLE, REPLACING, TARGETS, find_target
from stapes.models.errors import StapesError

from tests.export.networks import network
from tests.export.packages import NAME, texts, write
from tests.export.programs import STAMP
from tests.machine import cmsis_dsp, require


def export(folder, target=CORTEX_M7):
    net = network()
    cmsis = cmsis_dsp().include_dirs[0].parent
    arguments = {"name": NAME, "sound_path": net.sound_path, "stamp": STAMP, "vectors": net.vectors, "cmsis_dsp": cmsis}
    export_c(net.graph, folder, target=target, **arguments)
    return texts(folder)


def test_what_is_portable_holds_nothing_of_a_core(tmp_path):
    files = export(tmp_path, PORTABLE)
    assert not [name for name in files if any(f"/{core}" in name for core in CORES)]
    own = {name: data.decode() for name, data in files.items() if not name.startswith("third_party")}
    for name, text in own.items():
        assert "asm" not in text.replace("assembly", "").replace("assembler", ""), name
        assert "STAPES_CORTEX" not in text, name
        assert "\n\n\n" not in text or not name.startswith("runtime"), name


def test_what_is_exported_by_default_is_for_the_cortex_m7(tmp_path):
    assert export(tmp_path / "default") == export(tmp_path / "chosen", find_target("cortex-m7"))
    assert (tmp_path / "default" / "runtime" / "cortex_m7").is_dir()


def test_the_files_of_the_default_are_those_of_the_runtime():
    for path in RUNTIME.rglob("*.[ch]"):
        if path.parent.name not in REPLACING:
            assert runtime_text(path.name) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_the_golden_vectors_are_met_on_this_machine(target, tmp_path):
    require("make", "cc")
    export(tmp_path, target)
    flags = "CFLAGS=-O1 -Werror"
    done = subprocess.run(["make", "-C", tmp_path, flags, "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every bit agrees" in done.stdout


def test_another_target_takes_the_place_of_the_first_in_its_folder(tmp_path):
    export(tmp_path / "over")
    assert export(tmp_path / "over", PORTABLE) == export(tmp_path / "new", PORTABLE)
    assert not (tmp_path / "over" / "runtime" / "cortex_m7").exists()


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_an_export_says_for_what_it_is(target, tmp_path):
    files = export(tmp_path, target)
    assert f'#define {NAME.upper()}_TARGET "{target.name}"'.encode() in files[f"{NAME}.h"]
    assert f"The target is `{target.name}`".encode() in files["README.md"]
    assert f"target {target.name}; do not edit".encode() in files[f"{NAME}_weights.c"]


@pytest.mark.parametrize("kind", PACKAGES)
def test_a_package_says_for_what_it_is(kind, tmp_path):
    write(kind, tmp_path / NAME, target=PORTABLE)
    assert json.loads((tmp_path / NAME / "stapes-package.json").read_text())["target"] == "portable"
    assert "for the target portable" in (tmp_path / NAME / "README.md").read_text()
    assert not list(tmp_path.rglob("cortex_m7"))


def test_kernels_are_named_as_the_target_has_them():
    graph = network().graph
    assert {kernel.form for kernel in build_program(graph, "net", target=PORTABLE).kernels.values()} == {"portable C"}
    assert "row pairs in 64 bits" in {kernel.form for kernel in build_program(graph, "net").kernels.values()}


@pytest.mark.parametrize(("name", "why"), [("cortex-m55", "do not exist yet; use cortex-m7"), ("z80", "is not known")])
def test_a_target_that_is_not_there_is_refused(name, why):
    with pytest.raises(StapesError, match=why):
        find_target(name)


def test_conditions_on_a_macro_are_settled_and_others_are_left():
    text = "#if !M\na\n#if OTHER\nb\n#else\nc\n#endif\n#endif\n#ifdef M_2\n#if M\nd\n#else\ne\n#endif\n#endif\n"
    assert without_core(text, "M") == "a\n#if OTHER\nb\n#else\nc\n#endif\n#ifdef M_2\ne\n#endif\n"
