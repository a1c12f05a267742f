"""The self-test of an exported program: it passes, finds one corrupted bit wherever it lies, and leaves a fresh context."""

import ctypes
import re
import subprocess

import numpy as np
import pytest
from stapes.export.c import export_c
from stapes.export.vectors import SELF_TEST_FRAMES

from tests.compiling import compile_object
from tests.export.networks import network
from tests.export.programs import STAMP, STRICT
from tests.firmware_sim.gru_graph import gru_graph
from tests.machine import cmsis_dsp, require

OK, NULL_POINTER, WRONG_SIZE, WEIGHTS, MISMATCH = 0, 1, 3, 5, 6
HOP = 64


class Report(ctypes.Structure):
    """`stapes_self_test_report` on the host."""

    _fields_ = (
        ("status", ctypes.c_int),
        ("part", ctypes.c_char_p),
        ("frame", ctypes.c_int32),
        ("index", ctypes.c_int32),
        ("got", ctypes.c_int32),
        ("expected", ctypes.c_int32),
    )


class Program:
    """An exported program with its self-test, as a library."""

    def __init__(self, folder, work, *defines):
        require("gcc", "size")
        cmsis = cmsis_dsp()
        headers = [word for path in cmsis.include_dirs for word in ("-isystem", str(path))]
        headers += [f"-D{word}" for word in cmsis.defines]
        own = [p for p in (*folder.glob("*.c"), *(folder / "runtime").rglob("*.c")) if p.name != "mask_runner.c"]
        size = work / "size.c"
        size.write_text(f'#include "{folder}/mask.h"\nconst size_t context_size = sizeof(mask_context);\n')
        objects = []
        for path in (*own, size, *cmsis.c_files):
            strict = ["-std=c99", "-w"] if path in cmsis.c_files else [*STRICT, *defines]
            command = ["gcc", "-O1", "-fPIC", *strict, *headers]
            objects.append(compile_object(command, path, work / f"{path.stem}.o"))
        subprocess.run(["gcc", "-shared", *objects, "-o", str(work / "mask.so")], check=True)
        self.c = ctypes.CDLL(str(work / "mask.so"))
        self.size = ctypes.c_size_t.in_dll(self.c, "context_size").value
        self.context = ctypes.create_string_buffer(b"\xa5" * self.size, self.size)

    def test(self, size=None):
        report = Report()
        status = self.c.mask_self_test(self.context, ctypes.c_size_t(size or self.size), ctypes.byref(report))
        assert status == report.status
        return report

    def process(self, block):
        out = np.empty_like(block)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (block, out)]
        assert self.c.mask_process(self.context, *pointers) == OK
        return out

    def writable(self, name, size):
        """The bytes of a constant array, in the library as it is loaded."""
        address = ctypes.addressof(ctypes.c_char.in_dll(self.c, name))
        page = address // 4096 * 4096
        read_and_write = 3
        assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(page), address + size - page, read_and_write) == 0
        return (ctypes.c_uint8 * size).from_address(address)


def arrays_of(folder):
    """C name -> bytes, of every constant array that a header of the folder declares."""
    width = {"int8_t": 1, "int16_t": 2, "uint16_t": 2, "int32_t": 4, "uint32_t": 4, "char": 1}
    found = {}
    for path in (*folder.glob("*.h"), *(folder / "runtime").rglob("*.h")):
        for kind, name, sizes in re.findall(r"^extern const (\w+) (\w+)\[([\d *]+)\]", path.read_text(), re.MULTILINE):
            found[name] = width[kind] * int(np.prod([int(n) for n in sizes.split(" * ")]))
    return found


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Recipe -> folder."""

    def get(recipe):
        folder = tmp_path_factory.mktemp(recipe) / "mask"
        net = network("own", recipe)
        export_c(net.graph, folder, name="mask", sound_path=net.sound_path, stamp=STAMP, vectors=net.vectors)
        return folder

    return get


@pytest.mark.parametrize("recipe", ["w8a16", "w8a8"])
def test_one_flipped_bit_is_found_in_every_constant_array(recipe, exported, tmp_path):
    folder = exported(recipe)
    program = Program(folder, tmp_path)
    assert program.test().status == OK
    arrays = arrays_of(folder)
    assert len(arrays) > 10
    rng = np.random.default_rng(0)
    for name, size in arrays.items():
        memory = program.writable(name, size)
        for at in {0, size - 1, int(rng.integers(size))}:
            bit = 1 << int(rng.integers(8))
            memory[at] ^= bit
            report = program.test()
            memory[at] ^= bit
            assert (report.status, report.part.decode(), report.frame) == (WEIGHTS, name, -1)
            assert report.got != report.expected
    passed = program.test()
    assert (passed.status, passed.part) == (OK, b"")


def test_the_context_is_fresh_afterwards_whatever_was_found(exported, tmp_path):
    folder = exported("w8a16")
    program = Program(folder, tmp_path)
    net = network("own", "w8a16")
    blocks, wanted = net.audio_in_q15.reshape(-1, HOP)[:40], net.run.audio_q15[0].reshape(-1, HOP)[:40]
    arrays = arrays_of(folder)
    for corrupted in (None, next(name for name in arrays if "weights" in name), "mask_vector_mask"):
        if corrupted:
            memory = program.writable(corrupted, arrays[corrupted])
            memory[5] ^= 4
        assert program.test().status == (WEIGHTS if corrupted else OK)
        if corrupted:
            memory[5] ^= 4
        np.testing.assert_array_equal([program.process(block) for block in blocks], wanted)


def test_a_null_report_and_a_context_that_does_not_fit_are_answered(exported, tmp_path):
    program = Program(exported("w8a8"), tmp_path)
    size = ctypes.c_size_t(program.size)
    assert program.c.mask_self_test(program.context, size, None) == OK
    assert program.c.mask_self_test(None, size, None) == NULL_POINTER
    refused = program.test(program.size - 8)
    assert (refused.status, refused.part) == (WRONG_SIZE, b"mask_init")


@pytest.mark.object_code
@pytest.mark.parametrize("left_out", [{"NETWORK"}, {"AUDIO"}, {"NETWORK", "AUDIO"}], ids=sorted)
def test_a_part_that_is_left_out_takes_its_vectors_with_it(left_out, exported, tmp_path):
    folder = exported("w8a8")
    whole, part = tmp_path / "whole", tmp_path / "part"
    for work, defines in ((whole, ()), (part, [f"-DSTAPES_SELF_TEST_{name}=0" for name in left_out])):
        work.mkdir()
        assert Program(folder, work, *defines).test().status == OK

    def flash(work):
        listing = subprocess.run(["size", str(work / "mask_vectors.o")], capture_output=True, text=True, check=True)
        return int(listing.stdout.split()[6])

    told = dict(re.findall(r"- ([\d,]+) those of the \w+, which -DSTAPES_SELF_TEST_(\w+)=0", _header(folder)))
    gone = sum(int(size.replace(",", "")) for size, name in told.items() if name in left_out)
    assert gone > 10_000
    assert 0 <= flash(whole) - flash(part) - gone < 64


def _header(folder):
    return (folder / "mask_self_test.h").read_text()


def test_the_vectors_are_the_first_frames_of_the_bundles(exported):
    header = (exported("w8a16") / "mask_vectors.h").read_text()
    assert f"#define MASK_VECTOR_FRAMES {SELF_TEST_FRAMES}\n" in header
    assert f"#define MASK_VECTOR_SAMPLES {SELF_TEST_FRAMES * HOP}\n" in header


def test_without_vectors_there_is_no_self_test(tmp_path):
    graph = gru_graph("int8", 16, 16)
    export_c(graph, tmp_path / "cell", name="cell", sound_path=None, stamp=STAMP)
    assert not [path for path in tmp_path.rglob("*") if "self_test" in path.name or "crc" in path.name]
