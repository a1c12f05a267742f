"""Exported C on real networks and audio: no warning, no fault under the sanitisers, every bit that of numpy, hop by hop."""

import ctypes
import functools
import subprocess
from pathlib import Path

import numpy as np
import pytest
from stapes.tools.bench.material import speech_in_noise
from stapes.tools.engines import make_engine
from stapes.tools.library.export import write_c

from tests.compiling import compile_object
from tests.firmware_sim.audio_signals import pipeline_extremes
from tests.machine import cmsis_dsp, require

HOP = 64
STREAM = Path(__file__).with_name("stream.c")
WARNINGS = "-Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion -Wundef -Wcast-align"
SANITISE = ["-O1", "-g1", "-fno-sanitize-recover=all"]


@pytest.fixture(scope="module")
def cmsis():
    """CMSIS-DSP's files and what the compiler must be told about them."""
    return cmsis_dsp()


@pytest.fixture(scope="module")
def exported(bundle_of, tmp_path_factory):
    """(network, recipe) -> the bundle and its exported folder."""

    @functools.cache
    def get(network, recipe):
        bundle = bundle_of(network, recipe)
        folder = tmp_path_factory.mktemp("export") / bundle.name
        write_c(bundle, folder)
        return bundle, folder

    return get


@pytest.fixture(scope="module")
def signals():
    """Name -> recording of a quarter of a second: the extremes, and a second of speech in noise; int16, whole hops."""
    samples = 64 * HOP
    speech = speech_in_noise(4 * samples / 16_000, seed=9).reshape(4, -1)
    return pipeline_extremes(samples) | {f"speech {i}": row for i, row in enumerate(speech)}


def compile_all(compiler, folder, name, cmsis, work, own_flags, cmsis_flags):
    """Objects by file name: the export and stream.c, every warning an error, and CMSIS-DSP without any."""
    headers = [word for path in cmsis.include_dirs for word in ("-isystem", str(path))]
    headers += [f"-D{word}" for word in cmsis.defines]
    names = [f"-DNAME={name}", f"-DHOP={name.upper()}_HOP", f'-DHEADER="{name}.h"', f"-I{folder}"]
    strict = ["-std=c99", "-Werror", *WARNINGS.split()]
    made = {}
    own = [*folder.glob("*.c"), *(folder / "runtime").rglob("*.c"), STREAM]
    for path in [*own, *cmsis.c_files]:
        options = [*strict, *own_flags] if path in own else ["-std=c99", "-w", *cmsis_flags]
        if path == STREAM:
            options += names
        made[path.stem] = str(compile_object([compiler, *options, *headers], path, work / f"{path.stem}.o"))
    return made


# ---- built as the user builds it


@pytest.mark.parametrize(
    ("network", "recipe", "compiler"), [("zoo", "w8a16", "clang"), ("zoo", "w8a8", "gcc")], ids=str
)
def test_make_check_builds_without_a_warning_and_replays_the_vectors(
    exported, cmsis, tmp_path, network, recipe, compiler
):
    require(compiler, "make")
    _, folder = exported(network, recipe)
    command = ["make", "check", f"CC={compiler}", "CFLAGS=-O2 -Werror", f"WARNINGS={WARNINGS}"]
    command += [f"BUILD={tmp_path}", f"CMSIS_DSP={cmsis.include_dirs[0].parent}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr
    assert "network: 100 frames, every bit agrees" in done.stdout
    assert "audio: 6400 samples, every bit agrees" in done.stdout


# ---- under the sanitisers


@pytest.mark.parametrize(
    ("network", "recipe", "compiler"),
    [
        ("zoo", "w8a16", "gcc"),
        ("zoo", "w8a8", "clang"),
        ("published", "w8a8_features16", "gcc"),
        ("complex", "w8a16", "clang"),
        ("complex", "w8a8", "gcc"),
    ],
    ids=str,
)  # fmt: skip
def test_no_sanitiser_complains_at_the_extremes_and_every_bit_is_that_of_numpy(
    exported, cmsis, signals, tmp_path, network, recipe, compiler
):
    require(f"{compiler} sanitised")
    bundle, folder = exported(network, recipe)
    # CMSIS-DSP shifts negative numbers to the left, which its compilers define: it is held to its memory alone.
    flags = [*SANITISE, "-fsanitize=address,undefined"]
    objects = compile_all(compiler, folder, bundle.name, cmsis, tmp_path, flags, [*SANITISE, "-fsanitize=address"])
    runner = [objects.pop(f"{bundle.name}_{part}") for part in ("runner", "self_test", "vectors")]
    stream = objects.pop("stream")
    for program, own in (("runner", runner), ("stream", [stream])):
        subprocess.run([compiler, *flags, *own, *objects.values(), "-o", str(tmp_path / program)], check=True)

    done = subprocess.run([tmp_path / "runner"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("every bit agrees") == 2
    assert done.stderr == ""

    audio = np.stack(list(signals.values()))
    hops = audio.shape[1] // bundle.sound_path.hop
    done = subprocess.run([tmp_path / "stream", str(hops)], input=audio.tobytes(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    made = np.frombuffer(done.stdout, np.int16).reshape(audio.shape)
    expected = make_engine("numpy", bundle).run(audio).audio_q15
    for name, row, reference in zip(signals, made, expected, strict=True):
        np.testing.assert_array_equal(row, reference, err_msg=name)


# ---- the same bytes


@pytest.mark.parametrize(("network", "recipe"), [("zoo", "w8a16"), ("published", "w8a8")])
def test_a_second_export_gives_the_same_bytes(stapes, exported, tmp_path, network, recipe):
    bundle, folder = exported(network, recipe)
    for _ in range(2):
        assert stapes("export", bundle.folder, "-o", tmp_path / "other name").code == 0
        files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
        again = {
            path.relative_to(tmp_path / "other name") for path in (tmp_path / "other name").rglob("*") if path.is_file()
        }
        assert again == files
        assert len(files) > 20
        for path in files:
            assert (tmp_path / "other name" / path).read_bytes() == (folder / path).read_bytes(), path


def test_other_targets_are_the_bundles_own_files(stapes, bundle_of, tmp_path):
    bundle = bundle_of("published", "w8a8")
    for target, name in (("tflite", "model.tflite"), ("onnx", "float.onnx"), ("vectors", "vectors.npz")):
        done = stapes("export", bundle.folder, "-o", tmp_path / "out", "--to", target)
        assert done.code == 0, done
        made = tmp_path / "out" / f"{bundle.name}{Path(name).suffix}"
        assert made.read_bytes() == (bundle.folder / name).read_bytes()


# ---- as a stream


class Stream:
    """One context of a program; `process` takes and gives one hop."""

    def __init__(self, library, name, fill=0):
        self._c, self._name = library, name
        size = library.stream_context_bytes()
        # 16 bytes behind the context, which nobody may touch.
        memory = np.full(size + 32, fill, np.uint8)
        offset = -memory.ctypes.data % 16
        self._memory, self._fence = memory[offset : offset + size], memory[offset + size :]
        self._fence[:] = 0x5A
        assert self.call("init", ctypes.c_size_t(size)) == 0

    def call(self, function, *arguments):
        return getattr(self._c, f"{self._name}_{function}")(ctypes.c_void_p(self._memory.ctypes.data), *arguments)

    def process(self, hop_q15, in_place=False):
        given = np.array(hop_q15, np.int16)
        made = given if in_place else np.full(HOP, 77, np.int16)
        assert self.call("process", ctypes.c_void_p(given.ctypes.data), ctypes.c_void_p(made.ctypes.data)) == 0
        assert in_place or (given == hop_q15).all()
        assert (self._fence == 0x5A).all()
        return made

    def run(self, audio_q15):
        return np.concatenate([self.process(hop) for hop in audio_q15.reshape(-1, HOP)])


@pytest.fixture(scope="module")
def program(exported, cmsis, tmp_path_factory):
    """A new stream of the program, by call."""
    require("gcc")
    bundle, folder = exported("published", "w8a8")
    work = tmp_path_factory.mktemp("stream")
    objects = compile_all("gcc", folder, bundle.name, cmsis, work, ["-O1", "-fPIC"], ["-O1", "-fPIC"])
    objects.pop(f"{bundle.name}_runner")
    subprocess.run(["gcc", "-shared", *objects.values(), "-o", str(work / "stream.so")], check=True)
    library = ctypes.CDLL(str(work / "stream.so"))
    library.stream_context_bytes.restype = ctypes.c_size_t
    return functools.partial(Stream, library, bundle.name)


@pytest.fixture(scope="module")
def speech():
    """Two different recordings of a second and a half, (2, S) int16."""
    return speech_in_noise(6.0, seed=12).reshape(4, -1)[1:3]


@pytest.fixture(scope="module")
def whole(bundle_of, speech):
    """What the numpy engine makes of each recording."""
    return make_engine("numpy", bundle_of("published", "w8a8")).run(speech).audio_q15


def test_hop_by_hop_is_the_whole_file(program, speech, whole):
    np.testing.assert_array_equal(program().run(speech[0]), whole[0])
    assert np.abs(whole[0].astype(int)).max() > 500


def test_what_lay_in_the_memory_before_does_not_matter(program, speech, whole):
    for fill in (0xFF, 0xA5):
        np.testing.assert_array_equal(program(fill=fill).run(speech[0][: 40 * HOP]), whole[0][: 40 * HOP])


def test_output_may_take_the_place_of_the_input(program, speech, whole):
    stream = program()
    made = [stream.process(hop, in_place=True) for hop in speech[1].reshape(-1, HOP)]
    np.testing.assert_array_equal(np.concatenate(made), whole[1])


@pytest.mark.parametrize("before", [1, 29, 30, 200])
@pytest.mark.parametrize("restart", ["reset", "init"])
def test_a_reset_in_mid_stream_is_a_fresh_start(program, speech, whole, before, restart):
    stream = program()
    stream.run(speech[1][: before * HOP])
    size = (ctypes.c_size_t(len(stream._memory)),) if restart == "init" else ()
    assert stream.call(restart, *size) == 0
    np.testing.assert_array_equal(stream.run(speech[0]), whole[0])


def test_two_interleaved_streams_do_not_disturb_each_other(program, speech, whole):
    streams, made = (program(), program()), ([], [])
    rng = np.random.default_rng(0)
    hops = [list(row.reshape(-1, HOP)) for row in speech]
    while any(hops):
        which = int(rng.integers(2)) if all(hops) else int(not hops[0])
        made[which].append(streams[which].process(hops[which].pop(0)))
    for row, expected in zip(made, whole, strict=True):
        np.testing.assert_array_equal(np.concatenate(row), expected)
