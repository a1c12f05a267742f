"""The CMSIS-Pack against the schema of its description and the checks of packchk; its components compiled and run on the M7."""

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.export.pack_rules import archive_errors, packchk, schema_errors
from tests.export.package_schemas import PROJECT, SOLUTION, read_yaml
from tests.export.packages import NAME, call, compile_all, emulate, package, write
from tests.machine import M7, cmsis_dsp, require

CORE = Path(__file__).parent / "cmsis_core"
PDSC = f"stapes.{NAME}.pdsc"
EXAMPLE = f"examples/{NAME}_example"


@pytest.mark.parametrize("audio", [True, False])
def test_the_description_is_valid(audio):
    folder = package("cmsis-pack", audio)
    assert list(schema_errors(ElementTree.parse(folder / PDSC).getroot())) == []
    assert list(packchk(folder, folder / PDSC)) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ('category="source"', 'category="sources"', "category='sources' does not fit"),
        (
            'Cclass="Audio" Cgroup="Enhancement" Csub="ear" Cversion',
            'Cgroup="Enhancement" Csub="ear" Cversion',
            "Cclass is missing",
        ),
        ("<description>Speech", "<summary/><description>Speech", "summary is not allowed"),
        ("<url>https://stapes.example/pack/</url>", "", "url is missing"),
        ('version="1.2.3"', 'version="1.2"', "version='1.2' does not fit"),
        ("<vendor>stapes<", "<vendor>others<", "M207"),
        ("/pack/</url>", "/pack</url>", "M316"),
        ('<condition id="ear self-test">', '<condition id="other">', "M331 M332"),
        ('name="src/ear.c"', 'name="src/eye.c"', "M323"),
        ('category="include" name="src/"', 'category="include" name="src"', "M340"),
        ('category="header" name="src/ear.h"', 'category="source" name="src/ear.h"', "M337"),
    ],
)
def test_the_rules_would_notice(old, new, found, tmp_path):
    folder = tmp_path / NAME
    shutil.copytree(package("cmsis-pack"), folder)
    text = (folder / PDSC).read_text()
    assert old in text
    (folder / PDSC).write_text(text.replace(old, new))
    errors = [*schema_errors(ElementTree.parse(folder / PDSC).getroot()), *packchk(folder, folder / PDSC)]
    assert found in " ".join(errors)


def test_the_archive_holds_the_folder_and_nothing_of_the_time_it_was_made():
    folder = package("cmsis-pack")
    assert list(archive_errors(folder / f"stapes.{NAME}.1.2.3.pack", folder / PDSC)) == []


def test_every_source_and_header_belongs_to_one_component():
    folder = package("cmsis-pack")
    components = ElementTree.parse(folder / PDSC).getroot().iterfind("components/component")
    named = [file.get("name") for component in components for file in component.iter("file")]
    sources = [name for name in named if name.endswith(".c")]
    assert sorted(sources) == sorted(str(path.relative_to(folder)) for path in (folder / "src").rglob("*.c"))
    assert {f"src/{NAME}.h", f"src/{NAME}_stream.h", f"src/{NAME}_self_test.h"} <= set(named)


@pytest.mark.parametrize("audio", [True, False])
def test_the_example_project_names_components_and_files_that_exist(audio):
    folder = package("cmsis-pack", audio)
    solution = read_yaml(folder / EXAMPLE / f"{NAME}_example.csolution.yml", SOLUTION)["solution"]
    (entry,) = solution["projects"]
    project = read_yaml(folder / EXAMPLE / entry["project"], PROJECT)["project"]
    assert all((folder / EXAMPLE / file["file"]).is_file() for group in project["groups"] for file in group["files"])
    wanted = {component["component"] for component in project["components"]}
    group = "Audio:Enhancement" if audio else "Machine Learning:Network"
    assert {f"stapes::{group}:{NAME}", f"stapes::{group}:{NAME} self-test"} <= wanted
    assert ("ARM::CMSIS:DSP&Source" in wanted) is audio
    assert {"pack": f"stapes::{NAME}@1.2.3"} in solution["packs"]


def test_the_components_run_on_the_m7_beside_cmsis_core(tmp_path):
    require("arm-none-eabi-gcc", "qemu-system-arm")
    folder, cmsis = package("cmsis-pack"), cmsis_dsp()
    board = package("cmake") / "example" / "cortex-m7"
    includes = [f"-I{folder / 'src'}", *(f"-isystem{path}" for path in (*cmsis.include_dirs, CORE))]
    compiler = ["arm-none-eabi-gcc", *M7, "-std=c99", "-O2", *includes]
    components = ElementTree.parse(folder / PDSC).getroot().iterfind("components/component")
    named = [folder / file.get("name") for component in components for file in component.iter("file")]
    sources = [path for path in named if path.suffix == ".c"]
    objects = compile_all(
        [*compiler, "-Wall", "-Wextra", "-Werror"], [*sources, *(folder / EXAMPLE).glob("*.c")], tmp_path
    )
    # No define: the headers take CMSIS-Core, as in a pack and in Zephyr.
    objects += compile_all([*compiler, "-w"], [*cmsis.c_files, board / "startup.c"], tmp_path)
    link = f"--specs=rdimon.specs -nostartfiles -T {board / 'mps2_an500.ld'} -o {tmp_path / 'example.elf'}"
    call([*compiler, *objects, *link.split()])
    said = emulate(tmp_path / "example.elf")
    assert "self-test: every bit agrees\n" in said
    assert "stream: 102 blocks, 0 overruns, 0 samples differ\n" in said


def test_a_network_alone_needs_no_other_pack(tmp_path):
    folder = write("cmsis-pack", tmp_path / NAME, frontend=None)
    root = ElementTree.parse(folder / PDSC).getroot()
    assert root.find("requirements") is None
    assert not [rule for rule in root.iter("require") if rule.get("Cclass") == "CMSIS"]
