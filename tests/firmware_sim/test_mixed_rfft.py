"""The transform of mixed radix: within its bounds of the true one, nothing overflows, and one set of bits in numpy and in C."""

import ctypes
import subprocess

import numpy as np
import pytest
from stapes.export.c.runtime import runtime_file, runtime_includes
from stapes.firmware_sim.audio.mixed_rfft_q31 import MixedRfftQ31
from stapes.models.audio.lengths import LONGEST_MIXED, SHORTEST_MIXED, mixed_length, next_mixed_length
from stapes.quantize.audio import mixed_rfft
from stapes.quantize.audio.mixed_rfft import TIME_LIMIT, bounds, log2_ceiling, mixed_rfft_tables, radices

from tests import machine
from tests.compiling import compile_all
from tests.firmware_sim.audio_c import BUILDS, STRICT, pointer_to

LENGTHS = [length for length in range(SHORTEST_MIXED, LONGEST_MIXED + 1) if mixed_length(length)]
FENCE = 77


def times(length):
    """Noise of every level, and full scale in the shapes that drive single sums furthest."""
    rng = np.random.default_rng(length)
    time = np.arange(length)
    turns = 2 * np.pi * time / length
    noise = rng.integers(-TIME_LIMIT, TIME_LIMIT + 1, (6, length)) >> rng.integers(0, 28, (6, 1))
    shapes = [np.ones(length), -np.ones(length), time == 0, -1.0 * (time == length - 1), np.zeros(length)]
    shapes += [np.where(time // period % 2, -1, 1) for period in (1, 2, 3)]
    for k in (1, 3, length // 5, length // 4, length // 3):
        shapes += [np.cos(k * turns), np.sign(np.cos(k * turns + 0.1)), np.sign(np.sin(k * turns))]
    shapes += list(rng.choice([-1.0, 1.0], (6, length)))
    return np.concatenate([noise, np.round(TIME_LIMIT * np.array(shapes)).astype(np.int64)])


def spectra(length):
    """All of int32, at random, in single bins, in one phase, and the phases that put everything into one sample."""
    rng = np.random.default_rng(length)
    bins = length // 2 + 1
    k = np.arange(bins)
    parts = [rng.integers(-(2**31), 2**31, (4, bins, 2)) >> rng.integers(0, 31, (4, 1, 1))]
    parts += [rng.choice([-(2**31), 2**31 - 1], (4, bins, 2)), np.full((1, bins, 2), -(2**31)), np.zeros((1, bins, 2))]
    for bin_number in (0, 1, bins // 2, bins - 1):
        parts.append(np.where((k == bin_number)[:, None], [[2**31 - 1, -(2**31)]], 0)[None])
    for sample in (0, 1, length // 3):
        phases = 2 * np.pi * k * sample / length
        parts.append((2**31 - 1) * np.stack([np.cos(phases), -np.sin(phases)], axis=1)[None])
        parts.append(np.where(parts[-1] > 0, 2**31 - 1, -(2**31)))
    return np.concatenate([np.trunc(part).astype(np.int64) for part in parts])


def complex_of(spectrum):
    return spectrum[..., 0] + 1j * spectrum[..., 1]


def test_the_lengths_are_all_even_ones_of_small_factors():
    assert len(LENGTHS) == 81
    assert {16, 30, 48, 240, 320, 480, 640, 720, 900, 960, 1920, 2048} <= set(LENGTHS)
    assert not {14, 17, 22, 441, 882, 2050, 2160} & set(LENGTHS)
    assert [next_mixed_length(length) for length in (3, 16, 882, 961, 1921, 5000)] == [16, 16, 900, 972, 1944, 2048]


@pytest.mark.parametrize("length", LENGTHS)
def test_no_number_on_the_way_is_too_large(length):
    assert np.prod(radices(length // 2)) == length // 2
    assert bounds(length).largest < 2**31


def test_it_is_a_fourier_transform_within_its_bounds():
    for length in LENGTHS:
        transform, bound = MixedRfftQ31(mixed_rfft_tables(length)), bounds(length)
        spectrum, scale = transform.forward(times(length)), 2.0 ** -log2_ceiling(length)
        expected = np.fft.rfft(times(length)) * 4 * scale
        assert np.abs(complex_of(spectrum) - expected).max() <= bound.forward_error
        given = spectra(length)
        time, exponent = transform.inverse(given)
        given = (given << exponent[:, None, None]).astype(np.float64)
        given[:, (0, -1), 1] = 0
        expected = np.fft.irfft(complex_of(given), length) * length * scale / 8
        assert np.abs(time - expected).max() <= bound.inverse_error
        assert max(np.abs(spectrum).max(), np.abs(time).max()) < 2**31


@pytest.mark.parametrize("length", [30, 128, 960, 2048])
def test_noise_goes_through_both_transforms_with_120_db(length):
    """What the audio path needs is 16 bits, 98 dB."""
    transform = MixedRfftQ31(mixed_rfft_tables(length))
    time = np.random.default_rng(0).integers(-TIME_LIMIT, TIME_LIMIT + 1, (8, length)).astype(np.float64)
    spectrum = transform.forward(time)
    back, exponent = transform.inverse(spectrum)
    back = back * 2.0 ** (2 * log2_ceiling(length) + 1 - exponent[:, None]) / length
    expected = np.fft.rfft(time) * 4 / 2.0 ** log2_ceiling(length)
    for given, true in ((complex_of(spectrum), expected), (back, time)):
        noise = np.sum(np.abs(given - true) ** 2) / np.sum(np.abs(true) ** 2)
        assert -10 * np.log10(noise) > 120


def test_the_constants_are_what_their_formulas_say():
    root3, root5 = np.sqrt(3.0), np.sqrt(5.0)
    sin72, sin36 = np.sin(2 * np.pi / 5), np.sin(np.pi / 5)
    names = ("THIRD_TURN_Q32", "FIFTH_TURN_Q32", "LESS_THAN_SINE_Q32", "MORE_THAN_HALF_Q32")
    source = runtime_file("stapes_mixed_rfft_q31.c").read_text()
    for name, value in zip(names, (1 - root3 / 2, root5 / 4 - 1 / 2, 1 - sin72, sin36 - 1 / 2), strict=True):
        assert getattr(mixed_rfft, name) == np.floor(value * 2**32 + 0.5)
        assert f"#define {name} {getattr(mixed_rfft, name)} " in source


class _Tables(ctypes.Structure):
    _fields_ = [
        ("length", ctypes.c_uint16),
        ("stage_count", ctypes.c_uint16),
        ("stages", ctypes.POINTER(ctypes.c_uint16)),
        ("twiddle_q31", ctypes.POINTER(ctypes.c_int32)),
        ("split_q31", ctypes.POINTER(ctypes.c_int32)),
    ]


def c_tables(tables):
    """`stapes_mixed_rfft_tables`; the arrays stay with `tables`."""
    arrays = [pointer_to(array) for array in (tables.stages, tables.twiddle_q31, tables.split_q31)]
    return _Tables(tables.length, len(tables.stages) // 2, *arrays)


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    def build(name):
        compiler, *flags = BUILDS[name]
        machine.require("gcc sanitised" if name == "sanitised" else compiler)
        work = tmp_path_factory.mktemp(name)
        files = [runtime_file(f"stapes_{part}.c") for part in ("mixed_rfft_q31", "log2_table", "exp2_table")]
        command = [compiler, *flags, *STRICT.split(), "-Werror", *runtime_includes(), "-fPIC"]
        target = work / "mixed.so"
        subprocess.run([compiler, *flags, "-shared", *compile_all(command, files, work), "-o", target], check=True)
        return ctypes.CDLL(str(target))

    return build


@pytest.mark.parametrize("build", BUILDS)
def test_c_is_the_definition_and_stays_within_its_arrays(library, build):
    c = library(build)
    for length in LENGTHS:
        tables = mixed_rfft_tables(length)
        definition, constants = MixedRfftQ31(tables), c_tables(tables)
        given = times(length)
        for row, expected in zip(given, definition.forward(given), strict=True):
            time, spectrum = row.astype(np.int32), np.full(length + 4, FENCE, np.int32)
            c.stapes_mixed_rfft_q31(ctypes.byref(constants), pointer_to(time), pointer_to(spectrum))
            assert np.array_equal(spectrum, [*expected.reshape(-1), FENCE, FENCE])
        given = spectra(length)
        for row, expected, exponent in zip(given, *definition.inverse(given), strict=True):
            spectrum, time = row.reshape(-1).astype(np.int32), np.full(length + 2, FENCE, np.int32)
            found = c.stapes_mixed_irfft_q31(ctypes.byref(constants), pointer_to(spectrum), pointer_to(time))
            assert found == exponent
            assert np.array_equal(time, [*expected, FENCE, FENCE])
