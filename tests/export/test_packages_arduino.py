"""The Arduino library against the library specification and the rules of arduino-lint, and its sketches compiled and run.

The rules stand under their identifiers in the documentation of Arduino Lint (Rules, Library and Sketch); those that need
the Library Manager's index or the network (LP017, LP018, LP022, LP033, LP035, LP042, LP048) are left out.
"""

import re
import shutil
from pathlib import Path

import pytest
from stapes.export.c.runtime import exported_path
from stapes.models.audio.controls import ALL, read_programs, with_controls
from stapes.quantize.audio.controls import with_programs

from tests.export.networks import network
from tests.export.packages import NAME, WARNINGS, call, compile_all, emulate, package, write
from tests.machine import M7, require

SHIM = Path(__file__).parent / "arduino"
SKETCHES = {"SelfTest": 1, "DoubleBuffer": 40_000, "TeensyAudio": 1, "GoldenFrames": 150, "Tympan": 1, "StereoI2S": 1}
# What tells main.cpp whose library the sketch is written for.
LIBRARIES = {
    "TeensyAudio": ["-DTEENSY", "-DAUDIO_SAMPLE_RATE_EXACT=16000.0f"],
    "Tympan": ["-DTYMPAN"],
    "StereoI2S": ["-DSTEREO_I2S"],
}
CXX_FLAGS = ["-fno-exceptions", "-fno-rtti", "-fno-use-cxa-atexit", "-fno-threadsafe-statics"]
FIELDS = [
    "name",
    "version",
    "author",
    "maintainer",
    "sentence",
    "paragraph",
    "category",
    "url",
    "architectures",
    "depends",
    "dot_a_linkage",
    "includes",
    "precompiled",
    "ldflags",
]
CATEGORIES = (
    "Display",
    "Communication",
    "Signal Input/Output",
    "Sensors",
    "Device Control",
    "Timing",
    "Data Storage",
    "Data Processing",
    "Other",
)


def properties(folder):
    lines = (folder / "library.properties").read_text().splitlines()
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    assert all(equals for _, equals, _ in pairs), "LP005"
    return {key: value for key, _, value in pairs}


def name_rules(name):
    yield "LP008", len(name) > 0
    yield "LP009", len(name) <= 63
    yield "LP010", len(name) <= 16
    yield "LP011", bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]*", name)) and not name.isdigit()
    yield "LP012", not name.lower().startswith("arduino")
    yield "LP014", "arduino" not in name.lower()
    yield "LP015", " " not in name
    yield "LP016", "library" not in name.lower()


def property_rules(given, headers):
    missing = ("LP007", "LP019", "LP023", "LP025", "LP031", "LP034", "LP037", "LP040", "LP043")
    required = ["name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"]
    yield from ((rule, field in given) for rule, field in zip(missing, required, strict=True))
    yield "LP006", set(given) <= set(FIELDS)
    yield from name_rules(given["name"])
    yield "LP020", bool(re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){0,2}", given["version"]))
    yield "LP021", bool(re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2}", given["version"]))
    yield "LP024", len(given["author"]) > 0
    yield "LP026", len(given["maintainer"]) > 0
    yield "LP027", not given["maintainer"].lower().startswith("arduino")
    yield "LP057", "arduino" not in given["maintainer"].lower()
    yield "LP032", len(given["sentence"]) > 0
    yield "LP036", given["sentence"] not in given["paragraph"]
    yield "LP038", given["category"] in CATEGORIES
    yield "LP056", len(given["url"]) > 0
    yield "LP041", bool(re.fullmatch(r"https?://[\w.-]+(/[\w.-]*)*", given["url"]))
    yield "LP044", len(given["architectures"]) > 0
    yield "LP046", given["architectures"] == given["architectures"].lower()
    yield "LP049", given.get("dot_a_linkage", "false") in ("true", "false")
    yield "LP051", len(given.get("includes", "x")) > 0
    yield "LP052", set(given.get("includes", given["name"] + ".h").split(",")) <= set(headers)


def structure_rules(folder):
    top = {path.name for path in folder.iterdir()}
    every = [path for path in folder.rglob("*")]
    sketches = [path for path in every if path.suffix in (".ino", ".pde")]
    headers = [path.name for path in (folder / "src").glob("*.h")]
    text = "".join(path.read_text("utf-8") for path in every if path.suffix in (".c", ".h", ".ino"))
    yield "LS001", bool(headers)
    yield "LS002", len(folder.name) <= 63
    yield "LS003", bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", folder.name))
    yield "LS005", not any(path.is_symlink() for path in every)
    yield "LS006", ".development" not in top
    yield "LS007", not any(path.suffix == ".exe" for path in every)
    yield "LS008", f"{properties(folder)['name']}.h" in headers
    yield "LS009", "src" in top
    yield "LS010", "utility" not in top
    yield "LP004", not (folder / "src" / "library.properties").exists()
    yield "LC001", not re.search(r"#include\s*[<\"](?!Arduino\.h)(?i:arduino\.h)", text)
    yield "LD001", "README.md" in top
    yield "LD002", "LICENSE" in top
    yield "LD003", all(path.relative_to(folder).parts[0] in ("examples", "extras") for path in sketches)
    yield "LD004", bool(sketches)
    yield "SS001", all((path.parent / f"{path.parent.name}.ino").exists() for path in sketches)
    yield "SS002", all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", path.name) for path in sketches)
    yield "SS003", all(len(path.stem) <= 63 for path in sketches)
    yield "SS004", all(path.suffix == ".ino" for path in sketches)


def broken_rules(folder):
    if not (folder / "library.properties").exists():
        return {"LP001"}
    headers = [path.name for path in (folder / "src").glob("*.h")]
    rules = [*structure_rules(folder), *property_rules(properties(folder), headers)]
    return {rule for rule, kept in rules if not kept}


@pytest.mark.parametrize("audio", [True, False])
def test_no_rule_of_arduino_lint_is_broken(audio):
    assert broken_rules(package("arduino", audio)) == set()


def rewrite(old, new):
    def change(folder):
        path = folder / "library.properties"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (rewrite("name=ear", "name=Arduino ear"), {"LP012", "LP014", "LP015", "LS008"}),
        (rewrite("version=1.2.3", "version=1.2"), {"LP021"}),
        (rewrite("category=Data Processing", "category=Audio"), {"LP038"}),
        (rewrite("includes=ear.h", "includes=eye.h"), {"LP052"}),
        (rewrite("author=stapes", "autor=stapes\nauthor=stapes"), {"LP006"}),
        (lambda folder: (folder / "LICENSE").unlink(), {"LD002"}),
        (lambda folder: shutil.copy(folder / "examples/SelfTest/SelfTest.ino", folder / "src"), {"LD003", "SS001"}),
        (lambda folder: (folder / "library.properties").unlink(), {"LP001"}),
    ],
)
def test_the_rules_would_notice(change, rule, tmp_path):
    shutil.copytree(package("arduino"), tmp_path / NAME)
    change(tmp_path / NAME)
    assert broken_rules(tmp_path / NAME) == rule


def test_keywords_are_separated_by_one_tab_and_name_what_the_headers_declare():
    folder = package("arduino")
    headers = "".join(path.read_text() for path in (folder / "src").rglob("*.h"))
    lines = [line for line in (folder / "keywords.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert len(lines) > 12
    for line in lines:
        word, kind = line.split("\t")
        assert kind in ("KEYWORD1", "KEYWORD2", "LITERAL1")
        assert re.search(rf"\b{word}\b", headers), word


def sketch_flags(sketch):
    return [f"-DSKETCH=<{sketch}.ino>", f"-DLOOPS={SKETCHES[sketch]}", *LIBRARIES.get(sketch, [])]


def compile_library(c, folder, work):
    """The objects of a library, without options, as Arduino does."""
    command = [*c, "-std=gnu11", "-O2", f"-I{folder / 'src'}"]
    transform = folder / "src" / exported_path("stapes_rfft_q31.c")
    own = sorted({*(folder / "src").rglob("*.c")} - {transform})
    library = compile_all([*command, *WARNINGS], own, work)
    return library + compile_all([*command, "-Wall", "-Wextra", "-Werror"], [transform], work)


@pytest.fixture(scope="module", params=["host", "cortex-m7"])
def run_sketch(request, tmp_path_factory):
    """Build the library as Arduino does, without options, and a sketch upon it; run it -> what it printed."""
    work, folder = tmp_path_factory.mktemp(request.param), package("arduino")
    if request.param == "host":
        require("gcc", "g++")
        c, cxx, board, link = ["gcc"], ["g++"], [], ["g++"]
    else:
        require("arm-none-eabi-gcc", "arm-none-eabi-g++", "qemu-system-arm")
        c, cxx = ["arm-none-eabi-gcc", *M7], ["arm-none-eabi-g++", *M7, *CXX_FLAGS]
        emulated = package("cmake") / "example" / "cortex-m7"
        board = compile_all([*c, "-O2"], [emulated / "startup.c"], work)
        sections = f"--specs=rdimon.specs -nostartfiles -T {emulated / 'mps2_an500.ld'}"
        link = ["arm-none-eabi-g++", *M7, *sections.split()]
    include = f"-I{folder / 'src'}"
    library = compile_library(c, folder, work)

    def run(sketch, *more):
        example = folder / "examples" / sketch
        includes = [include, f"-I{example}", f"-I{SHIM}"]
        objects = compile_all([*c, "-std=gnu11", "-O2", *includes, *WARNINGS], sorted(example.glob("*.c")), work)
        options = [*includes, *sketch_flags(sketch), *more, "-Wall", "-Wextra", "-Werror"]
        objects += compile_all([*cxx, "-std=gnu++17", "-O2", *options], [SHIM / "main.cpp"], work, "c++")
        program = work / sketch
        call([*link, *objects, *library, *board, "-o", program])
        return call([program]) if request.param == "host" else emulate(program)

    return run


def test_a_board_proves_itself(run_sketch):
    assert re.fullmatch(r"self-test: every bit agrees, \d+ us\n", run_sketch("SelfTest"))


def test_golden_audio_comes_out_of_the_double_buffer(run_sketch):
    assert "0 overruns, 0 samples differ, longest block 100 us of 4000\n" in run_sketch("DoubleBuffer")


def test_teensys_audio_library_sends_the_golden_samples(run_sketch):
    assert run_sketch("TeensyAudio") == "0 differ\nprocessor, % of a block at most: 12.50\n"


def test_both_ears_of_a_tympan_hear_for_themselves(run_sketch):
    made = "64 samples at 16000 Hz\n0 differ\n0 differ\nprocessor, % of a block at most: 12.50\n"
    assert run_sketch("Tympan") == made


def test_a_tympan_takes_controls_and_programs_of_each_ear(tmp_path):
    require("gcc", "g++")
    net = network()
    sound_path = with_controls(net.sound_path, [ALL])
    programs = {"program": [{"strength": {"mix": 0.5}}]}
    sound_path = with_programs(sound_path, read_programs(programs, sound_path, "programs"))
    folder = write("arduino", tmp_path / NAME, net, sound_path=sound_path)
    library = compile_library(["gcc"], folder, tmp_path)
    made = run_on_host(folder, tmp_path, "Tympan", library, "-O2", "-DCONTROLLED").splitlines()
    assert made[:3] == ["64 samples at 16000 Hz", "0 differ", "0 differ"]
    assert made[4:] == [
        "both ears quiet, left: status 0, another sound",
        "both ears quiet, right: status 0, another sound",
        "left ear quiet, left: status 0, another sound",
        "left ear quiet, right: status 0, as at rest",
        "right ear quiet, left: status 0, as at rest",
        "right ear quiet, right: status 0, another sound",
        "volume below zero, left: status 7, as at rest",
        "program 1, left: status 0, another sound",
        "program 1, right: status 0, another sound",
        "program 2, left: status 7, as at rest",
    ]


@pytest.mark.parametrize("shift", [8, 0])
def test_24_bits_in_slots_of_32_are_rounded_and_both_ears_hear_for_themselves(run_sketch, shift):
    """The last half of each turn comes three times at once: two of them are late."""
    made = run_sketch("StereoI2S", f"-DSLOT_SHIFT={shift}")
    assert (
        made
        == "256 words at 16000 Hz\n2 overruns, 0 differ\n256 words at 16000 Hz\n4 overruns, 0 differ\n"
        + "256 words at 16000 Hz\n"
    )


def test_another_sample_rate_does_not_compile(tmp_path):
    require("g++")
    folder = package("arduino")
    includes = [f"-I{folder / 'src'}", f"-I{folder / 'examples' / 'TeensyAudio'}", f"-I{SHIM}"]
    options = ["-DSKETCH=<TeensyAudio.ino>", "-DTEENSY", "-fsyntax-only"]
    said = call(["g++", "-std=gnu++17", *includes, *options, SHIM / "main.cpp"], tmp_path, code=1)
    assert "set AUDIO_SAMPLE_RATE_EXACT to EAR_SAMPLE_RATE" in said


def test_the_transform_says_what_it_is_and_keeps_the_notices():
    text = (package("arduino") / "src" / exported_path("stapes_rfft_q31.c")).read_text()
    assert "Changed: its files are joined into this" in text
    carried = [path.read_text("utf-8", "replace") for path in (package("cmake") / "third_party").rglob("*.[ch]")]
    assert len(carried) == 16
    for line in ("SPDX-License-Identifier: Apache-2.0", "All rights reserved"):
        assert text.count(line) == sum(part.count(line) for part in carried) > 12


def test_the_functions_of_a_boards_own_cmsis_dsp_can_be_linked_as_well(tmp_path):
    require("gcc", "nm")
    src = package("arduino") / "src"
    objects = compile_all(["gcc", "-std=gnu11", f"-I{src}"], [src / exported_path("stapes_rfft_q31.c")], tmp_path)
    symbols = re.findall(r" [A-TV-Z] (\w+)", call(["nm", "-g", *objects]))
    assert "stapes_arm_rfft_q31" in symbols
    assert all(symbol.startswith("stapes_") for symbol in symbols)


def test_a_library_without_audio_has_no_transform(tmp_path):
    folder = write("arduino", tmp_path / NAME, sound_path=None)
    assert not (folder / "src" / exported_path("stapes_rfft_q31.c")).exists()
    assert sorted(path.name for path in (folder / "examples").iterdir()) == ["GoldenFrames", "SelfTest"]


@pytest.fixture(scope="module")
def network_sketch(tmp_path_factory):
    """Build the library of a network alone and a sketch upon it, `changed` (file, old, new) before; run it -> what it printed."""
    require("gcc", "g++")

    def run(sketch, *changed):
        work = tmp_path_factory.mktemp("alone")
        folder = write("arduino", work / NAME, sound_path=None)
        for file, old, new in changed:
            path = folder / file
            assert old in path.read_text()
            path.write_text(path.read_text().replace(old, new, 1))
        include = f"-I{folder / 'src'}"
        objects = compile_all(["gcc", "-std=gnu11", "-O1", include, *WARNINGS], (folder / "src").rglob("*.c"), work)
        return run_on_host(folder, work, sketch, objects, "-O1")

    return run


def run_on_host(folder, work, sketch, library, *options):
    """Link a sketch with the objects of its library -> what it printed."""
    includes = [f"-I{folder / 'src'}", f"-I{folder / 'examples' / sketch}", f"-I{SHIM}"]
    command = ["g++", "-std=gnu++17", *options, *includes, *sketch_flags(sketch), "-Wall", "-Wextra", "-Werror"]
    made = compile_all(command, [SHIM / "main.cpp"], work, "c++")
    call(["g++", *library, *made, "-o", work / sketch])
    return call([work / sketch])


def test_golden_frames_come_out_of_a_network_alone(network_sketch):
    assert network_sketch("GoldenFrames") == "100 frames, 0 values differ, longest frame 100 us\n"
    assert re.fullmatch(r"self-test: every bit agrees, \d+ us\n", network_sketch("SelfTest"))


def test_golden_frames_count_the_values_that_differ(network_sketch):
    skipped = ("examples/GoldenFrames/GoldenFrames.ino", "  frame++;", "  made = {};\n  frame += 2;")
    said = network_sketch("GoldenFrames", skipped)
    assert re.fullmatch(r"100 frames, [1-9]\d* values differ, longest frame 100 us\n", said)
