"""The Zephyr module: its files keep to their formats, its symbol selects what it needs, its sample and test run."""

import re
import shutil
from pathlib import Path

import jsonschema
import kconfiglib
import pytest
import yaml

from tests.export.package_schemas import MODULE, TWISTER, read_yaml
from tests.export.packages import NAME, call, package
from tests.export.programs import HASH
from tests.machine import cmsis_dsp, require

SHIM = Path(__file__).parent / "zephyr"
SAMPLE, TEST = f"samples/{NAME}_example", f"tests/{NAME}_self_test"
# CMSIS-DSP's symbols: with groups of functions as up to Zephyr 4, and without as after it.
WITH_GROUPS = """
menuconfig CMSIS_DSP
\tbool "CMSIS-DSP Library Support"
if CMSIS_DSP
config CMSIS_DSP_BASICMATH
\tbool "Basic Math Functions"
config CMSIS_DSP_TRANSFORM
\tbool "Transform Functions"
\timply CMSIS_DSP_BASICMATH
config CMSIS_DSP_LOOPUNROLL
\tbool "Loop Unrolling"
config CMSIS_DSP_AUTOVECTORIZE
\tbool "Auto Vectorization"
endif
"""
WITHOUT_GROUPS = """
menuconfig CMSIS_DSP
\tbool "CMSIS-DSP Library Support"
if CMSIS_DSP
config CMSIS_DSP_LOOPUNROLL
\tbool "Loop Unrolling"
config CMSIS_DSP_AUTOVECTORIZE
\tbool "Auto Vectorization"
endif
"""
REST = """
config REQUIRES_FULL_LIBC
\tbool "Require complete C library"
config MAIN_STACK_SIZE
\tint "Size of stack for initialization and main thread"
\tdefault 1024
config ZTEST
\tbool "Zephyr testing suite"
config ZTEST_STACK_SIZE
\tint "Test function thread stack size"
\tdefault 1024
config ARMV8_1_M_MVEI
\tbool "MVE"
"""


@pytest.mark.parametrize("audio", [True, False])
def test_the_module_file_keeps_to_its_schema_and_names_what_is_there(audio):
    folder = package("zephyr", audio)
    module = read_yaml(folder / "zephyr" / "module.yml", MODULE)
    assert module["name"] == NAME
    assert (folder / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (folder / module["build"]["kconfig"]).is_file()
    assert all((folder / place).is_dir() for place in (*module["samples"], *module["tests"]))
    assert module["build"].get("depends") == (["cmsis-dsp"] if audio else None)


@pytest.mark.parametrize("audio", [True, False])
def test_the_files_for_twister_keep_to_their_schema(audio):
    folder = package("zephyr", audio)
    sample = read_yaml(folder / SAMPLE / "sample.yaml", TWISTER)
    assert list(sample["tests"]) == [f"sample.stapes.{NAME}", f"sample.stapes.{NAME}.qemu"]
    test = read_yaml(folder / TEST / "testcase.yaml", TWISTER)
    assert list(test["tests"]) == [f"stapes.{NAME}.self_test", f"stapes.{NAME}.self_test.qemu"]
    # On an emulator time is counted in instructions, and each scenario is for the one kind of board or for the other.
    for tests in (sample["tests"], test["tests"]):
        here, emulated = tests.values()
        assert (here["filter"], emulated["filter"]) == ("not CONFIG_QEMU_TARGET", "CONFIG_QEMU_TARGET")
        assert "CONFIG_QEMU_ICOUNT=y" in emulated["extra_configs"]


def test_the_schemas_would_notice(tmp_path):
    text = (package("zephyr") / "zephyr" / "module.yml").read_text()
    for old, new in (("kconfig:", "kconfg:"), ("  - samples", "  samples"), ("name: ear", "name: 7")):
        assert old in text
        (tmp_path / "module.yml").write_text(text.replace(old, new))
        with pytest.raises((jsonschema.ValidationError, yaml.YAMLError)):
            read_yaml(tmp_path / "module.yml", MODULE)


def configured(folder, work, cmsis_dsp_symbols, settings):
    """The symbols of a configuration; a warning of Kconfig is an error, as in Zephyr."""
    top = work / "Kconfig"
    top.write_text(cmsis_dsp_symbols + REST + f'\nsource "{folder / "zephyr" / "Kconfig"}"\n')
    (work / "prj.conf").write_text(settings)
    kconfig = kconfiglib.Kconfig(str(top), warn_to_stderr=False)
    kconfig.load_config(str(work / "prj.conf"))
    assert kconfig.warnings == []
    return {name: symbol.str_value for name, symbol in kconfig.syms.items()}


@pytest.mark.parametrize("place", [SAMPLE, TEST])
@pytest.mark.parametrize("symbols", [WITH_GROUPS, WITHOUT_GROUPS])
def test_the_symbol_selects_the_transform_of_old_and_new_zephyr(symbols, place, tmp_path):
    folder = package("zephyr")
    got = configured(folder, tmp_path, symbols, (folder / place / "prj.conf").read_text())
    wanted = ("STAPES_EAR", "CMSIS_DSP", "CMSIS_DSP_TRANSFORM", "CMSIS_DSP_BASICMATH", "CMSIS_DSP_LOOPUNROLL")
    assert [got[name] for name in wanted] == ["y"] * 5
    assert got["ZTEST"] == ("y" if place == TEST else "n")
    assert configured(folder, tmp_path, symbols, "")["CMSIS_DSP"] == "n"


def test_a_network_alone_selects_nothing(tmp_path):
    folder = package("zephyr", audio=False)
    got = configured(folder, tmp_path, WITH_GROUPS, (folder / SAMPLE / "prj.conf").read_text())
    assert got["STAPES_EAR"] == "y"
    assert got["CMSIS_DSP"] == "n"


@pytest.mark.parametrize("helium", ["y", "n"])
def test_on_a_device_with_helium_cmsis_dsp_is_built_in_plain_c(helium, tmp_path):
    folder = package("zephyr")
    (tmp_path / "Kconfig").write_text(WITH_GROUPS + REST + f'\nsource "{folder / "zephyr" / "Kconfig"}"\n')
    kconfig = kconfiglib.Kconfig(str(tmp_path / "Kconfig"), warn_to_stderr=False)
    kconfig.syms["ARMV8_1_M_MVEI"].set_value(helium)
    kconfig.syms["STAPES_EAR"].set_value("y")
    assert kconfig.syms["STAPES_EAR"].str_value == "y"
    assert kconfig.syms["CMSIS_DSP_AUTOVECTORIZE"].str_value == helium


@pytest.fixture(scope="module")
def run_application(tmp_path_factory):
    """Build an application of the package with its own CMake files on a stand-in for Zephyr, and run it -> what it printed."""
    require("cmake", "ninja", "gcc")
    root = cmsis_dsp().include_dirs[0].parent

    def run(place, audio=True):
        folder = tmp_path_factory.mktemp("zephyr") / NAME
        shutil.copytree(package("zephyr", audio), folder)
        work = folder.parent / "build"
        options = [f"-DZephyr_DIR={SHIM}", f"-DCMSIS_DSP_DIR={root}", "-DCMAKE_BUILD_TYPE=Debug"]
        call(["cmake", "-G", "Ninja", "-S", folder / place, "-B", work, *options])
        call(["cmake", "--build", work, "-j", 1])
        return call([work / "zephyr.elf"])

    return run


def test_the_sample_streams_golden_audio_from_a_timer_interrupt(run_application):
    lines = run_application(SAMPLE).splitlines()
    assert lines == [
        f"{NAME}, bundle {HASH[:16]}",
        "self-test: every bit agrees",
        "stream: 102 blocks, 0 overruns, 0 samples differ",
    ]
    for line, pattern in zip(lines[1:], told_patterns(audio=True), strict=True):
        assert re.search(pattern, line)


def test_the_self_test_is_a_ztest(run_application):
    assert run_application(TEST) == "PASS - stapes_ear.test_every_bit_agrees\n"


def test_a_network_alone_has_a_sample_too(run_application):
    lines = run_application(SAMPLE, audio=False).splitlines()
    for line, pattern in zip(lines[1:], told_patterns(audio=False), strict=True):
        assert re.search(pattern, line)


def told_patterns(audio):
    """What Twister waits for."""
    sample = read_yaml(package("zephyr", audio) / SAMPLE / "sample.yaml", TWISTER)
    return sample["common"]["harness_config"]["regex"]
