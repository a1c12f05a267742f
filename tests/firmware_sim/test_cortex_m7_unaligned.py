"""Matrix products on the device with inputs and outputs at any address, whatever their sizes leave over."""

import itertools

import numpy as np
import pytest
from stapes.export.c.constants import Constants
from stapes.export.c.fields import matrix_of
from stapes.export.c.packing import ONCE, ONCE_HIGH, TWICE, TWICE_HIGH, pack
from stapes.firmware_sim.kernels.fully_connected import fully_connected
from stapes.quantize.graph import Tensor
from stapes.quantize.prepare import FullyConnectedParams

from tests.firmware_sim.device_kernels import DeviceKernels

# The parameters are laid out as GCC for Arm does it: an enumeration takes a byte.
pytestmark = pytest.mark.needs("cortex-m7", "device gcc")
ROUNDINGS = (ONCE, ONCE_HIGH, TWICE, TWICE_HIGH)
COLUMNS, ROWS = (1, 2, 3, 4, 5, 15, 31, 64, 65, 257), (1, 2, 3, 4, 33, 35)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


def product(rng, columns, rows, wide):
    """A FULLY_CONNECTED of `rows` outputs whose rounding has a kernel in assembly."""
    low, high = (-(2**15), 2**15 - 1) if wide else (-128, 127)
    return FullyConnectedParams(
        input_zero_point=0 if wide else -7,
        weights=rng.integers(-127, 128, (rows, columns)).astype(np.int8),
        bias=rng.integers(-(2**20), 2**20, rows),
        multiplier_q31=rng.integers(2**30, 2**31, rows),
        shift=np.full(rows, -13 if wide else -9),
        wide=wide,
        output_zero_point=0 if wide else 5,
        activation_min=low,
        activation_max=high,
        output_shape=(rows,),
    )


def place_params(device, params, x):
    """Where a `stapes_fully_connected_params` lies; its enumeration and its flags share a word."""
    arrays, packed = Constants("test"), pack("test", matrix_of("test", params, x))
    assert packed.rounding == (ONCE_HIGH if params.wide else TWICE_HIGH)
    flags = ROUNDINGS.index(packed.rounding) + ((not params.wide) << 8) + (packed.sparse << 16)
    weights, rows = arrays.add("weights", packed.weights), arrays.add("rows", packed.rows)
    matrix = {"inputs": params.weights.shape[1], "weights": weights, "rows": rows, "flags": flags}
    limits = {"low": params.activation_min, "high": params.activation_max}
    return device.place_struct({"batch": 1, "outputs": len(params.weights), "matrix": matrix, **limits}, arrays)


@pytest.mark.parametrize("suffix", ["s8", "s16"])
def test_a_product_takes_and_gives_values_anywhere(suffix, folder):
    wide, rng, fence = suffix == "s16", np.random.default_rng(3), b"\x5a" * 8
    dtype = np.dtype("<i2" if wide else "i1")
    device = DeviceKernels([f"stapes_fully_connected_{suffix}"], folder)
    limits = np.iinfo(dtype)
    for columns, rows in itertools.product(COLUMNS, ROWS):
        params = product(rng, columns, rows, wide)
        at = place_params(device, params, Tensor("x", (columns,), "int16" if wide else "int8"))
        vector = device.place(bytes(2 * (columns + 3)))
        for offset in range(0, 4, dtype.itemsize):
            extremes, noise = (
                rng.choice([limits.min, limits.max], columns),
                rng.integers(limits.min, limits.max, columns),
            )
            x = extremes if offset else noise
            given = device.place(bytes(offset) + x.astype(dtype).tobytes()) + offset
            made = device.place(bytes(offset) + bytes(rows * dtype.itemsize) + fence) + offset
            device.call(f"stapes_fully_connected_{suffix}", at, given, vector, made)
            values = device.memory(made, rows * dtype.itemsize + len(fence))
            assert values.endswith(fence)
            wanted = fully_connected(params, x[None].astype(np.int64))[0]
            found = np.frombuffer(values[: -len(fence)], dtype)
            np.testing.assert_array_equal(found, wanted, err_msg=f"{columns}->{rows} at {offset}")
