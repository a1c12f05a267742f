"""The quick forms of elementwise operators give the bits of the general ones, whatever the scales: thousands of random formats."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
from stapes.export.c.runtime import runtime_file
from stapes.firmware_sim import kernels
from stapes.models.errors import StapesError
from stapes.quantize.graph import DTYPES, LIMITS, Graph, Operator, Tensor
from stapes.quantize.prepare import prepare

from tests.export.programs import BUILDS, compile_files, compiler

FORMATS, VALUES = 400, 400
EDGES = np.array([-32768, -32767, -16384, -3, -2, -1, 0, 1, 2, 3, 16383, 32766, 32767])

# Kernel -> operator, dtypes of what it takes and makes.
KERNELS_S8 = {
    "add_s8": ("ADD", "int8", "int8"),
    "mul_s8": ("MUL", "int8", "int8"),
    "leaky_relu_s8": ("LEAKY_RELU", "int8", "int8"),
    "quantize_s8_s8": ("QUANTIZE", "int8", "int8"),
    "quantize_s8_s16": ("QUANTIZE", "int8", "int16"),
    "quantize_s16_s8": ("QUANTIZE", "int16", "int8"),
}


@pytest.fixture(scope="module", params=list(BUILDS))
def runtime(request, tmp_path_factory) -> ctypes.CDLL:
    names = ("add_s16", "mul_s16", "leaky_relu_s16", "quantize_s16_s16", *KERNELS_S8)
    folder = tmp_path_factory.mktemp("quick")
    files: list[Path] = [runtime_file(f"stapes_{name}.c") for name in (*names, "sigmoid_table")]
    compile_files(compiler(request.param), files, folder / "quick.so", "-shared")
    return ctypes.CDLL(str(folder / "quick.so"))


def structure(params: object) -> ctypes.Array:
    """The C struct of parameters whose members are all int32, but for a flag at the end."""
    values = [int(value) for value in vars(params).values() if not isinstance(value, tuple)]
    return (ctypes.c_int32 * len(values))(*values)


def walk(size: int, step: int = 1) -> ctypes.Array:
    """`stapes_broadcast` of two rows whose values lie `step` apart."""
    return (ctypes.c_int32 * 12)(1, 1, 1, size, 0, 0, 0, step, 0, 0, 0, step)


def scale(rng: np.random.Generator, low: float, high: float) -> np.float32:
    """Anything, a power of two, or the next float32 beside one."""
    exponent = rng.uniform(low, high)
    if rng.random() < 0.4:
        return np.float32(2.0**exponent)
    power = np.float32(2.0 ** np.round(exponent))
    return np.float32(np.nextafter(power, np.float32(rng.choice([0.0, power, np.inf]))))


def values(rng: np.random.Generator) -> np.ndarray:
    spread = np.round(rng.normal(0, 2.0 ** rng.uniform(0, 15), VALUES))
    return np.clip(np.r_[EDGES, EDGES, spread], -32768, 32767).astype(np.int16)


def tensor(name: str, size: int, real: np.float32) -> Tensor:
    return Tensor(name, (1, size), "int16", np.array([real], np.float32))


@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL", "LEAKY_RELU", "QUANTIZE"])
def test_every_format_gives_the_bits_of_the_numpy_kernel(kind, runtime):
    rng = np.random.default_rng(5)
    tried = 0
    while tried < FORMATS:
        x = values(rng)
        others = [x, np.roll(x, len(EDGES) // 2), rng.permutation(x)]
        a, b = np.concatenate([x, x, x]), np.concatenate(others)
        scale_a, scale_b = scale(rng, -8, 0), scale(rng, -8, 0)
        out = {"MUL": scale_a * scale_b * scale(rng, 0, 16)}.get(kind, max(scale_a, scale_b) * scale(rng, -4, 4))
        two = kind in ("ADD", "SUB", "MUL")
        tensors = {t.name: t for t in (tensor("a", a.size, scale_a), tensor("b", a.size, scale_b))}
        tensors["y"] = tensor("y", a.size, np.float32(out))
        options = {"alpha": float(rng.uniform(-3, 3))} if kind == "LEAKY_RELU" else {}
        op = Operator(kind, kind, ("a", "b") if two else ("a",), ("y",), options)
        try:
            params = prepare(Graph("g", tensors, (op,), ("a", "b"), ("y",)), op)
        except StapesError:
            continue
        wanted = kernels.run(Graph("g", tensors, (op,), ("a", "b"), ("y",)), op, params, {
            "a": a[None, None].astype(np.int64), "b": b[None, None].astype(np.int64)
        })[0][0, 0]  # fmt: skip
        y = np.zeros_like(a)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in ((a, b, y) if two else (a, y))]
        if two:
            function = runtime.stapes_mul_s16 if kind == "MUL" else runtime.stapes_add_s16
            function(structure(params), walk(a.size), *pointers)
            # Rows that are not dense have loops of their own.
            apart, made = [np.repeat(operand, 2) for operand in (a, b)], np.zeros_like(a)
            places = [array.ctypes.data_as(ctypes.c_void_p) for array in (*apart, made)]
            function(structure(params), walk(a.size, 2), *places)
            np.testing.assert_array_equal(made, wanted, err_msg=str(params))
        else:
            name = {"LEAKY_RELU": "leaky_relu_s16", "QUANTIZE": "quantize_s16_s16"}[kind]
            getattr(runtime, f"stapes_{name}")(structure(params), a.size, *pointers)
        np.testing.assert_array_equal(y, wanted, err_msg=str(params))
        tried += 1


# Every pair of codes.
CODES = np.arange(-128, 128)
PAIRS = np.repeat(CODES, 256).astype(np.int8), np.tile(CODES, 256).astype(np.int8)


def zero_point(rng: np.random.Generator, dtype: str) -> int:
    return int(rng.choice([-128, -127, -1, 0, 1, 127, *rng.integers(-128, 128, 6)])) if dtype == "int8" else 0


def output_scale(rng: np.random.Generator, kind: str, given: str, made: str, inputs: tuple[float, float]) -> float:
    """Of results that saturate, of results that nothing is left of, and between."""
    if kind == "MUL":
        return inputs[0] * inputs[1] * scale(rng, 0, 12)
    if kind == "QUANTIZE":
        return inputs[0] * LIMITS[given][1] / LIMITS[made][1] * scale(rng, -4, 4)
    return max(inputs) * scale(rng, -4, 4)


@pytest.mark.parametrize("kernel", KERNELS_S8)
def test_every_format_of_int8_gives_the_bits_of_the_numpy_kernel(kernel, runtime):
    """Over all codes, two operands over all pairs of them; SUB is an ADD that subtracts."""
    rng = np.random.default_rng(6)
    kind, given, made = KERNELS_S8[kernel]
    two = kind in ("ADD", "MUL")
    a, b = PAIRS if two else (CODES.astype(np.int8) if given == "int8" else values(rng), None)
    tried = 0
    while tried < (60 if two else FORMATS):
        scale_a, scale_b = scale(rng, -8, 0), scale(rng, -8, 0)
        if two and rng.random() < 0.2:
            scale_b = scale_a
        out = output_scale(rng, kind, given, made, (scale_a, scale_b))
        tensors = {
            name: Tensor(name, (1, a.size), dtype, np.array([real], np.float32), zero_point(rng, dtype))
            for name, dtype, real in (("a", given, scale_a), ("b", "int8", scale_b), ("y", made, out))
        }
        options = {"alpha": float(rng.uniform(-3, 3))} if kind == "LEAKY_RELU" else {}
        done = "SUB" if kind == "ADD" and tried % 4 == 3 else kind
        op = Operator(done, done, ("a", "b") if two else ("a",), ("y",), options)
        graph = Graph("g", tensors, (op,), ("a", "b"), ("y",))
        try:
            params = prepare(graph, op)
        except StapesError:
            continue
        operands = {name: x[None, None].astype(np.int64) for name, x in (("a", a), ("b", b)) if x is not None}
        wanted = kernels.run(graph, op, params, operands)[0][0, 0]
        y = np.zeros(a.size, DTYPES[made])
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in ((a, b, y) if two else (a, y))]
        getattr(runtime, f"stapes_{kernel}")(structure(params), walk(a.size) if two else a.size, *pointers)
        np.testing.assert_array_equal(y, wanted, err_msg=str(params))
        tried += 1
