"""Parameters of operators: computed as the oracle computes them, and refused where it would give other bits."""

from __future__ import annotations

import dataclasses
import functools
import itertools

import numpy as np
import pytest
from stapes.export.tflite import to_bytes
from stapes.firmware_sim.engines.tflm import TflmStream
from stapes.models.errors import StapesError
from stapes.quantize.arithmetic import quantize_multiplier, reduced_multiplier_q15, requantise_64, requantise_double
from stapes.quantize.graph import Graph, Operator, Tensor
from stapes.quantize.prepare import PREPARE, prepare

from tests.firmware_sim.tflm import constant, one_operator, run_tflm


def _scale(value: float) -> np.ndarray:
    return np.array([value], np.float32)


def _tensor(name: str, dtype: str = "int8", scale: float = 0.05, zero_point: int = 0, shape=(1, 4)) -> Tensor:
    return Tensor(name, shape, dtype, _scale(scale), zero_point)


def _ties(wide: bool, largest: int, rng: np.random.Generator):
    """Scales and sums where a multiplier from float32 and one from float64 give different outputs, without end."""
    requantise, count = (requantise_64, 40) if wide else (requantise_double, 4000)
    while True:
        sx, sw = (np.float32(2.0 ** rng.uniform(-12, -4)) for _ in range(2))
        so = np.float32(sx * sw * np.float32(2.0 ** rng.uniform(14, 20)))
        rough, exact = (
            quantize_multiplier(value / float(so)) for value in (float(np.float32(sx * sw)), float(sx) * float(sw))
        )
        # For sums of 64 bits multipliers are rounded to 15 bits: they seldom differ, and then for most sums.
        if wide and reduced_multiplier_q15(rough[0]) == reduced_multiplier_q15(exact[0]) and rough[1] == exact[1]:
            continue
        real = exact[0] / 2**31 * 2.0 ** exact[1]
        sums = np.round((rng.integers(largest // 300 + 1, largest, count) + 0.5) / real).astype(np.int64)
        sums = (sums[:, np.newaxis] + np.arange(-3, 4)).ravel()
        sums = sums[np.abs(sums) < 2**30]
        differ = requantise(sums, *rough) != requantise(sums, *exact)
        if differ.any():
            yield sx, sw, so, sums[differ][:8]


@functools.cache
def _twenty_ties(wide: bool, largest: int):
    return list(itertools.islice(_ties(wide, largest, np.random.default_rng(1)), 20))


@pytest.mark.parametrize("kind", ["FULLY_CONNECTED", "CONV_2D"])
@pytest.mark.parametrize(("dtype", "wide"), [("int8", False), ("int16", False), ("int16", True)])
def test_one_scale_for_all_channels_is_multiplied_in_double_precision(kind: str, dtype: str, wide: bool):
    for sx, sw, so, sums in _twenty_ties(wide, 127 if dtype == "int8" else 32767):
        axes = (1, 1) if kind == "CONV_2D" else ()
        x = _tensor("x", dtype, sx, 0, (1, *axes, 3))
        y = _tensor("y", dtype, so, 0, (1, *axes, len(sums)))
        weights = constant("w", np.zeros((len(sums), *axes, 3)), "int8", sw)
        bias = constant("b", sums, "int64" if wide else "int32", sx * sw)
        padding = {"padding": "VALID", "stride_h": 1, "stride_w": 1, "dilation_h_factor": 1, "dilation_w_factor": 1}
        graph = one_operator(kind, [x, weights, bias], [y], padding if axes else {})
        params = prepare(graph, graph.operators[0])
        requantise = requantise_64 if wide else requantise_double
        expected = run_tflm(graph, {"x": np.zeros(x.shape)})["y"].reshape(-1)
        np.testing.assert_array_equal(requantise(sums, params.multiplier_q31, params.shift), expected)


def test_leaky_relu_divides_in_double_precision():
    x = _tensor("x", "int16", np.float32(0.0012810518))
    y = _tensor("y", "int16", np.float32(0.003809682))
    graph = one_operator("LEAKY_RELU", [x], [y], {"alpha": 0.3})
    params = prepare(graph, graph.operators[0])
    assert (params.multiplier_identity_q31, params.shift_identity) == (1444234811, -1)
    # In single precision the multiplier would be 1444234752, and this 4200.
    assert run_tflm(graph, {"x": np.full((1, 4), 12491)})["y"].tolist() == [[4201] * 4]


def test_the_mean_of_65_folds_the_division_into_the_multiplier():
    x, y = _tensor("x", "int16", 0.01, 0, (1, 65)), _tensor("y", "int16", 0.01, 0, (1, 1))
    graph = one_operator("MEAN", [x, constant("axes", [1])], [y], {"keep_dims": True})
    params = prepare(graph, graph.operators[0])
    assert (params.multiplier_q31, params.shift, params.count) == ((1 << 36) // 65, 1 - 6, 65)


def test_parameters_cannot_be_changed():
    graph = one_operator("FULLY_CONNECTED", [_tensor("x"), _weights(), _bias()], [_tensor("y", shape=(1, 3))])
    params = prepare(graph, graph.operators[0])
    for array in (params.weights, params.bias, params.multiplier_q31, params.shift):
        assert not array.flags.writeable


def _weights(**changes: object) -> Tensor:
    return dataclasses.replace(constant("w", np.ones((3, 4)), "int8", 0.01), **changes)


def _bias(**changes: object) -> Tensor:
    return dataclasses.replace(constant("b", np.zeros(3), "int32", 0.0005), **changes)


def _layer(**changes: object) -> Graph:
    parts = {
        "x": _tensor("x"),
        "w": _weights(),
        "b": _bias(),
        "y": _tensor("y", shape=(1, 3)),
        "options": {},
        **changes,
    }
    return one_operator("FULLY_CONNECTED", [parts["x"], parts["w"], parts["b"]], [parts["y"]], parts["options"])


def _unary(kind: str, x: Tensor, y: Tensor, **options: object) -> Graph:
    return one_operator(kind, [x], [y], options)


def _binary(kind: str, a: Tensor, b: Tensor, y: Tensor, **options: object) -> Graph:
    return one_operator(kind, [a, b], [y], options)


int8, int16 = _tensor("x"), _tensor("x", "int16")
y8, y16 = _tensor("y"), _tensor("y", "int16")


def _depthwise(x: Tensor, bias: str, shape=(1, 1, 2, 4), axis: int | None = 3, **options: object) -> Graph:
    scales = np.full(4 if axis is not None else 1, 0.01, np.float32)
    weights = dataclasses.replace(constant("w", np.ones(shape), "int8", scales), axis=axis)
    operands = [x, weights, constant("b", np.zeros(4), bias, 0.0005)]
    return one_operator("DEPTHWISE_CONV_2D", operands, [_tensor("y", x.dtype, shape=(1, 1, 4, 4))], options)


image8, image16 = _tensor("x", shape=(1, 1, 4, 4)), _tensor("x", "int16", shape=(1, 1, 4, 4))

REFUSED = {
    "a depthwise bias that is misread": (_depthwise(image16, "int32"), "use int64"),
    "two outputs a channel": (_depthwise(image8, "int32", depth_multiplier=2), "multiplier 1"),
    "depthwise scales along the height": (_depthwise(image8, "int32", axis=1), "along axis 3"),
    "kernels as CONV_2D has them": (_depthwise(image8, "int32", (4, 1, 2, 1), 0), r"\(1, H, W, C\)"),
    "a stride of zero": (_depthwise(image8, "int32", stride_w=0), "positive"),
    "a slope next to a power of two": (
        _unary("LEAKY_RELU", _tensor("x", scale=1 + 2.0**-23), _tensor("y", scale=1.0), alpha=-(1 - 2.0**-23)),
        "alpha",
    ),
    "matrices in different numbers": (
        _binary(
            "BATCH_MATMUL",
            _tensor("a", "int16", shape=(2, 1, 4)),
            _tensor("b", "int16", shape=(1, 1, 4)),
            _tensor("y", "int16", shape=(2, 1, 1)),
            adj_y=True,
        ),
        "different numbers of matrices",
    ),
    "unknown operator": (_unary("SOFTMAX", int8, y8), "SOFTMAX is not supported"),
    "mixed dtypes": (_layer(y=_tensor("y", "int16", shape=(1, 3))), "insert a QUANTIZE"),
    "weights that vary": (_layer(w=dataclasses.replace(_weights(), data=None)), "must be a constant"),
    "weights with a zero point": (_layer(w=_weights(zero_point=3)), "zero point 0"),
    "weights without a scale": (_layer(w=_weights(scale=None)), "need a scale"),
    "scales along the inputs": (_layer(w=_weights(scale=np.full(4, 0.1, np.float32), axis=1)), "along axis 0"),
    "a bias of another size": (_layer(b=constant("b", np.zeros(2), "int32", 0.0005)), "give 3"),
    "a wide bias in int8": (_layer(b=constant("b", np.zeros(3), "int64", 0.0005)), "int64"),
    "another width": (_layer(x=_tensor("x", shape=(1, 5))), "rows of 4"),
    "another height": (_layer(y=_tensor("y", shape=(1, 2))), "must be 3"),
    "a sum beyond int32": (_layer(b=_bias(data=np.array([0, 2**31 - 1, 0], np.int32))), "channel 1"),
    "an activation that is not fused": (_layer(options={"fused_activation_function": "TANH"}), "use one of NONE, RELU"),
    "a bias in other steps than its sums": (
        _layer(b=_bias(scale=_scale(0.0005 + 1.1 * 0.02 * 0.05))),
        "bias 'b' has the scale 0.0016, its sums 0.0005",
    ),
    "a bias without a scale": (
        _layer(w=_weights(scale=_scale(1.0)), b=_bias(scale=None)),
        "the scale 0, its sums 0.05",
    ),
    "shuffled weights": (_layer(options={"weights_format": "SHUFFLED4x16INT8"}), "DEFAULT"),
    "no scale": (_unary("RELU", dataclasses.replace(int8, scale=None), y8), "0 scales"),
    "a scale of zero": (_unary("RELU", _tensor("x", scale=0.0), y8), "positive"),
    "a scale without a value": (_unary("RELU", _tensor("x", scale=np.nan), y8), "positive"),
    "int16 off zero": (_unary("RELU", _tensor("x", "int16", 0.1, 5), y16), "zero point 5"),
    "QUANTIZE to int64": (_unary("QUANTIZE", int8, _tensor("y", "int64")), "int64"),
    "QUANTIZE int32 to int32": (_unary("QUANTIZE", _tensor("x", "int32"), _tensor("y", "int32")), "does not exist"),
    "LOGISTIC in another format": (_unary("LOGISTIC", int8, y8), "zero point -128"),
    "TANH in another format": (_unary("TANH", int16, y16), "3.05"),
    "a sigmoid of huge values": (
        _unary("TANH", _tensor("x", "int16", 3.0), _tensor("y", "int16", 2.0**-15)),
        "and a tanh is flat beyond 16",
    ),
    "shapes that do not broadcast": (_binary("MUL", int8, _tensor("b", shape=(1, 3)), y8), "broadcast"),
    "an ADD that overflows": (_binary("ADD", int8, _tensor("b"), _tensor("y", scale=1e-9)), "larger one"),
    "the old int16 ADD": (_binary("ADD", int16, _tensor("b", "int16"), y16, pot_scale_int16=True), "pot_scale_int16"),
    "LEAKY_RELU without alpha": (_unary("LEAKY_RELU", int8, y8), "alpha"),
    "a copy between scales": (_unary("RESHAPE", int8, _tensor("y", scale=0.06)), "insert a QUANTIZE"),
    "a copy between zero points": (_unary("RESHAPE", int8, _tensor("y", zero_point=1)), "insert a QUANTIZE"),
    "a RESHAPE that loses values": (_unary("RESHAPE", int8, _tensor("y", shape=(1, 3))), "different numbers"),
    "a MEAN over no axis": (
        one_operator("MEAN", [int8, constant("axes", [2])], [_tensor("y", shape=(1, 1))]),
        "outside shape",
    ),
    "a MEAN of too many": (
        one_operator(
            "MEAN",
            [_tensor("x", "int16", shape=(1, 70000)), constant("axes", [1])],
            [_tensor("y", "int16", shape=(1, 1))],
            {"keep_dims": True},
        ),
        "overflow",
    ),
    "a slice outside": (
        one_operator(
            "SLICE", [int8, constant("begin", [0, 3]), constant("size", [1, 2])], [_tensor("y", shape=(1, 2))]
        ),
        "outside shape",
    ),
    "a PAD of another shape": (one_operator("PAD", [int8, constant("p", [[0, 0], [1, 0]])], [y8]), r"use \(1, 5\)"),
    "a TRANSPOSE that is none": (one_operator("TRANSPOSE", [int8, constant("p", [0, 0])], [y8]), "no permutation"),
    "a CONCATENATION that does not add up": (_binary("CONCATENATION", int8, _tensor("b"), y8, axis=1), "make up"),
    "a SPLIT that does not divide": (
        one_operator(
            "SPLIT", [constant("axis", 1), int8], [_tensor(f"y{i}", shape=(1, 1)) for i in range(3)], {"num_splits": 3}
        ),
        "does not split",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_oracle_would_not_run_is_refused_with_a_reason(case: str):
    graph, message = REFUSED[case]
    with pytest.raises(StapesError, match=message) as caught:
        prepare(graph, graph.operators[0])
    assert f"'{graph.operators[0].name}'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_tensor_is_named():
    graph = Graph("g", {}, (Operator("RELU", "act", ("x",), ("y",)),), (), ())
    with pytest.raises(StapesError, match="'x' is not in the graph"):
        prepare(graph, graph.operators[0])


@pytest.mark.parametrize("kind", sorted(PREPARE))
def test_an_operator_without_operands_is_refused(kind: str):
    graph = Graph("g", {}, (Operator(kind, "empty", (), ()),), (), ())
    with pytest.raises(StapesError, match="'empty'"):
        prepare(graph, graph.operators[0])


@pytest.mark.parametrize(("steps", "taken"), [(0.019, True), (0.021, False)])
def test_a_bias_is_as_far_from_its_sums_as_tflite_micro_takes(steps: float, taken: bool):
    """And what its interpreter refuses is one line of the engine."""
    tflm = pytest.importorskip("tflite_micro").runtime
    graph = _layer(b=_bias(scale=_scale(0.0005 + steps * 0.05)))
    if taken:
        prepare(graph, graph.operators[0])
        TflmStream(tflm, to_bytes(graph), graph)
        return
    with pytest.raises(StapesError, match="they must be one"):
        prepare(graph, graph.operators[0])
    with pytest.raises(StapesError, match="engine tflm: TFLite Micro refuses the model"):
        TflmStream(tflm, to_bytes(graph), graph)
