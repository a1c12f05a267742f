"""The Q31 transform: the definition in numpy, the `cmsisdsp` wheel, and C with the cut-down tables are one set of bits."""

import ctypes
import subprocess

import numpy as np
import pytest
from stapes.firmware_sim import cmsis_dsp
from stapes.firmware_sim.audio.rfft_q31 import RfftQ31, wheel_has_these_bits
from stapes.models.errors import StapesError
from stapes.quantize.audio.rfft import CMSIS_SOURCES, rfft_tables

from tests import machine
from tests.firmware_sim.audio_c import BUILDS, c_rfft_tables, pointer_to

LENGTHS = (32, 64, 128, 256, 512, 1024)


def rows(length):
    """Half of full scale in every shape, and noise of every level."""
    rng = np.random.default_rng(length)
    top = 2**30 - 1
    noise = rng.integers(-top - 1, top + 1, (200, length)) >> rng.integers(0, 30, (200, 1))
    time = np.arange(length)
    shapes = [np.where(time // period % 2, -top, top) for period in (1, 2, 3, 16, length)]
    shapes += [np.zeros(length, int), np.full(length, -top - 1), top * (time == 0), -top * (time == length - 1)]
    shapes += [rng.choice([-top, top], length) for _ in range(50)]
    shapes += [np.round(top * np.cos(2 * np.pi * k * time / length)).astype(int) for k in (1, 3, length // 4)]
    return np.concatenate([noise, np.stack(shapes)])


@pytest.mark.skipif(not wheel_has_these_bits(), reason="this cmsisdsp is built on NEON")
@pytest.mark.parametrize("length", LENGTHS)
def test_the_definition_is_the_wheel(length):
    wheel, definition = RfftQ31(rfft_tables(length)), RfftQ31(rfft_tables(length), use_wheel=False)
    spectrum = wheel.forward(rows(length))
    assert np.array_equal(definition.forward(rows(length)), spectrum)
    assert np.array_equal(definition.inverse(spectrum), wheel.inverse(spectrum))


@pytest.mark.parametrize("length", LENGTHS)
def test_the_definition_is_a_fourier_transform(length):
    definition = RfftQ31(rfft_tables(length), use_wheel=False)
    spectrum = definition.forward(rows(length))
    values = spectrum[..., 0] + 1j * spectrum[..., 1]
    assert np.abs(values - np.fft.rfft(rows(length)) / length).max() < 40
    assert np.abs(definition.inverse(spectrum) - np.fft.irfft(values, length)).max() < 80


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("length", LENGTHS)
def test_c_with_the_cut_down_tables_is_the_definition(audio_library, build, length):
    definition, c = RfftQ31(rfft_tables(length), use_wheel=False), ctypes.CDLL(str(audio_library(build)))
    tables = rfft_tables(length)
    c_tables = c_rfft_tables(tables)
    expected = definition.forward(rows(length))
    expected_time = definition.inverse(expected)
    for row, spectrum, time in zip(rows(length), expected, expected_time, strict=True):
        source, full = row.astype(np.int32), np.empty(2 * length, np.int32)
        c.stapes_rfft_q31(ctypes.byref(c_tables), pointer_to(source), pointer_to(full))
        assert np.array_equal(full[: length + 2], spectrum.reshape(-1))
        back, bins = np.empty(length, np.int32), spectrum.reshape(-1).astype(np.int32)
        c.stapes_irfft_q31(ctypes.byref(c_tables), pointer_to(bins), pointer_to(back))
        assert np.array_equal(back, time)


def test_the_tables_are_those_of_cmsis_dsp(tmp_path):
    machine.require("gcc")
    dsp = machine.cmsis_dsp()
    source = dsp.include_dirs[0].parent / "Source" / "CommonTables" / "arm_common_tables.c"
    library = tmp_path / "tables.so"
    flags = [*(f"-I{path}" for path in dsp.include_dirs), *(f"-D{name}" for name in dsp.defines), "-shared", "-fPIC"]
    subprocess.run(["gcc", *flags, str(source), "-o", str(library)], check=True)
    c = ctypes.CDLL(str(library))

    def table(name, count, kind=ctypes.c_int32):
        return np.array((kind * count).in_dll(c, name))

    split = {name: table(f"realCoef{name}Q31", 8192).reshape(-1, 2) for name in "AB"}
    for length in LENGTHS:
        tables = rfft_tables(length)
        assert np.array_equal(split["A"][:: 8192 // length].reshape(-1), tables.split_a_q31)
        assert np.array_equal(split["B"][:: 8192 // length].reshape(-1), tables.split_b_q31)
        half = length // 2
        assert np.array_equal(table(f"twiddleCoef_{half}_q31", len(tables.twiddle_q31)), tables.twiddle_q31)
        swaps = table(f"armBitRevIndexTable_fixed_{half}", len(tables.bit_reversal), ctypes.c_uint16)
        assert np.array_equal(swaps, tables.bit_reversal)


def test_a_folder_without_cmsis_dsp_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("STAPES_CMSIS_DSP", str(tmp_path))
    with pytest.raises(StapesError, match=r"STAPES_CMSIS_DSP .* is not there; set it to"):
        cmsis_dsp.sources()


def test_a_pack_of_the_users_own_is_taken(tmp_path, monkeypatch):
    for name in ("Include/dsp/transform_functions.h", *CMSIS_SOURCES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setenv("STAPES_CMSIS_DSP", str(tmp_path))
    found = cmsis_dsp.sources()
    assert found.include_dirs == (tmp_path / "Include",)
    assert all(path.is_file() and path.is_relative_to(tmp_path) for path in found.c_files)


def test_without_an_index_the_remedy_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("STAPES_CMSIS_DSP", raising=False)
    monkeypatch.setattr(cmsis_dsp, "_cache_folder", lambda: tmp_path / "cache")
    for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "PIP_CONFIG_FILE"):
        monkeypatch.setenv(name, {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}.get(name, "/dev/null"))
    with pytest.raises(StapesError, match=r"pip cannot fetch .* set STAPES_CMSIS_DSP"):
        cmsis_dsp.sources()
    assert list((tmp_path / "cache").iterdir()) == []
