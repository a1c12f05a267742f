"""Tables of the sigmoid: the oracle's values for every input that exists."""

from __future__ import annotations

import numpy as np
import pytest
from stapes.quantize.tables import SIGMOID_Q16, logistic_int8, tanh_int8

from tests.firmware_sim.tflm import Random, run_tflm, sigmoid_graph


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH"])
def test_int8_tables_hold_what_the_oracle_gives_for_every_input(kind: str):
    random = Random(11)
    x = np.arange(-128, 128)
    for _ in range(200):
        scale, zero_point = float(random.scale(-12, 5)), random.zero_point("int8")
        table = (logistic_int8 if kind == "LOGISTIC" else tanh_int8)(scale, zero_point)
        expected = run_tflm(sigmoid_graph(kind, "int8", scale, zero_point, 256), {"x": x})["y"][0]
        np.testing.assert_array_equal(table, expected, err_msg=f"{kind}, scale {scale!r}, zero point {zero_point}")


def test_the_table_can_be_read_out_of_the_oracle():
    graph = sigmoid_graph("TANH", "int16", 2 / 12288 * 1.00001, 0, 255)
    made = run_tflm(graph, {"x": 128 * np.arange(255)})["y"][0]
    np.testing.assert_array_equal(made.astype(int) + 32768, SIGMOID_Q16[:255])


def test_the_table_is_the_rounded_sigmoid_but_for_44_steps_of_one():
    nominal = 65536 / (1 + np.exp(-np.arange(256) / 24))
    difference = np.abs(np.floor(nominal + 0.5) - SIGMOID_Q16)
    assert difference.max() == 1
    assert np.count_nonzero(difference) == 44
    assert np.all(np.diff(SIGMOID_Q16) >= 0)
    assert not SIGMOID_Q16.flags.writeable
