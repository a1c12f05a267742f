"""The quick forms of int16 operators give the bits of the general ones, whatever the scales: thousands of random formats."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from export.c.runtime import RUNTIME
from firmware_sim import kernels
from models.errors import StapesError
from quantize.graph import Graph, Operator, Tensor
from quantize.prepare import prepare
from tests.export.programs import BUILDS, compile_files, compiler

FORMATS, VALUES = 400, 400
EDGES = np.array([-32768, -32767, -16384, -3, -2, -1, 0, 1, 2, 3, 16383, 32766, 32767])


@pytest.fixture(scope="module", params=list(BUILDS))
def runtime(request, tmp_path_factory) -> ctypes.CDLL:
    names = ("add_s16", "mul_s16", "leaky_relu_s16", "quantize_s16_s16")
    folder = tmp_path_factory.mktemp("quick")
    files: list[Path] = [RUNTIME / f"stapes_{name}.c" for name in names] + [RUNTIME / "stapes_sigmoid_table.c"]
    compile_files(compiler(request.param), files, folder / "quick.so", "-shared")
    return ctypes.CDLL(str(folder / "quick.so"))


def structure(params: object) -> ctypes.Array:
    """The C struct of parameters whose members are all int32, but for a flag at the end."""
    values = [int(value) for value in vars(params).values() if not isinstance(value, tuple)]
    return (ctypes.c_int32 * len(values))(*values)


def walk(size: int) -> ctypes.Array:
    """`stapes_broadcast` of two dense rows."""
    return (ctypes.c_int32 * 12)(1, 1, 1, size, 0, 0, 0, 1, 0, 0, 0, 1)


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
        else:
            name = {"LEAKY_RELU": "leaky_relu_s16", "QUANTIZE": "quantize_s16_s16"}[kind]
            getattr(runtime, f"stapes_{name}")(structure(params), a.size, *pointers)
        np.testing.assert_array_equal(y, wanted, err_msg=str(params))
        tried += 1
