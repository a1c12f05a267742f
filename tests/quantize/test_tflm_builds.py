"""Which builds of TFLite Micro run a graph, and with the same bits: every rule by an operator that it holds for and one that it does not."""

import numpy as np
import pytest
from stapes.quantize.graph import Graph, Operator, Tensor
from stapes.quantize.tflm_builds import AUGUST, CMSIS_NN, WHEEL, tflm_builds


def activation(name, scale, dtype="int16", shape=(1, 1, 1, 4)):
    return Tensor(name, shape, dtype, np.array([scale], np.float32))


def weights(scales, shape=(4, 1, 1, 4)):
    axis = 0 if len(scales) > 1 else None
    return Tensor("w", shape, "int8", np.array(scales, np.float32), 0, axis, np.ones(shape, np.int8))


def one(kind, *operands, out, **options):
    named = {tensor.name: tensor for tensor in (*operands, out)}
    names = tuple(tensor.name for tensor in operands)
    inputs = tuple(tensor.name for tensor in operands if tensor.data is None)
    return Graph("g", named, (Operator(kind, "it", names, (out.name,), options),), inputs, (out.name,))


def verdicts(graph):
    return [(build.runs, build.same_bits) for build in tflm_builds(graph)]


def reasons(graph):
    return [build.reason for build in tflm_builds(graph)]


SAME = [(True, True)] * 3
ROUNDED_OTHERWISE = [(True, True), (True, False), (True, False)]


def test_each_build_says_what_it_was_measured_with():
    graph = one("LOGISTIC", activation("x", 2**-12), out=activation("y", 2**-15))
    assert [build.measured_with for build in tflm_builds(graph)] == [WHEEL, AUGUST, CMSIS_NN]
    assert verdicts(graph) == SAME
    assert reasons(graph) == [""] * 3


@pytest.mark.parametrize(
    ("scales", "alpha", "expected"),
    [
        ((2**-12, 2**-13), 0.25, SAME),
        ((3 * 2**-14, 2**-13), 0.25, SAME),
        ((2**-12, 2**-13), 0.2, SAME),
        ((3 * 2**-14, 5 * 2**-15), 0.25, ROUNDED_OTHERWISE),
        ((141 * 2**-20, 2**-13), 0.2, ROUNDED_OTHERWISE),
    ],
    ids=["powers of two", "exact quotient", "one number of 24 bits", "quotient of 31 bits", "product of 32 bits"],
)
def test_a_leaky_relu_has_the_same_bits_where_both_precisions_round_to_the_same_multipliers(scales, alpha, expected):
    x, y = (activation(name, scale) for name, scale in zip("xy", scales, strict=True))
    graph = one("LEAKY_RELU", x, out=y, alpha=alpha)
    assert verdicts(graph) == expected
    assert ("LEAKY_RELU it" in reasons(graph)[1]) == (expected != SAME)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
@pytest.mark.parametrize(("of_b", "expected"), [(0.25, SAME), (3 * 2**-6, ROUNDED_OTHERWISE)])
def test_a_sub_has_the_same_bits_where_its_quotients_are_exact(dtype, of_b, expected):
    a, b = activation("a", 5 * 2**-6 if of_b != 0.25 else 0.5, dtype), activation("b", of_b, dtype)
    assert verdicts(one("SUB", a, b, out=activation("y", 1.0, dtype))) == expected
    assert verdicts(one("ADD", a, b, out=activation("y", 1.0, dtype))) == SAME


@pytest.mark.parametrize(
    ("dtype", "expected"), [("int16", SAME), ("int8", ROUNDED_OTHERWISE)], ids=["multiplier of 15 bits", "of 31 bits"]
)
def test_one_scale_a_matrix_is_multiplied_in_float32_which_15_bits_do_not_see(dtype, expected):
    x, y = activation("x", 141 * 2**-20, dtype, (1, 4)), activation("y", 2**-8, dtype, (1, 4))
    assert verdicts(one("FULLY_CONNECTED", x, weights([0.0123456789], (4, 4)), out=y)) == expected


def test_cmsis_nn_refuses_products_per_channel_in_16_bits_alone_and_the_remedy_is_named():
    scales = [0.01, 0.02, 0.03, 0.04]
    for dtype, runs in (("int16", False), ("int8", True)):
        x, y = (activation(name, 2**-8, dtype, (1, 4)) for name in "xy")
        build = tflm_builds(one("FULLY_CONNECTED", x, weights(scales, (4, 4)), out=y))[2]
        assert build.runs is runs
        assert ("w8a16_tensor_cmsis_nn" in build.reason) is not runs
        assert ("w8a16_cmsis_nn" in build.reason) is not runs
    x, y = (activation(name, 2**-8) for name in "xy")
    assert verdicts(one("CONV_2D", x, weights(scales), out=y)) == SAME


def test_a_convolution_in_groups_runs_on_cmsis_nn_and_gives_garbage():
    x, y = (activation(name, 2**-8) for name in "xy")
    wheel, august, cmsis_nn = tflm_builds(one("CONV_2D", x, weights([0.01], (4, 1, 1, 2)), out=y))
    assert (wheel.same_bits, august.same_bits) == (True, True)
    assert (cmsis_nn.runs, cmsis_nn.same_bits) == (True, False)
    assert "garbage" in cmsis_nn.reason


def test_what_nobody_measured_is_said_to_be_not_measured():
    x, y = activation("x", 2**-8, "int8"), activation("y", 2**-8, "int8")
    axes = Tensor("axes", (1,), "int32", data=np.array([3], np.int32))
    graph = one("MEAN", x, axes, out=y)
    assert verdicts(graph) == [(True, True), (None, None), (None, None)]
    assert reasons(graph)[2] == "not measured: MEAN int8"
