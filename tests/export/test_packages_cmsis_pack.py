"""The CMSIS-Pack against the schema of its description and the checks of packchk; its components compiled and run on the M7."""

import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.export.pack_rules import archive_errors, packchk, schema_errors
from tests.export.package_schemas import PROJECT, SOLUTION, read_yaml
from tests.export.packages import NAME, call, compile_all, emulate, package, write
from tests.machine import cmsis_dsp, require

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
        (' date="1980-01-01"', "", "M395"),
        ('<board vendor="stapes" name="MPS2-AN500"/>', '<board vendor="stapes" name="MPS2"/>', "M324 M379"),
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
    assert project.get("define", []) == (["ARM_MATH_AUTOVECTORIZE"] if audio else [])
    assert {"pack": f"stapes::{NAME}@1.2.3"} in solution["packs"]


@pytest.mark.parametrize("audio", [True, False])
def test_the_example_builds_as_its_project_says_and_every_bit_is_right(audio, tmp_path):
    """What csolution and cbuild make of the project: its files, components, defines, options, libraries and linker script."""
    require("arm-none-eabi-gcc", "qemu-system-arm")
    folder, example = package("cmsis-pack", audio), package("cmsis-pack", audio) / EXAMPLE
    project = read_yaml(example / f"{NAME}_example.cproject.yml", PROJECT)["project"]
    (options,), (linker,) = project["misc"], project["linker"]
    includes = [f"-I{folder / 'src'}", f"-I{example}"]
    if audio:
        includes += [f"-isystem{path}" for path in (*cmsis_dsp().include_dirs, CORE)]
    defines = [f"-D{name}" for name in project.get("define", [])]
    # ARMCM7 states no floating-point unit; no other define: the headers take CMSIS-Core, as in a pack and in Zephyr.
    device = ["-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=soft"]
    compiler = ["arm-none-eabi-gcc", *device, "-O2", "-g", *options["C"], *includes, *defines]
    components = ElementTree.parse(folder / PDSC).getroot().iterfind("components/component")
    named = [folder / file.get("name") for component in components for file in component.iter("file")]
    sources = [path for path in named if path.suffix == ".c"]
    sources += [example / file["file"] for group in project["groups"] for file in group["files"]]
    objects = compile_all([*compiler, "-Wall", "-Wextra", "-Werror"], sources, tmp_path)
    if audio:
        objects += compile_all([*compiler, "-w"], cmsis_dsp().c_files, tmp_path)
    script, elf = example / linker["script"], tmp_path / "example.elf"
    call(["arm-none-eabi-gcc", *device, *options["Link"], "-T", script, *objects, *options["Library"], "-o", elf])
    said = emulate(elf)
    assert "self-test: every bit agrees\n" in said
    told = "stream: 102 blocks, 0 overruns, 0 samples differ" if audio else "network: 100 frames, 0 values differ"
    assert f"{told}\n" in said


def test_a_network_alone_needs_no_other_pack(tmp_path):
    folder = write("cmsis-pack", tmp_path / NAME, sound_path=None)
    root = ElementTree.parse(folder / PDSC).getroot()
    assert root.find("requirements") is None
    assert not [rule for rule in root.iter("require") if rule.get("Cclass") == "CMSIS"]
