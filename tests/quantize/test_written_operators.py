"""Operators that are tables, or others in other words: in float as onnxruntime has them, in integers near to that."""

import numpy as np
import pytest
from stapes.quantize.calibrate import run_float
from stapes.quantize.float_onnx import to_onnx
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import check_model

from tests.quantize.written_operators import CASES, MASKS, NORMS, frames, model


@pytest.mark.parametrize("name", CASES)
def test_an_operator_keeps_its_numbers(name):
    made, given = model([name], 18 if name in NORMS else 20), frames([name], 20)
    source = check_model(made, "m")
    lowered = lower(source)
    flat = {key: value.reshape(20, -1) for key, value in given.items()}
    expected = run_float(made, source.states, [flat], ["y0"])[0]["y0"]
    got = run_float(to_onnx(lowered), lowered.states, [flat], ["y0"])[0]["y0"]
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=3e-3 if name in NORMS else 3e-6)
