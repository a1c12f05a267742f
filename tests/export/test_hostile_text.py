"""Text of a received file never becomes code: names that would break out of every language are exported, and each file is
read by a parser of its own.
"""

import dataclasses
import functools
import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from stapes.export.c import export_c
from stapes.export.c.names import LONGEST, fault, free_name
from stapes.export.c.runtime import RUNTIME
from stapes.export.packages import PACKAGES
from stapes.export.stamp import Stamp
from stapes.models.audio import kinds
from stapes.models.errors import StapesError
from stapes.models.files.owned import LIST
from stapes.quantize.graph import Graph, State

from tests.export.networks import Network, network
from tests.export.packages import NAME, write
from tests.export.programs import HASH
from tests.machine import cmsis_dsp, require

# No symbol, file or target of this name may be there afterwards.
PLANTED = "stapes_planted"
BREAKS = [
    f"a*/\nint {PLANTED} = 1;\n/*",
    f'"; int {PLANTED} = 2; char x[] = "',
    f"\\\nint {PLANTED}; //",
    f"??/\nint {PLANTED}; //",
    f"*/ int {PLANTED}; /*??/",
    f"/* int {PLANTED}; \\",
    f"$(shell touch {PLANTED})",
    f"`touch {PLANTED}`",
    f"\n\ttouch {PLANTED}\n",
    f"${{{PLANTED}}} $ENV{{HOME}} @{PLANTED}@ ]] [[",
    f'")\nfile(WRITE {PLANTED} "x")\nset(x "',
    f"# {PLANTED}: ; & |",
    f"--> <{PLANTED}/> ]]> &{PLANTED}; </script>",
    "{{ 7 * 7 }} {% raw %} %}",
    "%s%n%x",
    "\x1b[2J\x1b]0;x\x07",
    "a\u202eb\u2066\u200f\u2028\ue000\ue001",
    "größe 中文 \ud800",
    "n" * 10_000,
    "é*/" * 4_000,
    "...",
    "../../x",
    "'",
    '"',
    "\\",
]
WORDS = """
    int while class NULL main memcpy size_t true EOF errno I linux unix stdin INT32_MIN ctx in out status trace check
    run_network init reset network process context self_test stream stream_init tensor_names vector_audio_in_q15
    vector_features bundle_0123456789abcdef vectors_0123456789abcdef aligned_context hop guard audio scratch arena frame
    stdint string math arm_math stapes_nn stapes_status audio_params over_65 misaligned x_params TRACE features_q20
"""
HOSTILE = [*BREAKS, *WORDS.split()]
# What a recipe and a version can be: one line that can be printed.
LINE = (
    f"x*/ \" ' ??/ \\ $(shell touch {PLANTED}) ${{X}} @X@ # ; --> <{PLANTED}> ]]> & </script> {{{{ x }}}} %}} é | ` --"
)
STAMPS = {"harmless": Stamp(HASH, "1.2.3", "w8a16"), "hostile": Stamp(HASH, f"1.2.3 {LINE}", LINE)}
C = (".c", ".h", ".ino")


def renamed(graph: Graph, shift: int) -> Graph:
    """The graph with hostile names for everything that has one; `shift` says which tensor gets which."""
    given: dict[str, str] = {"": ""}

    def name(old: str) -> str:
        if old not in given:
            place = len(given) - 1 + shift
            repeat = (len(given) - 1) // len(HOSTILE)
            given[old] = HOSTILE[place % len(HOSTILE)] + (str(repeat) if repeat else "")
        return given[old]

    ends = [*graph.inputs, *graph.outputs, *(end for state in graph.states for end in (state.input, state.output))]
    for old in (*ends, *(tensor.name for tensor in graph.constants), *graph.tensors):
        name(old)
    return Graph(
        name=HOSTILE[0],
        tensors={name(old): dataclasses.replace(tensor, name=name(old)) for old, tensor in graph.tensors.items()},
        operators=tuple(
            dataclasses.replace(
                op,
                name=name(f"op {op.name}"),
                inputs=tuple(map(name, op.inputs)),
                outputs=tuple(map(name, op.outputs)),
                region=None if op.region is None else name(f"region {op.region}"),
            )
            for op in graph.operators
        ),
        inputs=tuple(map(name, graph.inputs)),
        outputs=tuple(map(name, graph.outputs)),
        states=tuple(State(name(state.input), name(state.output)) for state in graph.states),
        regions=tuple(
            dataclasses.replace(
                region,
                name=name(f"region {region.name}"),
                roles={role: name(tensor) for role, tensor in region.roles.items()},
            )
            for region in graph.regions
        ),
        metadata={HOSTILE[0]: HOSTILE[1]},
    )


@functools.cache
def hostile(shift: int) -> Network:
    """The small network under hostile names, its golden vectors too."""
    net = network("own", "w8a8")
    graph = renamed(net.graph, shift)
    names = dict(zip(net.graph.tensors, graph.tensors, strict=True))
    run = dataclasses.replace(net.run, tensors={names.get(key, key): data for key, data in net.run.tensors.items()})
    return Network(graph, net.sound_path, net.audio_in_q15, run)


def export(net: Network, folder: Path, stamp: Stamp, **changes: object) -> Path:
    arguments = {"name": NAME, "sound_path": net.sound_path, "stamp": stamp, "vectors": net.vectors} | changes
    export_c(net.graph, folder, **arguments)
    return folder


def compiled(folder: Path, *flags: str) -> list[str]:
    """Compile every C file, comments held to their ends -> global symbols that are defined."""
    require("gcc")
    files = sorted(str(path) for path in folder.rglob("*.c"))
    warnings = ["-std=c99", "-trigraphs", "-Wall", "-Wextra", "-Werror", "-Wno-unused-const-variable"]
    work = folder.with_suffix(".objects")
    work.mkdir(exist_ok=True)
    includes = [f"-isystem{path}" for path in cmsis_dsp().include_dirs]
    done = subprocess.run(
        ["gcc", *warnings, *flags, f"-I{folder}", "-D__GNUC_PYTHON__", *includes, "-c", *files],
        cwd=work, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[:3000]
    listed = subprocess.run(
        ["nm", "-g", "--defined-only", *map(str, sorted(work.glob("*.o")))], capture_output=True, text=True, check=True
    )
    return [line.split()[-1] for line in listed.stdout.splitlines() if len(line.split()) == 3]


@pytest.mark.parametrize("shift", [0, 26])
def test_names_of_tensors_define_no_symbol_and_leave_the_c_whole(shift, tmp_path):
    plain = compiled(export(network("own", "w8a8"), tmp_path / "plain", STAMPS["harmless"]), "-O0")
    found = compiled(export(hostile(shift), tmp_path / "hostile", STAMPS["hostile"]), "-O0", "-DSTAPES_TRACE")
    traced = {f"{NAME}_tensor_names", f"{NAME}_tensor_bytes"}
    assert len(found) == len(set(found)) == len(plain) + len(traced)
    assert all(symbol.startswith((f"{NAME}_", "stapes_", "main", "device_")) for symbol in found)
    assert PLANTED not in found


def test_the_traced_names_are_those_of_the_graph(tmp_path):
    text = (export(hostile(0), tmp_path / "c", STAMPS["hostile"]) / f"{NAME}.c").read_text("ascii")
    table = text[text.index("_tensor_names[") : text.index("_tensor_bytes[")]
    literals = [line.strip()[1:-2] for line in table.splitlines() if line.startswith('    "')]
    raw = [literal.encode("ascii").decode("unicode_escape").encode("latin-1") for literal in literals]
    told = {name.decode("utf-8", "surrogatepass") for name in raw}
    assert len(told) > 10
    traced = {name for kind in kinds().values() for name in kind.traced}
    assert told - traced <= set(hostile(0).graph.tensors)


def outside_of_c(folder: Path) -> dict[str, str]:
    files = {path for path in folder.rglob("*") if path.is_file() and path.suffix not in (*C, ".pack")}
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in sorted(files)}


@pytest.mark.parametrize("kind", ["c", *PACKAGES])
def test_a_stamp_leaves_every_file_with_the_same_lines(kind, tmp_path):
    def make(what: str) -> Path:
        net = hostile(0) if what == "hostile" else network("own", "w8a8")
        if kind == "c":
            return export(net, tmp_path / what, STAMPS[what])
        return write(kind, tmp_path / what, net, stamp=STAMPS[what])

    plain, evil = outside_of_c(make("harmless")), outside_of_c(make("hostile"))
    assert plain.keys() == evil.keys()
    assert not list(tmp_path.rglob(f"*{PLANTED}*"))
    for name, text in evil.items():
        if name.endswith((".json", LIST)):
            json.loads(text)
            continue
        pairs = list(zip(text.splitlines(), plain[name].splitlines(), strict=True))
        changed = [mine for mine, other in pairs if mine != other]
        if name.endswith("README.md"):  # names of the ports stand there too
            changed = [line for line in changed if not line.startswith("| ") and "_network(&context" not in line]
        assert all(PLANTED in line for line in changed), name
        assert len(changed) <= 2, name
        if name.endswith((".yml", ".yaml")):
            assert yaml.safe_load(text) == yaml.safe_load(plain[name])
        if name.endswith(".pdsc"):
            tags = [[element.tag for element in ElementTree.fromstring(page).iter()] for page in (text, plain[name])]
            assert tags[0] == tags[1]
    if kind == "cmake":
        generated = json.loads(evil["CMakePresets.json"])["vendor"]["stapes"]["generated"]
        assert LINE in generated


def test_make_and_cmake_read_the_files_and_run_nothing_of_a_name(tmp_path):
    folder = export(hostile(0), tmp_path / "c", STAMPS["hostile"])
    root = cmsis_dsp().include_dirs[0].parent
    require("make")
    done = subprocess.run(
        ["make", "-n", f"CMSIS_DSP={root}", "check"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert PLANTED not in done.stdout
    require("cmake")
    build = ["cmake", "-S", ".", "-B", "build", f"-DCMSIS_DSP={root}"]
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    shutil.rmtree(folder / "build")
    assert not list(tmp_path.rglob(f"*{PLANTED}*"))


def headers() -> list[str]:
    """Names of the headers of C99 and C11, of this tool's runtime and of CMSIS-DSP."""
    standard = """assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg
        stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype"""
    own = [*RUNTIME.rglob("*.h"), *(path for folder in cmsis_dsp().include_dirs for path in folder.glob("*.h"))]
    return [*standard.split(), *(path.stem for path in own)]


def test_no_program_has_the_name_of_a_header():
    for name in [*headers(), "Arduino", "Audio", "STDINT", "arm_math", "cmsis_compiler"]:
        assert fault(name) is not None, name
        assert fault(free_name(name)) is None, name


@pytest.mark.parametrize(
    "name", [*HOSTILE, "con", "AUX", "test", "all", "clean", "m", "null", "stapes", "arduino_x", "sem"]
)
def test_every_file_name_becomes_a_name_that_is_free(name):
    made = free_name(name)
    assert fault(made) is None
    assert len(made) <= LONGEST
    assert free_name(made) == made


@pytest.mark.parametrize("name", ["I", "INT32", "a" * LONGEST])
def test_a_name_that_is_free_gives_c_that_compiles(name, tmp_path):
    net = network("own", "w8a8")
    folder = export(net, tmp_path / "c", STAMPS["harmless"], name=name, vectors=None, sound_path=None)
    compiled(folder, "-O0")


def test_a_name_that_is_taken_is_refused_before_anything_is_written(tmp_path):
    for name in ("stdint", "stapes_nn", "con", "a" * 64, "test", *BREAKS):
        with pytest.raises(StapesError, match="name"):
            export(network("own", "w8a8"), tmp_path / "c", STAMPS["harmless"], name=name)
    assert not list(tmp_path.iterdir())
