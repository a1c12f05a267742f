"""A network that was exported for whole recordings becomes a stream, or is refused by the node that cannot be one."""

import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from stapes.models.errors import StapesError
from stapes.quantize.lowering import lower
from stapes.quantize.onnx_reader import check_model, onnx_of
from stapes.quantize.onnx_reader.shapes import quiet_session
from stapes.quantize.streaming import make_streaming
from torch import nn

from tests.quantize.onnx_models import make


class Recurrent(nn.Module):
    """Past padding in front of a convolution, and in the middle; two GRUs from zeros; channels that are joined to positions."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.ConstantPad2d((0, 0, 2, 0), 0.0), nn.Conv2d(1, 4, (3, 3), padding=(0, 1)), nn.ReLU()
        )
        self.gru = nn.GRU(24, 8, num_layers=2, batch_first=True)
        self.back = nn.Linear(8, 24)
        self.second = nn.Sequential(
            nn.ConstantPad2d((0, 0, 4, 0), 0.0), nn.Conv2d(4, 2, (3, 1), dilation=(2, 1), groups=2)
        )

    def forward(self, x):
        c = self.first(x)
        h, _ = self.gru(c.permute(0, 2, 3, 1).flatten(2))
        return torch.sigmoid(self.second(c + self.back(h).reshape(*c.shape[:1], -1, 6, 4).permute(0, 3, 1, 2)))


class Chomped(nn.Module):
    """Convolutions over time alone, padded on both sides, whose end is cut off again; an LSTM."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(3, 5, 3, padding=2), nn.Conv1d(5, 5, 3, padding=4, dilation=2, bias=False)
        self.lstm = nn.LSTM(5, 4, batch_first=True)

    def forward(self, x):
        x = torch.relu(self.first(x)[..., :-2])
        x = torch.tanh(self.second(x)[..., :-4])
        return self.lstm(x.transpose(1, 2))[0]


def exported(module, shape, axis, path):
    torch.manual_seed(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(), torch.randn(shape), path, input_names=["x"], output_names=["y"], dynamic_axes={"x": {axis: "S"}},
            dynamo=False,
        )  # fmt: skip
    return onnx.load(path)


def shapes(model):
    return {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in model.graph.input}


def test_padding_and_hidden_states_of_an_ordinary_export_become_states(tmp_path):
    torch.manual_seed(1)
    network = Recurrent()
    whole = exported(network, (1, 1, 20, 6), 2, tmp_path / "n.onnx")
    before = whole.SerializeToString()
    streamed = make_streaming(whole, "n")
    assert whole.SerializeToString() == before
    given = shapes(streamed.model)
    assert given["x"] == (1, 1, 1, 6)
    assert sorted(given.values()) == sorted([(1, 1, 1, 6), (2, 6, 1), (4, 6, 4), (1, 1, 8), (1, 1, 8)])
    assert streamed.error < 1e-5
    # The stream by hand against torch over the whole recording.
    x = torch.randn(1, 1, 30, 6)
    session, kept = (
        quiet_session(streamed.model),
        {s.input: np.zeros(given[s.input], np.float32) for s in streamed.states},
    )
    made = []
    for t in range(30):
        y, *after = session.run(["y", *(s.output for s in streamed.states)], {"x": x[:, :, t : t + 1].numpy(), **kept})
        made.append(y)
        kept = dict(zip(kept, after, strict=True))
    expected = network(x).detach().numpy()
    assert np.abs(np.concatenate(made, axis=2) - expected).max() < 1e-5 * np.abs(expected).max()
    # It is what the front door takes, with nothing left that computes shapes.
    source = check_model(onnx_of(streamed.model, "n").model, "n")
    assert {s.input for s in source.states} == {s.input for s in streamed.states}
    assert not {n.op_type for n in source.nodes} & {"Shape", "Expand", "ConstantOfShape", "Gather", "Pad"}
    assert len(lower(source).states) == 4


def test_pads_of_a_convolution_whose_end_is_cut_off_are_the_past(tmp_path):
    torch.manual_seed(2)
    streamed = make_streaming(exported(Chomped(), (1, 3, 20), 2, tmp_path / "n.onnx"), "n")
    assert sorted(shapes(streamed.model).values()) == sorted([(1, 3, 1), (2, 3), (4, 5), (1, 1, 4), (1, 1, 4)])


def test_the_time_axis_may_be_given_where_the_file_fixes_it():
    weights = {"w": np.ones((2, 3, 3))}
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"], pads=[2, 0], kernel_shape=[3])]
    model = make(nodes, {"x": (1, 3, 50)}, {"y": (1, 2, 50)}, weights)
    with pytest.raises(StapesError, match="no axis of its inputs is open"):
        make_streaming(model, "m")
    assert shapes(make_streaming(model, "m", {"x": 2}).model) == {"x": (1, 3, 1), "x_history": (2, 3)}
    with pytest.raises(StapesError, match="no axis 3 of an input 'x'"):
        make_streaming(model, "m", {"x": 3})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_no_number_is_named(value):
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = make([node], {"x": (1, "S", 3)}, {"y": (1, 9, 3)}, {"w": np.array([[value, 0, 0], [0, 1, 0], [0, 0, 1]])})
    with pytest.raises(StapesError, match=r"^m: weight 'w' holds NaN or infinity; train or export the model again$"):
        make_streaming(model, "m")


def test_zeros_that_are_joined_in_front_are_the_past_and_a_state_that_is_an_input_stays_one():
    rng = np.random.default_rng(0)
    constants = {
        "zeros": np.zeros((1, 3, 2)),
        "w": rng.normal(0, 1, (4, 3, 3)),
        "W": rng.normal(0, 1, (1, 12, 4)),
        "R": rng.normal(0, 1, (1, 12, 4)),
    }
    nodes = [
        helper.make_node("Concat", ["zeros", "x"], ["p"], axis=2),
        helper.make_node("Conv", ["p", "w"], ["c"]),
        helper.make_node("Transpose", ["c"], ["t"], perm=[2, 0, 1]),
        helper.make_node("GRU", ["t", "W", "R", "", "", "h0"], ["y"], hidden_size=4, linear_before_reset=1),
    ]
    model = make(nodes, {"x": (1, 3, "S"), "h0": (1, 1, 4)}, {"y": ("S", 1, 1, 4)}, constants)
    streamed = make_streaming(model, "m")
    assert [(s.input, s.output) for s in streamed.states] == [("p_history", "p_history_out"), ("h0", "h0_out")]


def test_a_stream_that_is_another_network_is_refused_with_its_output(monkeypatch):
    """The proof has teeth: a history that keeps its frames in the wrong order is found."""
    from stapes.quantize.streaming import make as making

    def wrong(*arguments):
        stream, states = right(*arguments)
        next(t for t in stream.graph.initializer if t.name == "w").raw_data = np.ones((2, 3, 3), np.float32).tobytes()
        return stream, states

    right = making.as_stream
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], pads=[2, 0]), helper.make_node("Relu", ["c"], ["y"])]
    weights = {"w": np.random.default_rng(0).normal(0, 1, (2, 3, 3))}
    monkeypatch.setattr(making, "as_stream", wrong)
    with pytest.raises(StapesError, match=r"^m: as a stream, output 'y' differs from frame 0 on, by .* of full scale"):
        make_streaming(make(nodes, {"x": (1, 3, "S")}, {"y": (1, 2, "S")}, weights), "m")


def gru(**attributes):
    rng = np.random.default_rng(0)
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    constants = {"W": rng.normal(0, 1, (directions, 12, 3)), "R": rng.normal(0, 1, (directions, 12, 4))}
    start = attributes.pop("start", None)
    if start is not None:
        constants["start"] = start
    names = ["t", "W", "R", "", "", "start"] if start is not None else ["t", "W", "R"]
    return [
        helper.make_node("Transpose", ["x"], ["t"], perm=[2, 0, 1]),
        helper.make_node("GRU", names, ["y"], name="cell", hidden_size=4, linear_before_reset=1, **attributes),
    ], constants


def conv(**attributes):
    return [helper.make_node("Conv", ["x", "w"], ["y"], name="conv", **attributes)], {"w": np.ones((2, 3, 3))}


def padded(amounts, *rest, **attributes):
    nodes = [
        helper.make_node("Pad", ["x", "amounts", *rest], ["p"], name="pad", **attributes),
        helper.make_node("Conv", ["p", "w"], ["y"], name="conv"),
    ]
    return nodes, {"w": np.ones((2, 3, 3)), "amounts": np.array(amounts, np.int64), "one": np.float32(1)}


def chain(*nodes, **constants):
    return list(nodes), constants


n = helper.make_node
SAME_PAST = {"w": np.ones((3, 3, 3)), "b": np.ones(3), "p": np.array([0, 0, 4, 0, 0, 0], np.int64)}
REFUSED = {
    "a GRU from the end": (gru(direction="bidirectional"), r"GRU \(cell\) runs over the recording from its end"),
    "a GRU that starts elsewhere": (
        gru(start=np.ones((1, 1, 4))),
        r"GRU \(cell\) starts from a state that is not zero",
    ),
    "a convolution without padding": (conv(), r"output 'y' has -2 frames beside those of the recording"),
    "a stride over time": (conv(pads=[2, 0], strides=[2]), r"Conv \(conv\) gives .*several frames a step"),
    "padding of the future": (padded([0, 0, -1, 0, 0, 1]), r"output 'y' has -2 frames beside those of the recording"),
    "a past of ones": (
        padded([0, 0, 2, 0, 0, 0], "one"),
        r"Pad \(pad\) makes frames before the first one that are not zeros",
    ),
    "a reflected past": (padded([0, 0, 2, 0, 0, 0], mode="reflect"), r"Pad \(pad\) makes frames before the first one"),
    "all padding in front of two convolutions": (
        (
            [
                n("Pad", ["x", "p"], ["a"]),
                n("Conv", ["a", "w", "b"], ["c"]),
                n("Conv", ["c", "w"], ["y"], name="second"),
            ],
            SAME_PAST,
        ),
        r"Conv \(second\) looks at frames before the first one that are not zeros",
    ),
    "a mean over time": (
        chain(
            n("ReduceMean", ["x", "axes"], ["m"], name="mean"),
            n("Sub", ["x", "m"], ["y"]),
            axes=np.array([2], np.int64),
        ),
        r"ReduceMean \(mean\) makes one value of all frames",
    ),
    "a sum from the end": (
        chain(n("CumSum", ["x", "axis"], ["y"], name="sum", reverse=1), axis=np.array(2, np.int64)),
        r"CumSum \(sum\) adds up the recording from its end",
    ),
    "a softmax over time": (
        chain(n("Softmax", ["x"], ["y"], name="soft", axis=2)),
        r"Softmax \(soft\) looks at all frames",
    ),
    "pooling over time": (
        chain(n("MaxPool", ["x"], ["y"], name="pool", kernel_shape=[3], pads=[2, 0])),
        r"MaxPool \(pool\) pools over time",
    ),
    "attention": (
        chain(n("Transpose", ["x"], ["t"], perm=[0, 2, 1]), n("MatMul", ["t", "x"], ["y"], name="scores")),
        r"MatMul \(scores\) compares every frame with every other one",
    ),
    "every second frame": (
        chain(
            n("Slice", ["x", "zero", "end", "axis", "two"], ["y"], name="half"),
            zero=np.array([0], np.int64),
            end=np.array([2**31 - 1], np.int64),
            axis=np.array([2], np.int64),
            two=np.array([2], np.int64),
        ),
        r"Slice \(half\) gives \d+ positions for 29 frames",
    ),
    "the end of the recording": (
        chain(
            n("Transpose", ["x"], ["t"], perm=[2, 0, 1]),
            n("GRU", ["t", "W", "R"], ["", "last"], hidden_size=4, linear_before_reset=1),
            n("Transpose", ["last"], ["l"], perm=[1, 2, 0]),
            n("Conv", ["x", "w"], ["c"]),
            n("Add", ["c", "l"], ["y"], name="sum"),
            W=np.ones((1, 12, 3)),
            R=np.ones((1, 12, 4)),
            w=np.ones((4, 3, 1)),
        ),
        r"Add \(sum\) uses the state at the end of the whole recording",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_a_stream_is_refused_by_its_node(case):
    (nodes, constants), reason = REFUSED[case]
    model = make(nodes, {"x": (1, 3, "S")}, {"y": (1, 1, 1)}, constants)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    with pytest.raises(StapesError, match=f"^m: .*{reason}") as refused:
        make_streaming(model, "m")
    assert "\n" not in str(refused.value)


def test_an_open_batch_is_one_and_a_second_open_axis_is_asked_for():
    nodes, constants = conv(pads=[2, 0])
    streamed = make_streaming(make(nodes, {"x": ("batch", 3, "S")}, {"y": ("batch", 2, "S")}, constants), "m")
    assert shapes(streamed.model)["x"] == (1, 3, 1)
    with pytest.raises(StapesError, match=r"the axes 0 \(N\), 2 \(S\) of input 'x' are open"):
        make_streaming(make(nodes, {"x": ("N", 3, "S")}, {"y": ("N", 2, "S")}, constants), "m")
