"""Scales cover the range that was seen, have eight significant bits, and do not hang on the last bits of float."""

import math

import numpy as np
import pytest
from stapes.quantize.calibrate import Observations
from stapes.quantize.float_graph import FloatGraph, Hint
from stapes.quantize.formats import Assigner
from stapes.quantize.graph import Operator
from stapes.quantize.recipe import parse_recipe

EXACT = {"range": "minmax", "headroom": 1.0}


def format_of(low, high, dtype, hint=None, **activations):
    """The format of a tensor between `low` and `high`."""
    graph = FloatGraph("f", inputs=["x"])
    graph.add_tensor("x", (1, 2), hint=hint)
    seen = Observations({"x": np.array([[low, high]], np.float32)}, {"x": (low, high)}, 1)
    recipe = parse_recipe({"activations": {"dtype": dtype, **EXACT, **activations}}, "r")
    return Assigner(graph, recipe, seen).format("x")


def significant_bits(value):
    """How many bits a number needs.

    >>> significant_bits(0.75), significant_bits(2.0)
    (2, 1)
    """
    mantissa, bits = math.frexp(value)[0], 0
    while mantissa:
        mantissa, bits = math.modf(2 * mantissa)[0], bits + 1
    return bits


def test_scales_are_rounded_up_to_eight_significant_bits():
    rng = np.random.default_rng(1)
    for high in rng.uniform(0.1, 10, 300) * 2.0 ** rng.integers(-20, 20, 300):
        wide, narrow = format_of(-high / 3, high, "int16"), format_of(-high / 3, high, "int8")
        for fmt, exact in ((wide, high / 32767), (narrow, high * 4 / 3 / 255)):
            assert exact * (1 - 2e-6) <= fmt.scale < exact * (1 + 2**-7)
            assert significant_bits(fmt.scale) <= 8
            assert np.float32(fmt.scale) == fmt.scale


def test_a_range_that_differs_in_its_last_bits_gives_the_same_scale():
    """Also where the exact scale has eight bits: there lies the edge of rounding."""
    for bits in range(129, 256, 7):
        exact = bits * 2.0**-20 * 32767
        scales = {format_of(-1.0, exact * (1 + step * 2**-23), "int16").scale for step in range(-2, 3)}
        assert scales == {bits * 2.0**-20}


def test_powers_of_two_cover_the_range_but_for_one_step():
    hint = Hint(power_of_two=True)
    for high, scale in ((1.0, 2.0**-15), (1.0001, 2.0**-14), (0.9999, 2.0**-15), (0.5, 2.0**-16), (3.0, 2.0**-13)):
        assert format_of(-high / 2, high, "int16", hint).scale == scale


def test_int8_has_its_zero_point_where_zero_is():
    assert format_of(0.0, 255.0, "int8").zero_point == -128
    assert format_of(-255.0, 0.0, "int8").zero_point == 127
    assert format_of(-100.0, 155.0, "int8").zero_point == -28
    assert format_of(2.0, 255.0, "int8").zero_point == -128
    assert format_of(-1.0, 3.0, "int16").zero_point == 0


def test_headroom_widens_int16_and_clip_narrows_int8():
    plain = format_of(-1.0, 1.0, "int16").scale
    assert format_of(-1.0, 1.0, "int16", headroom=2.0).scale == 2 * plain
    assert format_of(-1.0, 1.0, "int16", headroom=2.0, clip=0.5).scale == 2 * plain
    assert format_of(-1.0, 1.0, "int16", Hint(power_of_two=True), headroom=2.0).scale == 2.0**-15
    narrow = format_of(-1.0, 1.0, "int8", headroom=2.0)
    assert narrow == format_of(-1.0, 1.0, "int8")
    assert format_of(-1.0, 1.0, "int8", clip=0.5).scale == narrow.scale / 2


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_limits_cut_what_their_reader_does_not_tell_apart(dtype):
    free = format_of(-100.0, 100.0, dtype).scale
    assert format_of(-100.0, 100.0, dtype, Hint(limit=25.0)).scale == free / 4
    cut = format_of(-100.0, 100.0, dtype, Hint(limit_int8=25.0)).scale
    assert cut == (free / 4 if dtype == "int8" else free)
    assert format_of(-100.0, 100.0, dtype, Hint(span=(-50.0, 50.0))).scale == free / 2


def test_only_the_zeros_of_a_broken_graph_take_a_range():
    graph = FloatGraph("f", inputs=["x"])
    graph.add_tensor("x", (1, 2))
    graph.add("RELU", ("x",), "y", (1, 2))
    values = np.array([[-4.0, -1.0]], np.float32)
    seen = Observations({"x": values, "y": 0 * values}, {"x": (-4.0, -1.0), "y": (0.0, 0.0)}, 1)
    assigner = Assigner(graph, parse_recipe({"activations": {"dtype": "int16", **EXACT}}, "r"), seen)
    x = assigner.format("x")
    assert assigner.format("y").scale == 1.0
    assert assigner.make_room({"y": 3})
    assert assigner.format("y").scale == x.scale
    assert assigner.format("x") == x
    assert assigner.make_room({"y": 3})
    assert assigner.format("y").scale == 8 * x.scale
    assert not assigner.make_room({"made by nobody": 1})


def test_fixed_formats_are_never_widened():
    graph = FloatGraph("f", inputs=["x"])
    graph.add_tensor("x", (1, 2), hint=Hint(fixed={"int16": (0.5, 0)}))
    graph.operators.append(Operator("TANH", "t", ("x",), ("x",)))
    seen = Observations({"x": np.ones((1, 2), np.float32)}, {"x": (1.0, 1.0)}, 1)
    assigner = Assigner(graph, parse_recipe({"activations": {"dtype": "int16"}}, "r"), seen)
    assert assigner.make_room({"x": 1})
    assert not assigner.make_room({"x": 1})
    assert assigner.format("x").scale == 0.5


def test_the_zero_point_is_the_nearest_code():
    rng = np.random.default_rng(2)
    for low, high in -rng.uniform(0.1, 1, (100, 2)) * [1, -1]:
        fmt = format_of(low, high, "int8")
        assert abs(fmt.zero_point - (-128 - low / fmt.scale)) <= 0.5


def two_parts(read_twice):
    """a between -1 and 1, b between -4 and 4, joined; where asked, something else reads a."""
    graph = FloatGraph("f", inputs=["x"])
    graph.add_tensor("x", (1, 2))
    for name in ("a", "b"):
        graph.add("RELU", ("x",), name, (1, 2))
    graph.add("CONCATENATION", ("a", "b"), "y", (1, 4), options={"axis": 1})
    if read_twice:
        graph.add("RELU", ("a",), "z", (1, 2))
    ends = {"x": 9.0, "a": 1.0, "b": 4.0, "y": 4.0, "z": 1.0}
    values = {name: np.array([[-end, end]], np.float32) for name, end in ends.items()}
    seen = Observations(values, {name: (-end, end) for name, end in ends.items()}, 1)
    return Assigner(graph, parse_recipe({"activations": {"dtype": "int16", **EXACT}}, "r"), seen)


def test_what_is_made_for_a_join_alone_is_made_in_its_format():
    alone, shared = two_parts(False), two_parts(True)
    assert alone.format("a") == alone.format("b") == alone.format("y")
    assert shared.format("b") == shared.format("y")
    assert shared.format("a").scale == shared.format("y").scale / 4


def test_a_range_in_front_of_a_leaky_rectifier_is_judged_behind_it():
    values = np.random.default_rng(1).laplace(0, 1, (1, 50_000)).astype(np.float32)

    def lowest(alpha, also=False):
        graph = FloatGraph("f", inputs=["x"])
        graph.add_tensor("x", values.shape)
        graph.add("LEAKY_RELU", ("x",), "y", values.shape, options={"alpha": alpha})
        if also:
            graph.add("TANH", ("x",), "z", values.shape)
        seen = Observations({"x": values}, {"x": (float(values.min()), float(values.max()))}, 1)
        fmt = Assigner(graph, parse_recipe({"activations": {"dtype": "int8", "range": "mse"}}, "r"), seen).format("x")
        return fmt.scale * (-128 - fmt.zero_point)

    assert lowest(0.05) > 0.7 * lowest(1.0)
    assert lowest(0.05, also=True) == lowest(1.0) == lowest(3.0)


def rectified(dtype, also_read=False):
    """Formats of a product from -8 to 2 and of its rectifier, which alone reads it or not."""
    graph = FloatGraph("f", inputs=["x"])
    x = graph.add_tensor("x", (1, 2))
    w, b = graph.add_constant("w", np.eye(2)), graph.add_constant("b", np.zeros(2))
    y = graph.add("FULLY_CONNECTED", (x, w, b), "y", (1, 2))
    graph.add("RELU", (y,), "r", (1, 2))
    if also_read:
        graph.add("TANH", (y,), "t", (1, 2))
    values = {"x": [-8.0, 2.0], "y": [-8.0, 2.0], "r": [0.0, 2.0], "t": [-1.0, 1.0]}
    seen = Observations(
        {name: np.array([v], np.float32) for name, v in values.items()}, {name: tuple(v) for name, v in values.items()}, 1
    )  # fmt: skip
    assigner = Assigner(graph, parse_recipe({"activations": {"dtype": dtype, **EXACT}}, "r"), seen)
    return assigner.format("y"), assigner.format("r")


def test_what_a_rectifier_alone_reads_has_its_format_in_int16():
    """What is below zero saturates unheard; in int8 the result would lose a bit to it."""
    before, after = rectified("int16")
    assert before == after
    assert after.scale == pytest.approx(2 / 32767, rel=2**-7)
    before, after = rectified("int16", also_read=True)
    assert before.scale == pytest.approx(8 / 32767, rel=2**-7)
    before, after = rectified("int8")
    assert before.scale == pytest.approx(10 / 255, rel=2**-7)
    assert after.scale == pytest.approx(2 / 255, rel=2**-7)
