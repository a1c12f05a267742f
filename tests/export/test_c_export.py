"""The exported folder as a firmware engineer meets it: it builds, replays its vectors, and refuses to be mixed up."""

import ctypes
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stapes.export.c import export_c
from stapes.export.c.costs import ram_by_part
from stapes.export.c.program import build_program
from stapes.export.stamp import Stamp
from stapes.export.vectors import SELF_TEST_FRAMES
from stapes.firmware_sim.compare import first_difference
from stapes.firmware_sim.engines.compiled import CompiledPipeline
from stapes.firmware_sim.engines.native import Native
from stapes.models.audio import SoundPath
from stapes.models.errors import StapesError
from stapes.models.files.owned import LIST
from stapes.quantize.regions import REGIONS

from tests.compiling import compile_all, compile_object
from tests.export.networks import network
from tests.export.programs import HASH, STAMP, STRICT
from tests.firmware_sim.gru_graph import gru_graph, random_frames
from tests.machine import cmsis_dsp, require

TRACE = "-DSTAPES_TRACE"
SANITISED = ["-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="module")
def cmsis():
    """CMSIS-DSP's files and what the compiler must be told about them."""
    return cmsis_dsp()


@pytest.fixture(scope="module")
def cmsis_options(cmsis):
    return [*(o for d in cmsis.include_dirs for o in ("-isystem", str(d))), *(f"-D{d}" for d in cmsis.defines)]


@pytest.fixture(scope="module")
def cmsis_objects(cmsis, cmsis_options, tmp_path_factory):
    """Compiled with GCC."""
    require("gcc")
    return compile_all(["gcc", "-O2", "-w", "-fPIC", *cmsis_options], cmsis.c_files, tmp_path_factory.mktemp("cmsis"))


def export(folder, net=None, stamp=STAMP, **options):
    net = net or network()
    arguments = {"name": "mask", "sound_path": net.sound_path, "stamp": stamp, "vectors": net.vectors} | options
    return export_c(net.graph, folder, **arguments)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """One export that tests only read."""
    folder = tmp_path_factory.mktemp("export") / "mask"
    export(folder)
    return folder


def objects(folder, work, command, *flags):
    """All C files of a folder as objects in `work`; every warning is an error."""
    require(command)
    work.mkdir(exist_ok=True)
    made = []
    for path in sorted([*folder.glob("*.c"), *(folder / "runtime").rglob("*.c")]):
        # A file that does not ask for the trace is the same with it, and its object is shared.
        given = flags if "STAPES_TRACE" in path.read_text() else [flag for flag in flags if flag != TRACE]
        made.append(str(compile_object([command, *STRICT, *given], path, work / f"{path.stem}.o")))
    return made


def run(program):
    return subprocess.run([str(program)], capture_output=True, text=True, check=False, timeout=120)


# ---- it builds and says what it is


@pytest.mark.parametrize("command", ["gcc", "clang"])
@pytest.mark.parametrize("trace", [(), (TRACE,)], ids=["plain", "trace"])
@pytest.mark.parametrize(("config", "recipe"), [("own", "w8a16"), ("published", "w8a8_features16")])
def test_every_file_compiles_without_a_warning(config, recipe, trace, command, tmp_path, cmsis_options):
    export(tmp_path / "mask", network(config, recipe))
    objects(tmp_path / "mask", tmp_path / "work", command, "-O2", *trace, *cmsis_options)


@pytest.fixture(scope="module")
def cortex_m7(tmp_path_factory, cmsis_options):
    """Clang for the device, with the three declarations of libc that the program asks for; objects only."""
    require("clang")
    folder = tmp_path_factory.mktemp("libc")
    declared = "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\nvoid *memset(void *, int, size_t);\n"
    for name in ("string.h", "math.h", "stdlib.h"):
        (folder / name).write_text(declared)
    target = ["--target=armv7em-none-eabi", "-mcpu=cortex-m7", "-ffreestanding"]
    return ["clang", *target, "-isystem", str(folder), *cmsis_options]


def test_every_file_compiles_for_the_device_where_int32_is_long(exported, cortex_m7, tmp_path):
    for path in sorted([*exported.glob("*.c"), *(exported / "runtime").rglob("*.c")]):
        if not path.name.endswith("_runner.c"):
            compile_object([*cortex_m7, *STRICT, "-O2"], path, tmp_path / "o.o")


@pytest.mark.parametrize(
    ("config", "recipe"),
    [("own", "w8a16"), ("published", "w8a8"), ("published", "w8a8_features16"), ("long window", "w8a16")],
)
def test_the_ram_told_is_the_size_of_the_context_on_the_device(config, recipe, cortex_m7, tmp_path):
    net = network(config, recipe)
    for sound_path, options in ((net.sound_path, {}), (None, {"vectors": None})):
        export(tmp_path / "mask", net, sound_path=sound_path, **options)
        told = sum(ram_by_part(build_program(net.graph, "mask", sound_path)).values())
        assert f"| all | {told:,} |" in (tmp_path / "mask" / "README.md").read_text()
        probe = tmp_path / "probe.c"
        probe.write_text(f'#include "mask/mask.h"\ntypedef char same[sizeof(mask_context) == {told} ? 1 : -1];\n')
        subprocess.run([*cortex_m7, "-fsyntax-only", str(probe)], check=True)


def test_the_headers_serve_cpp_twice_and_alone(exported, tmp_path):
    require("g++")
    for header in sorted([*exported.glob("*.h"), *(exported / "runtime").rglob("*.h")]):
        source = tmp_path / "probe.cpp"
        source.write_text(f'#include "{header}"\n#include "{header}"\nint main() {{ return 0; }}\n')
        if "#include STAPES" not in header.read_text():
            subprocess.run(
                ["g++", "-std=c++14", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", str(source)], check=True
            )


def test_every_generated_file_carries_bundle_version_and_recipe(exported):
    generated = [path for path in exported.iterdir() if path.is_file() and path.name != LIST]
    assert len(generated) == 12
    for path in generated:
        head = "\n".join(path.read_text().splitlines()[:6])
        assert HASH in head, path
        assert "1.2.3" in head, path
        assert "w8a16" in head, path


def test_headers_begin_with_their_guard_and_tables_are_defined_once(exported):
    for path in [*exported.glob("*.h"), *(exported / "runtime").rglob("*.h")]:
        guard = path.stem.upper() + "_H"
        assert path.read_text().startswith(f"#ifndef {guard}\n#define {guard}\n"), path
        assert not re.search(r"^(static )?const \w+ \w+\[.*= \{", path.read_text(), re.MULTILINE), path


@pytest.mark.object_code
def test_nothing_floats_allocates_or_asks_for_more_than_three_functions_of_libc(exported, tmp_path, cmsis_options):
    require("gcc", "nm", "objdump")
    made = objects(exported, tmp_path / "work", "gcc", "-O2", *cmsis_options)
    made = [path for path in made if not path.endswith("runner.o")]
    listing = subprocess.run(["nm", "-g", *made], capture_output=True, text=True, check=True).stdout
    defined = set(re.findall(r"^[0-9a-f]+ [A-Z] (\w+)$", listing, re.MULTILINE))
    wanted = set(re.findall(r"^ +U (\w+)$", listing, re.MULTILINE)) - defined
    assert wanted <= {"memcpy", "memset", "memmove", "arm_rfft_q31", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", *made], capture_output=True, text=True, check=True)
    assert not re.search(r"\b(cvtsi2s[sd]|(add|mul|div)s[sd]|fld\w*)\b", code.stdout)


@pytest.mark.object_code
def test_only_constants_are_global(exported, tmp_path, cmsis_options):
    require("gcc", "nm")
    # As firmware is linked: with position-independent code, constants that hold addresses are written once by the loader.
    made = objects(exported, tmp_path / "work", "gcc", "-O0", "-fno-pie", *cmsis_options)
    listing = subprocess.run(["nm", *made], capture_output=True, text=True, check=True).stdout
    variables = set(re.findall(r"^[0-9a-f]+ [bBdDC] (\w+)", listing, re.MULTILINE))
    assert {re.sub(r"\.\d+$", "", name) for name in variables} <= {"context"}  # of the runner


# ---- it computes


@pytest.mark.parametrize(
    ("config", "recipe", "fuse"),
    [
        ("own", "w8a16", True),
        ("own", "w8a16", False),
        ("own", "w8a8", True),
        ("published", "w8a16", True),
        ("published", "w8a8_features16", True),
        ("published", "w8a8_features16", False),
        ("published", "w8a16_cmsis_nn", True),
        ("long window", "w8a16", True),
    ],
)
def test_audio_and_every_tensor_are_those_of_the_numpy_engine(config, recipe, fuse, tmp_path, cmsis):
    net = network(config, recipe)
    export(tmp_path / "mask", net, fuse=fuse)
    engine = CompiledPipeline(Native(("-O1",)), tmp_path / "mask", net.graph, net.sound_path)
    traced = engine.run(net.audio_in_q15[None], trace=True)
    assert first_difference("native", net.run, traced, net.sound_path.hop) is None
    np.testing.assert_array_equal(engine.run(net.audio_in_q15[None]).audio_q15, net.run.audio_q15)
    computed = {name for op in net.graph.operators if op.kind != "RESHAPE" for name in op.outputs}
    missing = computed - set(traced.tensors)
    fused = [(region.roles, REGIONS[region.kind]) for region in net.graph.regions]
    inside = {name for roles, kind in fused for role, name in roles.items() if role not in kind.writes}
    assert missing <= (inside if fuse else set())
    assert net.run.audio_q15.std() > 100


def test_two_fusable_cells_are_fused():
    program = build_program(network().graph, "mask", network().sound_path)
    assert sum("stapes_gru_s16" in line for p in program.paragraphs for line in p.lines) == 2


@pytest.fixture(scope="module")
def replaying(exported, tmp_path_factory, cmsis_options, cmsis_objects):
    """Function (folder, work) -> the runner's result, under the address and undefined-behaviour sanitisers."""
    require("gcc sanitised")
    shared = tmp_path_factory.mktemp("shared")
    common = objects(exported, shared, "gcc", *SANITISED, *cmsis_options)

    def replay(folder, work):
        own = {name: str(work / f"{name}.o") for name in ("mask_vectors", "mask_self_test")}
        for name, made in own.items():
            subprocess.run(["gcc", *SANITISED, *cmsis_options, "-c", str(folder / f"{name}.c"), "-o", made], check=True)
        others = [path for path in common if Path(path).stem not in own]
        command = ["gcc", *SANITISED, *others, *own.values(), *cmsis_objects, "-o", str(work / "runner")]
        subprocess.run(command, check=True)
        return run(work / "runner")

    return replay


def test_the_runner_replays_the_vectors_cleanly(exported, replaying, tmp_path):
    done = replaying(exported, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    frames = SELF_TEST_FRAMES
    assert len(network().run.tensors["mask"][0]) > frames
    assert "arrays: every checksum agrees" in done.stdout
    assert f"network: {frames} frames, every bit agrees" in done.stdout
    assert f"audio: {frames * 64} samples, every bit agrees" in done.stdout
    assert HASH in done.stdout


@pytest.mark.parametrize(
    ("array", "index", "message"),
    [("mask", 65 * 20 + 7, r"frame 20: mask\[7\] is (-?\d+), expected (-?\d+)"),
     ("audio_out_q15", 64 * 99 + 63, r"frame 99: audio\[63\] is (-?\d+), expected (-?\d+)")],
)  # fmt: skip
def test_the_runner_names_the_one_value_that_was_changed(array, index, message, replaying, tmp_path):
    vectors = {name: data.copy() for name, data in network().vectors.items()}
    vectors[array].reshape(-1)[index] ^= 1
    export(tmp_path / "mask", vectors=vectors)
    done = replaying(tmp_path / "mask", tmp_path)
    assert done.returncode == 1
    found = re.search(message, done.stdout)
    assert found, done.stdout
    assert int(found[2]) == vectors[array].reshape(-1)[index] == int(found[1]) ^ 1


def test_the_runner_sees_one_changed_input(replaying, tmp_path):
    vectors = {name: data.copy() for name, data in network().vectors.items()}
    vectors["audio_in_q15"][64 * 50] += 500
    export(tmp_path / "mask", vectors=vectors)
    done = replaying(tmp_path / "mask", tmp_path)
    assert done.returncode == 1
    assert "audio[" in done.stdout


# ---- it builds with its own build files


def test_make_check_replays_the_vectors(exported, tmp_path, cmsis):
    require("make", "cc")
    root = cmsis.c_files[0].parents[2]
    command = [
        "make",
        "-C",
        str(exported),
        f"BUILD={tmp_path}/build",
        f"CMSIS_DSP={root}",
        "CFLAGS=-O1 -Werror",
        "check",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every bit agrees" in done.stdout


def test_what_is_exported_checks_itself_as_it_is(tmp_path, cmsis):
    require("make", "cc")
    export(tmp_path / "mask", cmsis_dsp=cmsis.include_dirs[0].parent)
    done = subprocess.run(
        ["make", "-C", tmp_path / "mask", "CFLAGS=-O1", "check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every bit agrees" in done.stdout
    carried = tmp_path / "mask" / "third_party" / "cmsis-dsp"
    assert "Apache License" in (carried / "LICENSE").read_text()
    for path in carried.rglob("*.[ch]"):
        assert path.read_bytes() == (cmsis.include_dirs[0].parent / path.relative_to(carried)).read_bytes()


def test_cmake_builds_and_ctest_passes(exported, tmp_path, cmsis):
    require("cmake", "ctest")
    root = cmsis.c_files[0].parents[2]
    for command in (
        ["cmake", "-S", str(exported), "-B", str(tmp_path), f"-DCMSIS_DSP={root}", "-DSTAPES_TRACE=ON"],
        ["cmake", "--build", str(tmp_path)],
        ["ctest", "--test-dir", str(tmp_path)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warning" not in done.stdout + done.stderr
    assert "100% tests passed" in done.stdout


def test_a_network_alone_needs_no_dsp_library(tmp_path):
    require("make", "cc")
    graph = gru_graph("int8", 16, 16)
    codes = random_frames(graph, 10, 1, seed=0)[:, 0].astype(np.int8)
    # Any output will do: the runner must build and find the difference.
    vectors = {"x": codes.reshape(10, 16), "h_out": np.zeros((10, 16), np.int8)}
    export_c(graph, tmp_path / "cell", name="cell", sound_path=None, stamp=STAMP, vectors=vectors)
    done = subprocess.run(["make", "-C", str(tmp_path / "cell"), "check"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert re.search(r"frame 0: h_out\[\d+\] is -?\d+, expected 0", done.stdout), done.stdout + done.stderr


# ---- it cannot be mixed up


def test_files_of_two_bundles_do_not_link(exported, tmp_path, cmsis_options, cmsis_objects):
    other = replace(STAMP, bundle_hash="fedcba9876543210" * 4)
    export(tmp_path / "mask", stamp=other)
    mine = {os.path.basename(p): p for p in objects(exported, tmp_path / "a", "gcc", "-O2", *cmsis_options)}
    theirs = {os.path.basename(p): p for p in objects(tmp_path / "mask", tmp_path / "b", "gcc", "-O2", *cmsis_options)}

    def link(files):
        command = ["gcc", *files.values(), *cmsis_objects, "-o", str(tmp_path / "runner")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert link(mine).returncode == 0
    assert link(theirs).returncode == 0
    for mixed in ("mask_weights.o", "mask.o", "mask_vectors.o", "mask_self_test.o", "mask_runner.o"):
        done = link(mine | {mixed: theirs[mixed]})
        assert done.returncode != 0, mixed
        assert re.search(
            r"undefined reference to `mask_(bundle|vectors)_(0123456789abcdef|fedcba9876543210)'", done.stderr
        )


class Context:
    """The exported program as a library, its context a buffer."""

    def __init__(self, folder, work, cmsis_options, cmsis_objects):
        size = work / "size.c"
        size.write_text(
            f'#include "{folder}/mask.h"\nsize_t size(void);\nsize_t size(void) {{ return MASK_CONTEXT_BYTES; }}\n'
        )
        made = objects(folder, work / "so", "gcc", "-O2", "-fPIC", *cmsis_options)
        made = [path for path in made if not path.endswith("runner.o")]
        subprocess.run(
            ["gcc", "-shared", "-fPIC", str(size), *made, *cmsis_objects, "-o", str(work / "mask.so")], check=True
        )
        self.c = ctypes.CDLL(str(work / "mask.so"))
        self.c.size.restype = ctypes.c_size_t
        self.bytes = self.c.size()
        self.memory = ctypes.create_string_buffer(b"\xa5" * self.bytes, self.bytes)

    def process(self, memory, block):
        out = np.empty_like(block)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (block, out)]
        return self.c.mask_process(memory, *pointers), out


@pytest.fixture
def context(exported, tmp_path, cmsis_options, cmsis_objects):
    return Context(exported, tmp_path, cmsis_options, cmsis_objects)


def test_misuse_is_answered_with_a_status(context):
    ok, null_pointer, not_initialised, wrong_size = range(4)
    c, size, block = context.c, ctypes.c_size_t(context.bytes), np.zeros(64, np.int16)
    assert context.process(context.memory, block)[0] == not_initialised
    assert c.mask_reset(context.memory) == not_initialised
    assert c.mask_init(None, size) == c.mask_reset(None) == null_pointer
    assert c.mask_init(context.memory, ctypes.c_size_t(context.bytes - 8)) == wrong_size
    assert c.mask_init(context.memory, size) == ok
    assert c.mask_process(context.memory, None, None) == c.mask_network(context.memory, None, None) == null_pointer
    assert context.process(context.memory, block)[0] == ok


def test_a_context_may_be_copied_and_reset_and_give_its_output_in_place(context):
    net = network()
    blocks = net.audio_in_q15.reshape(-1, 64)
    wanted = net.run.audio_q15[0].reshape(-1, 64)
    assert context.c.mask_init(context.memory, ctypes.c_size_t(context.bytes)) == 0
    for block, expected in zip(blocks[:30], wanted[:30], strict=True):
        np.testing.assert_array_equal(context.process(context.memory, block)[1], expected)
    moved = ctypes.create_string_buffer(context.memory.raw, context.bytes)
    ctypes.memset(context.memory, 0x5A, context.bytes)
    for block, expected in zip(blocks[30:60], wanted[30:60], strict=True):
        np.testing.assert_array_equal(context.process(moved, block)[1], expected)
    assert context.c.mask_reset(moved) == 0
    for block, expected in zip(blocks[:30], wanted[:30], strict=True):
        block = block.copy()
        pointer = block.ctypes.data_as(ctypes.c_void_p)
        assert context.c.mask_process(moved, pointer, pointer) == 0
        np.testing.assert_array_equal(block, expected)


# ---- the folder


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_same_graph_and_stamp_give_the_same_bytes(exported, tmp_path):
    net = network()
    shuffled = replace(net.graph, tensors=dict(reversed(list(net.graph.tensors.items()))))
    export(
        tmp_path / "mask", replace(net, graph=shuffled), sound_path=SoundPath.from_tables(net.sound_path.to_tables())
    )
    assert contents(tmp_path / "mask") == contents(exported)


def test_equal_arrays_are_stored_once(exported):
    text = (exported / "mask_weights.c").read_text()
    arrays = re.findall(r"const (\w+) \w+\[[^\]]*\] = \{\n(.*?)\n\};", text, re.DOTALL)
    assert len(arrays) > 10
    assert len(set(arrays)) == len(arrays)


def test_the_sizes_in_the_header_are_those_of_the_arrays(exported):
    header, weights = (exported / "mask.h").read_text(), (exported / "mask_weights.h").read_text()
    width = {"int8_t": 1, "int16_t": 2, "uint16_t": 2, "int32_t": 4}
    arrays = re.findall(r"extern const (u?int\w+) \w+\[([^\]]+)\]", weights)
    total = sum(width[kind] * int(np.prod([int(n) for n in sizes.split(" * ")])) for kind, sizes in arrays)
    assert f"#define MASK_WEIGHT_BYTES {total} " in header
    assert "#define MASK_HOP 64 " in header
    assert "#define MASK_LATENCY_SAMPLES 128 " in header


def test_a_second_export_replaces_the_first_and_keeps_what_is_not_its_own(tmp_path):
    export(tmp_path / "mask", network("own", "w8a8"))
    (tmp_path / "mask" / "notes.txt").write_text("mine")
    export(tmp_path / "mask")
    export(tmp_path / "fresh")
    expected = contents(tmp_path / "fresh") | {"notes.txt": b"mine"}
    assert contents(tmp_path / "mask") == expected
    assert {path.name for path in tmp_path.iterdir()} == {"mask", "fresh"}


@pytest.mark.parametrize("name", ["", "2nd", "gru-mask", "while", "a b", "größe", "x/../y"])
def test_a_name_that_is_no_identifier_is_refused(name, tmp_path):
    with pytest.raises(StapesError, match=r"no C identifier|reserved word"):
        export(tmp_path / "mask", name=name)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path):
    (tmp_path / "mask").mkdir()
    (tmp_path / "mask" / "README.md").write_text("my project")
    with pytest.raises(StapesError, match=r"README\.md: exists and was not generated"):
        export(tmp_path / "mask")
    assert contents(tmp_path) == {"mask/README.md": b"my project"}


def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_left(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "mask"):
        with pytest.raises(StapesError, match="file"):
            export(folder)
    assert contents(tmp_path) == {"file": b"in the way"}


def test_what_does_not_fit_together_is_refused_before_anything_is_written(tmp_path):
    net = network()
    without = [
        {key: value for key, value in table.items() if key != "gain_input"} for table in net.sound_path.to_tables()
    ]
    narrow = SoundPath.from_tables(without)
    short = net.vectors | {"mask": net.vectors["mask"][:, :64]}
    for options, message in (
        ({"sound_path": narrow}, "this front end has 65 values for the network's input 'features', which has 130"),
        ({"vectors": short}, "golden vector 'mask' is int16"),
        ({"vectors": {"audio_in_q15": net.audio_in_q15}}, "one side only"),
        ({"vectors": {}}, "are empty"),
        ({"vectors": net.vectors, "sound_path": None}, "the graph needs"),
    ):
        with pytest.raises(StapesError, match=message):
            export(tmp_path / "mask", **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("stamp", "message"), [(("xyz", "1", "r"), "is no hash"), ((HASH, "1\n2", "r"), "version"), ((HASH, "1", ""), "recipe")])  # fmt: skip
def test_a_stamp_is_checked(stamp, message):
    with pytest.raises(StapesError, match=message):
        Stamp(*stamp)


def test_a_stamp_cannot_break_out_of_its_comment(tmp_path, cmsis_options):
    export(tmp_path / "mask", stamp=replace(STAMP, recipe='*/ #error "x" \\ ??/ /*'))
    objects(tmp_path / "mask", tmp_path / "work", "gcc", "-O0", *cmsis_options)
