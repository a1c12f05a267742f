"""Shapes of networks for speech enhancement, as torch exports them: each is the same network as a stream, or is refused.

The exporter of `dynamo=True` takes many seconds a network, and fixes the length that a recurrence was traced with. So two networks
without one go through it.
"""

import warnings

import numpy as np
import onnx
import pytest
import torch
from stapes.models.errors import StapesError
from stapes.quantize.onnx_reader import check_model
from stapes.quantize.onnx_reader.shapes import quiet_session
from stapes.quantize.streaming import make_streaming
from torch import nn


class CumulativeNorm(nn.Module):
    """Mean and variance of all frames so far, (B, C, T): Conv-TasNet's cumulative layer normalisation."""

    def __init__(self, channels):
        super().__init__()
        self.gain, self.bias = nn.Parameter(torch.ones(1, channels, 1)), nn.Parameter(torch.zeros(1, channels, 1))

    def forward(self, x):
        count = torch.cumsum(torch.ones_like(x[:, :1]), 2) * x.shape[1]
        mean = torch.cumsum(x.sum(1, keepdim=True), 2) / count
        power = torch.cumsum((x * x).sum(1, keepdim=True), 2) / count
        return (x - mean) / torch.sqrt(power - mean * mean + 1e-3) * self.gain + self.bias


class Tcn(nn.Module):
    """Dilated depthwise convolutions over the past, with skips."""

    def __init__(self, norm=None):
        super().__init__()
        self.first = nn.Conv1d(6, 8, 1)
        self.deep = nn.ModuleList(nn.Conv1d(8, 8, 3, dilation=2**i, groups=8) for i in range(3))
        self.norms = nn.ModuleList((norm or nn.BatchNorm1d)(8) for _ in range(3))
        self.last = nn.Conv1d(8, 6, 1)

    def forward(self, x):
        x = self.first(x)
        for i, (deep, norm) in enumerate(zip(self.deep, self.norms, strict=True)):
            x = x + torch.relu(norm(deep(nn.functional.pad(x, (2 * 2**i, 0)))))
        return torch.sigmoid(self.last(x))


class Crn(nn.Module):
    """A strided encoder over frequency, a recurrence, and the way back, (B, 1, T, F)."""

    def __init__(self, kind=nn.GRU):
        super().__init__()
        self.down = nn.Conv2d(1, 4, (2, 3), stride=(1, 2), padding=(0, 1))
        self.deep = kind(16, 16, batch_first=True)
        self.up = nn.ConvTranspose2d(8, 1, (1, 3), stride=(1, 2), padding=(0, 1), output_padding=(0, 1))

    def forward(self, x):
        low = torch.relu(self.down(nn.functional.pad(x, (0, 0, 1, 0))))
        h, _ = self.deep(low.permute(0, 2, 1, 3).flatten(2))
        h = h.unflatten(2, (4, 4)).permute(0, 2, 1, 3)
        return torch.sigmoid(self.up(torch.cat((low, h), 1)))


class Across(nn.Module):
    """A GRU over time, attention and a GRU both ways over frequency, (B, T, F, C)."""

    def __init__(self):
        super().__init__()
        self.time, self.frequency = nn.GRU(4, 4, batch_first=True), nn.GRU(4, 2, batch_first=True, bidirectional=True)
        self.q, self.k, self.v = (nn.Linear(4, 4) for _ in range(3))

    def forward(self, x):
        b, t, f, c = x.shape
        x = self.time(x.permute(0, 2, 1, 3).reshape(b * f, t, c))[0].reshape(b, f, t, c).permute(0, 2, 1, 3)
        x = x + torch.softmax(self.q(x) @ self.k(x).transpose(2, 3) / 2, -1) @ self.v(x)
        return self.frequency(x.reshape(b * t, f, c))[0].reshape(b, t, f, c)


class Ahead(nn.Module):
    """Convolutions that hear one and two frames ahead, a skip around them, a recurrence behind them."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv1d(5, 5, 3, padding=1), nn.Conv1d(5, 5, 3, padding=2, dilation=2)
        self.gru = nn.GRU(5, 5, batch_first=True)

    def forward(self, x):
        y = self.second(torch.relu(self.first(x))) + x
        return self.gru(y.transpose(1, 2))[0]


class Shifted(nn.Module):
    """Two results, one of the frame before the next one, one of this frame; and a running mean of what comes late."""

    def forward(self, x):
        after = nn.functional.pad(x[..., 1:], (0, 1)) + 0.5
        mean = torch.cumsum(after, 2) / torch.arange(1, x.shape[2] + 1, dtype=torch.float32)
        return mean, torch.tanh(x)


class BothWays(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(6, 3, batch_first=True, bidirectional=True)

    def forward(self, x):
        return self.gru(x.transpose(1, 2))[0]


class Pooled(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(x.mean(2, keepdim=True))


class Attention(nn.Module):
    def forward(self, x):
        return torch.softmax(x.transpose(1, 2) @ x, -1) @ x.transpose(1, 2)


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.pooled, self.ways = Pooled(), BothWays()

    def forward(self, x):
        return self.ways(self.pooled(x))


WAVE, IMAGE, LAST = ((1, 6, 20), 2), ((1, 1, 20, 8), 2), ((1, 20, 6, 4), 1)
ZOO = {
    "a TCN": (Tcn, WAVE, 3, 0),
    "a TCN with cumulative norms": (lambda: Tcn(CumulativeNorm), WAVE, 10, 0),
    "a CRN with a GRU": (Crn, IMAGE, 2, 0),
    "a CRN with an LSTM": (lambda: Crn(nn.LSTM), IMAGE, 3, 0),
    "a GRU and attention over frequency": (Across, LAST, 1, 0),
    "convolutions that look ahead": (Ahead, ((1, 5, 20), 2), None, 3),
    "results of two times": (Shifted, WAVE, None, 1),
}
REFUSED = {
    "both ways over time": (BothWays, r"GRU \(.*\) runs over the recording from its end"),
    "a mean over all time": (Pooled, r"ReduceMean \(.*\) makes one value of all frames"),
    "attention over time": (Attention, r"MatMul \(.*\) compares every frame with every other one"),
    "two faults": (Both, r"ReduceMean \(.*\) makes one value of all frames.*; GRU \(.*\) runs over the recording"),
}


def exported(network, shape, axis, dynamo, path):
    network = network.eval()
    x = torch.randn(shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            time = torch.export.Dim("T", min=2, max=4096)
            torch.onnx.export(network, (x,), path, dynamo=True, dynamic_shapes=({axis: time},), verbose=False)
        else:
            torch.onnx.export(network, (x,), path, dynamo=False, input_names=["x"], dynamic_axes={"x": {axis: "T"}})
    return onnx.load(path)


def by_hand(streamed, x, axis):
    """All outputs of the stream, frame by frame, states from zeros."""
    session = quiet_session(streamed.model)
    kept = {state.input: np.zeros(state.shape, np.float32) for state in streamed.states}
    (name,) = (value.name for value in streamed.model.graph.input if value.name not in kept)
    names = [v.name for v in streamed.model.graph.output if v.name not in {state.output for state in streamed.states}]
    made = []
    for frame in range(x.shape[axis]):
        results = session.run(
            [*names, *(state.output for state in streamed.states)], {name: np.take(x, [frame], axis), **kept}
        )
        made.append(results[: len(names)])
        kept = dict(zip(kept, results[len(names) :], strict=True))
    return [np.stack([frame[place] for frame in made]) for place in range(len(names))]


@pytest.mark.parametrize(("case", "dynamo"), [*((case, False) for case in ZOO), ("a TCN with cumulative norms", True)])
def test_a_stream_is_the_network_of_whole_recordings(case, dynamo, tmp_path):
    make, (shape, axis), states, delay = ZOO[case]
    torch.manual_seed(5)
    network = make()
    streamed = make_streaming(exported(network, shape, axis, dynamo, tmp_path / "n.onnx"), "n")
    assert streamed.error <= 1e-5
    assert streamed.delay_frames == delay
    if states is not None:
        assert len(streamed.states) == states
    x = torch.randn([33 if place == axis else size for place, size in enumerate(shape)])
    with torch.no_grad():
        expected = network(x)
    made = by_hand(streamed, x.numpy(), axis)
    for whole, frames in zip(expected if isinstance(expected, tuple) else (expected,), made, strict=True):
        over = next(place for place, size in enumerate(whole.shape) if size == 33)
        rows = np.moveaxis(whole.numpy(), over, 0).reshape(33, -1)
        late = frames.reshape(33, -1)[delay:]
        assert np.abs(rows[: 33 - delay] - late).max() <= 1e-5 * np.abs(rows).max()
    named = check_model(streamed.model, "n")
    assert {state.input for state in named.states} == {state.input for state in streamed.states}
    assert named.metadata["stapes.delay_frames"] == str(delay)


@pytest.mark.parametrize(("case", "dynamo"), [*((case, False) for case in REFUSED), ("attention over time", True)])
def test_what_needs_all_of_a_recording_is_refused_by_its_nodes(case, dynamo, tmp_path):
    make, reason = REFUSED[case]
    torch.manual_seed(5)
    with pytest.raises(StapesError, match=f"^n: {reason}"):
        make_streaming(exported(make(), (1, 6, 20), 2, dynamo, tmp_path / "n.onnx"), "n")
