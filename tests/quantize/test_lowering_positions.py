"""Lowering of networks over the positions of a frame: convolutions, histories, sequences, energies keep their numbers."""

import numpy as np
import pytest
from onnx import helper
from stapes.models.errors import StapesError
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import check_model

from tests.quantize.onnx_models import make
from tests.quantize.test_lowering import both, ints

node = helper.make_node
RNG = np.random.default_rng(11)


def kinds(lowered):
    return [op.kind for op in lowered.operators]


def normal(*shape):
    return RNG.normal(0, 0.5, shape)


# Name: attributes, input (1, C, H, W), kernel.
CONVOLUTIONS = {
    "three bins": ({"pads": [0, 1, 0, 1]}, (1, 8, 1, 33), (16, 8, 1, 3)),
    "every second bin": ({"pads": [0, 2, 0, 2], "strides": [1, 2]}, (1, 9, 1, 129), (16, 9, 1, 5)),
    "two groups": ({"pads": [0, 2, 0, 2], "strides": [1, 2], "group": 2}, (1, 16, 1, 65), (16, 8, 1, 5)),
    "every channel for itself": ({"pads": [0, 1, 0, 1], "group": 16}, (1, 16, 3, 33), (16, 1, 3, 3)),
    "two of every channel": ({"group": 4}, (1, 4, 1, 9), (8, 1, 1, 3)),
    "dilated": ({"dilations": [2, 1], "pads": [0, 1, 0, 1]}, (1, 4, 5, 9), (6, 4, 3, 3)),
    "uneven padding": ({"pads": [1, 0, 0, 2]}, (1, 4, 3, 9), (6, 4, 2, 3)),
    "one zero behind": ({"pads": [0, 0, 0, 1]}, (1, 4, 1, 9), (6, 4, 1, 2)),
    "one zero in front": ({"pads": [0, 1, 0, 0]}, (1, 4, 1, 9), (6, 4, 1, 2)),
    "one bin": ({}, (1, 8, 1, 33), (16, 8, 1, 1)),
    "one axis of space": ({"pads": [1, 1]}, (1, 8, 33), (4, 8, 3)),
    "one channel": ({"pads": [0, 1, 0, 1]}, (1, 1, 1, 9), (4, 1, 1, 3)),
}


def convolution(kind, attributes, shape, kernel, width=None):
    """x in the order of ONNX -> Conv -> BatchNormalization -> LeakyRelu -> y."""
    outputs = width or kernel[0]
    names = ["scale", "shift", "mean", "variance"]
    constants = {"w": normal(*kernel), "b": normal(outputs), **{name: normal(outputs) for name in names}}
    constants["variance"] = np.abs(constants["variance"]) + 0.1
    nodes = [
        node(kind, ["x", "w", "b"], ["made"], **attributes),
        node("BatchNormalization", ["made", *names], ["normal"]),
        node("LeakyRelu", ["normal"], ["y"], alpha=-0.2),
    ]
    return nodes, constants


def run_convolution(kind, attributes, shape, kernel, out, width=None):
    nodes, constants = convolution(kind, attributes, shape, kernel, width)
    return both(make(nodes, {"x": shape}, {"y": out}, constants))


def out_shape(attributes, shape, kernel):
    import torch

    rank = len(shape) - 2
    pads = attributes.get("pads", [0] * 2 * rank)
    pairs = [amount for axis in reversed(range(rank)) for amount in (pads[axis], pads[axis + rank])]
    x = torch.nn.functional.pad(torch.zeros(shape), pairs)
    function = torch.nn.functional.conv2d if rank == 2 else torch.nn.functional.conv1d
    options = {"stride": attributes.get("strides", 1), "dilation": attributes.get("dilations", 1)}
    return tuple(function(x, torch.zeros(kernel), groups=attributes.get("group", 1), **options).shape)


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution_with_batch_norm_keeps_its_numbers(case):
    attributes, shape, kernel = CONVOLUTIONS[case]
    expected, got, lowered = run_convolution("Conv", attributes, shape, kernel, out_shape(attributes, shape, kernel))
    np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-4, atol=1e-5)
    assert "BatchNormalization" not in kinds(lowered)


UPSAMPLING = {
    "kernel 5, stride 2": ({"strides": [1, 2], "pads": [0, 2, 0, 2]}, 33, (16, 8, 1, 5), 65),
    "two groups": ({"strides": [1, 2], "pads": [0, 2, 0, 2], "group": 2}, 33, (16, 4, 1, 5), 65),
    "output padding": ({"strides": [1, 2], "pads": [0, 1, 0, 1], "output_padding": [0, 1]}, 9, (4, 3, 1, 3), 18),
    "stride 3, kernel 4": ({"strides": [1, 3]}, 9, (4, 3, 1, 4), 28),
    "kernel shorter than stride": ({"strides": [1, 3]}, 9, (4, 3, 1, 2), 26),
    "stride 1": ({"pads": [0, 1, 0, 1]}, 9, (4, 3, 1, 3), 9),
    "much cut away": ({"strides": [1, 2], "pads": [0, 3, 0, 4]}, 9, (4, 3, 1, 3), 12),
    "over rows": ({"strides": [1, 2], "pads": [2, 1, 2, 1]}, 9, (4, 3, 3, 3), 17),
    "reaching beyond rows": ({"strides": [1, 2], "pads": [1, 1, 2, 1]}, 9, (4, 3, 3, 3), 17),
}


@pytest.mark.parametrize("case", UPSAMPLING)
def test_transposed_convolution_is_one_convolution_whose_outputs_take_turns(case):
    attributes, width, kernel, out_width = UPSAMPLING[case]
    outputs = kernel[1] * attributes.get("group", 1)
    rows = kernel[2]
    out_rows = 2 * rows - 1 - sum(attributes.get("pads", [0, 0])[::2])
    expected, got, lowered = run_convolution(
        "ConvTranspose", attributes, (1, kernel[0], rows, width), kernel, (1, outputs, out_rows, out_width), outputs
    )
    np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-4, atol=1e-5)
    assert sum(kind in ("CONV_2D", "FULLY_CONNECTED") for kind in kinds(lowered)) == 1


EACH_CHANNEL = {
    "stride 1": ({"pads": [0, 2, 0, 2]}, (5, 1, 1, 5), 9),
    "stride 2": ({"strides": [1, 2], "pads": [0, 1, 0, 1]}, (5, 1, 1, 3), 17),
    "stride 2 over rows": ({"strides": [1, 2], "pads": [1, 1, 1, 1]}, (5, 1, 2, 3), 17),
    "kernel shorter than stride": ({"strides": [1, 3]}, (5, 1, 1, 2), 26),
}


@pytest.mark.parametrize("case", EACH_CHANNEL)
def test_transposed_convolution_of_each_channel_alone_multiplies_no_zeros(case):
    attributes, kernel, out_width = EACH_CHANNEL[case]
    expected, got, lowered = run_convolution(
        "ConvTranspose", {**attributes, "group": 5}, (1, 5, kernel[2], 9), kernel, (1, 5, 1, out_width), 5
    )
    np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-4, atol=1e-5)
    assert kinds(lowered).count("DEPTHWISE_CONV_2D") == attributes.get("strides", [1, 1])[1]
    assert "CONV_2D" not in kinds(lowered)


def test_transposes_around_a_convolution_vanish():
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[1, 0]),
        node("Unsqueeze", ["t", "axes"], ["u"]),
        node("Conv", ["u", "w"], ["c"], pads=[0, 1, 0, 1]),
        node("LeakyRelu", ["c"], ["l"], alpha=0.1),
        node("Squeeze", ["l", "axes"], ["s"]),
        node("Transpose", ["s"], ["y"], perm=[1, 0]),
    ]
    model = make(nodes, {"x": (33, 8)}, {"y": (33, 16)}, {"w": normal(16, 8, 1, 3), "axes": ints(0, 2)})
    expected, got, lowered = both(model)
    np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-4, atol=1e-5)
    assert kinds(lowered) == ["RESHAPE", "CONV_2D", "RESHAPE", "LEAKY_RELU"]


def test_history_and_three_frames_of_it_become_slices_and_one_depthwise_convolution():
    nodes = [
        node("Unsqueeze", ["x", "front"], ["now"]),
        node("Concat", ["history", "now"], ["all"], axis=0),
        node("Slice", ["all", "one", "end", "front"], ["history_out"]),
        node("Slice", ["all", "front", "end", "front", "step"], ["three"]),
        node("Transpose", ["three"], ["t"], perm=[2, 0, 1]),
        node("Unsqueeze", ["t", "front"], ["u"]),
        node("Conv", ["u", "w", "b"], ["c"], pads=[0, 1, 0, 1], group=16),
        node("Squeeze", ["c", "outer"], ["s"]),
        node("Transpose", ["s"], ["y"], perm=[1, 0]),
    ]
    constants = {"w": normal(16, 1, 3, 3), "b": normal(16), "front": ints(0), "one": ints(1), "end": ints(2**40)}
    constants |= {"step": ints(2), "outer": ints(0, 2)}
    shapes = {"x": (33, 16), "history": (4, 33, 16)}
    expected, got, lowered = both(make(nodes, shapes, {"y": (33, 16), "history_out": (4, 33, 16)}, constants))
    np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(got["history_out"], expected["history_out"])
    assert "TRANSPOSE" not in kinds(lowered)
    assert kinds(lowered).count("DEPTHWISE_CONV_2D") == 1


def test_mean_square_over_rows_is_one_region_and_its_division_goes_into_the_weights():
    nodes = [
        node("Mul", ["x", "x"], ["square"]),
        node("ReduceMean", ["square", "axis"], ["energy"], keepdims=1),
        node("Unsqueeze", ["energy", "axis"], ["frame"]),
        node("GRU", ["frame", "W", "R", "B", "", "h"], ["Y", "h_out"], hidden_size=16, linear_before_reset=1),
        node("Squeeze", ["Y", "outer"], ["state"]),
        node("MatMul", ["state", "V"], ["linear"]),
        node("Sigmoid", ["linear"], ["gain"]),
        node("Mul", ["x", "gain"], ["y"]),
    ]
    constants = {"W": normal(1, 48, 8), "R": normal(1, 48, 16), "B": normal(1, 96), "V": normal(16, 8)}
    constants |= {"axis": ints(0), "outer": ints(0, 1)}
    shapes = {"x": (33, 8), "h": (1, 1, 16)}
    expected, got, lowered = both(make(nodes, shapes, {"y": (33, 8), "h_out": (1, 1, 16)}, constants))
    np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-4, atol=1e-5)
    assert [region.kind for region in lowered.regions] == ["energy", "gru"]
    (energy, _) = lowered.regions
    assert [op.kind for op in lowered.operators if op.region == energy.name] == [
        "TRANSPOSE",
        "RESHAPE",
        "BATCH_MATMUL",
        "RESHAPE",
    ]
    assert (
        kinds(lowered).count("MUL") == 3
    )  # r * hn and z * (h - n) in the GRU, x * gain: none for the square or 1 / 33


def test_mean_square_that_something_else_reads_is_divided_by_an_operator():
    nodes = [
        node("Mul", ["x", "x"], ["square"]),
        node("ReduceMean", ["square", "axis"], ["energy"], keepdims=1),
        node("Tanh", ["energy"], ["y"]),
    ]
    expected, got, _ = both(make(nodes, {"x": (5, 4)}, {"y": (1, 4)}, {"axis": ints(0)}))
    np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_other_means_keep_their_numbers(axes):
    nodes = [node("ReduceMean", ["x", "axes"], ["y"], keepdims=1)]
    out = tuple(1 if axis in axes else n for axis, n in enumerate((5, 4)))
    expected, got, lowered = both(make(nodes, {"x": (5, 4)}, {"y": out}, {"axes": ints(*axes)}))
    np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-4, atol=1e-6)
    assert kinds(lowered)[0] == "MEAN"


def test_gru_with_rows_shares_its_weights():
    constants = {"W": normal(1, 24, 6), "R": normal(1, 24, 8), "B": normal(1, 48)}
    nodes = [node("GRU", ["x", "W", "R", "B", "", "h"], ["Y", "y"], hidden_size=8, linear_before_reset=1)]
    shapes = {"x": (1, 33, 6), "h": (1, 33, 8)}
    model = make(
        [*nodes, node("Identity", ["y"], ["h_out"])], shapes, {"y": shapes["h"], "h_out": shapes["h"]}, constants
    )
    expected, got, lowered = both(model, frames=50)
    np.testing.assert_allclose(got["y"], expected["y"], atol=2e-6)
    assert lowered.tensors[lowered.regions[0].roles["h_out"]].shape == (33, 8)


def sequence_model(length, size=16, hidden=8, initial=0.0):
    constants = {"W": normal(2, 3 * hidden, size), "R": normal(2, 3 * hidden, hidden), "B": normal(2, 6 * hidden)}
    constants |= {"zero": np.full((2, 1, hidden), initial), "middle": ints(1), "flat": ints(length, 2 * hidden)}
    attributes = {"hidden_size": hidden, "linear_before_reset": 1, "direction": "bidirectional"}
    nodes = [
        node("Unsqueeze", ["x", "middle"], ["frames"]),
        node("GRU", ["frames", "W", "R", "B", "", "zero"], ["Y"], **attributes),
        node("Reshape", ["Y", "flat"], ["rows"]),
        node("Add", ["rows", "h"], ["h_out"]),
        node("Tanh", ["h_out"], ["y"]),
    ]
    shapes = {"x": (length, size), "h": (length, 2 * hidden)}
    return make(nodes, shapes, {"y": shapes["h"], "h_out": shapes["h"]}, constants)


@pytest.mark.parametrize("length", [2, 10, 33])
def test_bidirectional_gru_over_positions_keeps_its_numbers(length):
    expected, got, lowered = both(sequence_model(length))
    np.testing.assert_allclose(got["y"], expected["y"], atol=1e-5)
    (region,) = lowered.regions
    assert region.kind == "gru_sequence"
    assert all(len(op.inputs) <= 10 for op in lowered.operators)
    products = [op for op in lowered.operators if op.kind == "FULLY_CONNECTED"]
    assert len(products) == 3 * length + 6
    assert len({op.inputs[1] for op in products}) == 9  # the steps share their weights


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (sequence_model(4, initial=0.5), "first states must be constant zeros"),
        (
            make([node("BatchNormalization", ["x", *"abcd"], ["y"])], {"x": (1, 3)}, {"y": (1, 3)}, {k: -np.ones(3) for k in "abcd"}),
            "its variance is negative",
        ),
        (
            make([node("PRelu", ["x", "s"], ["y"])], {"x": (2, 3), "s": (3,)}, {"y": (2, 3)}),
            "the slope must be a constant",
        ),
    ],
    ids=["initial state", "batch norm", "slopes"],
)  # fmt: skip
def test_what_cannot_be_lowered_is_refused_with_the_reason(model, reason):
    with pytest.raises(StapesError, match=reason):
        lower(check_model(model, "m"))


CASES = {
    "Pad": ([node("Pad", ["x", "p"], ["y"])], (3, 4), (5, 4), {"p": ints(1, 0, 1, 0)}),
    "Pad of a unit axis": ([node("Pad", ["x", "p"], ["y"])], (1, 1, 4), (1, 3, 4), {"p": ints(0, 1, 0, 0, 1, 0)}),
    "PRelu": ([node("PRelu", ["x", "s"], ["y"])], (3, 4), (3, 4), {"s": np.array([1.5])}),
    "PRelu of channels": ([node("PRelu", ["x", "s"], ["y"])], (3, 4), (3, 4), {"s": np.array([[1.5], [-0.2], [0.0]])}),
    "PRelu written apart": ([node("GreaterOrEqual", ["x", "z"], ["g"]), node("Mul", ["x", "s"], ["b"]), node("Where", ["g", "x", "b"], ["y"])], (3, 4), (3, 4), {"s": np.array([0.1, 0.2, -0.3, 0.0]), "z": np.array(0.0)}),
    "affine PRelu": ([node("Add", ["x", "o"], ["l"]), node("PRelu", ["x", "s"], ["r"]), node("Add", ["r", "l"], ["y"])], (3, 4), (3, 4), {"s": np.array([0.1, 0.2, -0.3, 0.0]), "o": RNG.normal(size=(3, 4))}),
    "mean squares over both axes": ([node("Mul", ["x", "x"], ["q"]), node("ReduceMean", ["q", "first"], ["m"]), node("ReduceMean", ["q", "last"], ["n"]), node("Add", ["m", "n"], ["y"])], (3, 4), (3, 4), {"first": ints(0), "last": ints(1)}),
    "Slice backwards": ([node("Slice", ["x", "b", "e", "a", "t"], ["y"])], (5, 4), (5, 4), {"b": ints(-1), "e": ints(-(2**40)), "a": ints(0), "t": ints(-1)}),
    "neighbours": ([
        node("Pad", ["x", "p"], ["q"]),
        *(node("Slice", ["q", f"b{j}", f"e{j}", "a"], [f"s{j}"]) for j in range(3)),
        node("Concat", ["s0", "s1", "s2"], ["y"], axis=1),
    ], (7, 3), (7, 9), {"p": ints(1, 0, 1, 0), "a": ints(0), **{f"b{j}": ints(j) for j in range(3)}, **{f"e{j}": ints(j + 7) for j in range(3)}}),
    "shuffle": ([
        node("Concat", ["x", "x"], ["c"], axis=1),
        node("Reshape", ["c", "three"], ["r"]),
        node("Transpose", ["r"], ["t"], perm=[0, 2, 1]),
        node("Reshape", ["t", "two"], ["y"]),
    ], (33, 8), (33, 16), {"three": ints(33, 2, 8), "two": ints(33, 16)}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_operator_keeps_its_numbers(case):
    nodes, given, made, constants = CASES[case]
    expected, got, _ = both(make(nodes, {"x": given}, {"y": made}, constants))
    np.testing.assert_allclose(got["y"], expected["y"], rtol=1e-5, atol=1e-6)


def test_a_layer_norm_written_apart_is_one_and_keeps_its_small_epsilon():
    """An epsilon of 1e-8 is not nothing: without it a frame of zeros is divided by zero."""
    nodes = [
        node("ReduceMean", ["x", "both"], ["m"]),
        node("Sub", ["x", "m"], ["c"]),
        node("Pow", ["c", "two"], ["q"]),
        node("ReduceMean", ["q", "both"], ["v"]),
        node("Add", ["v", "e"], ["a"]),
        node("Sqrt", ["a"], ["r"]),
        node("Div", ["c", "r"], ["n"]),
        node("Mul", ["n", "g"], ["s"]),
        node("Add", ["s", "o"], ["y"]),
    ]
    constants = {"both": ints(0, 1), "two": np.array(2.0), "e": np.array(1e-8), "g": normal(3, 4), "o": normal(4)}
    expected, got, lowered = both(make(nodes, {"x": (3, 4)}, {"y": (3, 4)}, constants))
    np.testing.assert_allclose(got["y"], expected["y"], atol=2e-4)
    assert [region.kind for region in lowered.regions] == ["layer_norm"]
    source = check_model(make(nodes, {"x": (3, 4)}, {"y": (3, 4)}, constants), "m")
    assert source.constants["e"] == np.float32(1e-8)
