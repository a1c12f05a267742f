"""Tables for functions of one value: near to them in every code, sensible where they are not defined."""

import numpy as np
import pytest
from stapes.quantize.curves.fit import LARGEST, fit_curve, int8_table, run
from stapes.quantize.curves.functions import FUNCTIONS, evaluate

CODES = np.arange(-(2**15), 2**15)
# Function, settings, largest |x|, largest |y|, how far a code may be off.
NEAR = {
    "Softplus": ({}, 8.0, 8.1, 2.0),
    "Gelu": ({}, 8.0, 8.1, 2.0),
    "Mish": ({}, 8.0, 8.1, 2.0),
    "Elu": ({}, 5.0, 5.1, 2.0),
    "Selu": ({}, 5.0, 5.3, 2.0),
    "Erf": ({}, 4.0, 1.1, 3.0),
    "Exp": ({}, 4.0, 60.0, 3.0),
    "Log": ({}, 100.0, 10.0, 4.0),
    "Sqrt": ({}, 100.0, 10.1, 3.0),
    "Pow": ({"exponent": 0.3}, 10.0, 4.0, 3.0),
    "Softsign": ({}, 8.0, 1.0, 6.0),
    "Sin": ({}, 6.0, 1.1, 6.0),
}


def formats(x_reach, y_reach):
    return np.float32(x_reach / LARGEST), np.float32(y_reach / LARGEST)


@pytest.mark.parametrize("name", NEAR)
def test_every_code_of_int16_is_near_the_function(name):
    settings, x_reach, y_reach, allowed = NEAR[name]
    x_scale, y_scale = formats(x_reach, y_reach)
    wanted = evaluate(name, settings, CODES * np.float64(x_scale)) / np.float64(y_scale)
    made = run(fit_curve(name, settings, float(x_scale), float(y_scale)), x_scale, y_scale)
    assert np.abs(made - np.clip(wanted, -LARGEST - 1, LARGEST)).max() <= allowed


def test_one_over_x_is_near_but_for_its_pole():
    x_scale, y_scale = formats(10.0, 20.0)
    made = run(fit_curve("Reciprocal", {}, float(x_scale), float(y_scale)), x_scale, y_scale)
    away = np.abs(CODES) * x_scale > 0.1
    wanted = 1.0 / (CODES[away] * np.float64(x_scale)) / np.float64(y_scale)
    assert np.abs(made[away] / wanted - 1.0).max() < 0.01
    assert made[CODES == 1] == LARGEST
    assert made[CODES == -1] == -LARGEST - 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_function_leaves_its_format_or_is_undefined_anywhere(name):
    for reach in (1e-6, 1.0, 1e6):
        values = evaluate(name, {}, np.linspace(-reach, reach, 4001))
        assert not np.isnan(values).any()
        assert int8_table(name, {}, (reach / 127, -3), (reach / 100, 5)).dtype == np.int8


def test_below_zero_a_root_and_a_logarithm_are_what_they_are_at_zero():
    x_scale, y_scale = formats(1.0, 10.0)
    for name in ("Sqrt", "Log"):
        made = run(fit_curve(name, {}, float(x_scale), float(y_scale)), x_scale, y_scale)
        below = made[CODES < 0]
        assert np.ptp(below) <= 2
        assert abs(below[-1] - max(evaluate(name, {}, np.zeros(1))[0] / y_scale, -LARGEST - 1)) <= 2


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_table_of_int8_is_the_function_rounded(name):
    table = int8_table(name, {}, (0.05, 10), (0.07, -4))
    real = evaluate(name, {}, (np.arange(-128, 128) - 10) * np.float64(np.float32(0.05)))
    np.testing.assert_array_equal(table, np.clip(np.round(real / np.float64(np.float32(0.07))) - 4, -128, 127))
