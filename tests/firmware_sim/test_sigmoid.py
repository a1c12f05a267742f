"""LOGISTIC and TANH in int16: the oracle's value for every input that exists."""

from __future__ import annotations

import numpy as np
import pytest
from stapes.firmware_sim.kernels import run
from stapes.firmware_sim.kernels.sigmoid import interpolate
from stapes.quantize.prepare import prepare

from tests.firmware_sim.tflm import run_tflm, sigmoid_graph

INT16_SCALES = [
    *(2.0**exponent for exponent in range(-20, 2)),
    # Taken for 2**-12 and 2**-11, or just not any more.
    *(2.0**e * (1 + d) for e in (-12, -11) for d in (6.9e-4, -6.9e-4, 6.94e-4, -6.94e-4, 6.0e-4, 7.0e-4, -7.0e-4)),
    *(5.0 / 32768, 10.7 / 32768, 1.3, 2.6, 2.0 / 12288, 1e-7),
]


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH"])
def test_int16_functions_equal_the_oracle_for_every_input(kind: str):
    x = np.arange(-32768, 32768)
    for scale in INT16_SCALES:
        graph = sigmoid_graph(kind, "int16", scale, 0, x.size)
        params = prepare(graph, graph.operators[0])
        expected = run_tflm(graph, {"x": x})["y"][0]
        (looked_up,) = run(graph, graph.operators[0], params, {"x": x[np.newaxis, np.newaxis]})
        np.testing.assert_array_equal(looked_up[0, 0], expected, err_msg=f"{kind}, scale {scale!r}")
        np.testing.assert_array_equal(interpolate(params, x), looked_up[0, 0])
