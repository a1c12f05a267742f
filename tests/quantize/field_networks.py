"""Small networks of the shapes that speech enhancement has, in torch: of whole recordings, or of one frame with its states.

Each stands for a family of published ones by its wiring, at widths of a few values. `FRAMES` are those that torch can only export as one
frame: their recurrence is no layer of ONNX.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as f


class Dtln1(nn.Module):
    """DTLN's first stage: LSTMs and a mask, (B, T, F)."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.last = nn.LSTM(17, 12, num_layers=2, batch_first=True), nn.Linear(12, 17)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.last(self.rnn(x)[0])) * x


class Dtln2(nn.Module):
    """DTLN's second stage: a learnt transform, a layer normalisation of each frame, an LSTM, a mask, the way back, (B, T, N)."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.norm = nn.Linear(16, 24, bias=False), nn.LayerNorm(24, eps=1e-7)
        self.rnn, self.mask, self.decode = (
            nn.LSTM(24, 12, batch_first=True),
            nn.Linear(12, 24),
            nn.Linear(24, 16, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        coded = self.encode(x)
        return self.decode(torch.sigmoid(self.mask(self.rnn(self.norm(coded))[0])) * coded)


class NsNet2(nn.Module):
    """Linear, two GRUs, two linear, a mask, (B, T, F)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.rnn = nn.Linear(17, 16), nn.GRU(16, 16, num_layers=2, batch_first=True)
        self.second, self.third, self.last = nn.Linear(16, 20), nn.Linear(20, 20), nn.Linear(20, 17)

    def forward(self, x: Tensor) -> Tensor:
        x = self.rnn(torch.relu(self.first(x)))[0]
        return torch.sigmoid(self.last(torch.relu(self.third(torch.relu(self.second(x))))))


class RnNoise1(nn.Module):
    """Three GRUs that hear each other, gains and the presence of speech as two results, (B, T, F)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.vad, self.speech = nn.Linear(18, 8), nn.GRU(8, 8, batch_first=True), nn.Linear(8, 1)
        self.noise, self.denoise = nn.GRU(34, 12, batch_first=True), nn.GRU(38, 16, batch_first=True)
        self.gains = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        first = torch.tanh(self.first(x))
        vad = self.vad(first)[0]
        noise = self.noise(torch.cat((first, vad, x), -1))[0]
        heard = self.denoise(torch.cat((vad, noise, x), -1))[0]
        return torch.sigmoid(self.gains(heard)), torch.sigmoid(self.speech(vad))


class RnNoise2(nn.Module):
    """Two convolutions over the past, three GRUs, all of them joined, (B, T, F)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(18, 12, 3), nn.Conv1d(12, 12, 3)
        self.rnns = nn.ModuleList(nn.GRU(12, 12, batch_first=True) for _ in range(3))
        self.gains, self.speech = nn.Linear(48, 10), nn.Linear(48, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.tanh(self.first(f.pad(x.transpose(1, 2), (2, 0))))
        x = torch.tanh(self.second(f.pad(x, (2, 0)))).transpose(1, 2)
        parts = [x]
        for rnn in self.rnns:
            parts.append(rnn(parts[-1])[0])
        joined = torch.cat(parts, -1)
        return torch.sigmoid(self.gains(joined)), torch.sigmoid(self.speech(joined))


class PercepNet(nn.Module):
    """Linear, a convolution over the past, GRUs, gains and strengths, (B, T, F)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.conv = nn.Linear(14, 12), nn.Conv1d(12, 12, 5)
        self.rnn, self.gains, self.strengths = nn.GRU(12, 12, 2, batch_first=True), nn.Linear(24, 8), nn.Linear(12, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.relu(self.first(x))
        past = torch.tanh(self.conv(f.pad(x.transpose(1, 2), (4, 0)))).transpose(1, 2)
        heard = self.rnn(past)[0]
        return torch.sigmoid(self.gains(torch.cat((past, heard), -1))), torch.sigmoid(self.strengths(heard))


class Crn(nn.Module):
    """A strided encoder over frequency, an LSTM, a decoder with skips, ELU and batch norm, (B, C, T, F)."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.deeper = nn.Conv2d(2, 4, (2, 3), stride=(1, 2)), nn.Conv2d(4, 6, (2, 3), stride=(1, 2))
        self.norms = nn.ModuleList((nn.BatchNorm2d(4), nn.BatchNorm2d(6), nn.BatchNorm2d(4)))
        self.rnn = nn.LSTM(18, 18, batch_first=True)
        self.up, self.last = (
            nn.ConvTranspose2d(12, 4, (1, 3), stride=(1, 2)),
            nn.ConvTranspose2d(8, 2, (1, 3), stride=(1, 2)),
        )

    def forward(self, x: Tensor) -> Tensor:
        low = f.elu(self.norms[0](self.down(f.pad(x, (0, 0, 1, 0)))))
        lower = f.elu(self.norms[1](self.deeper(f.pad(low, (0, 0, 1, 0)))))
        heard = self.rnn(lower.permute(0, 2, 1, 3).flatten(2))[0].unflatten(2, (6, 3)).permute(0, 2, 1, 3)
        up = f.elu(self.norms[2](self.up(torch.cat((lower, heard), 1))))
        return self.last(torch.cat((low, up), 1))


class Dpcrn(nn.Module):
    """Dual paths: an LSTM both ways over frequency, one over time, each with a LayerNorm and a skip, (B, T, F, C)."""

    def __init__(self) -> None:
        super().__init__()
        self.within, self.between = nn.LSTM(4, 3, batch_first=True, bidirectional=True), nn.LSTM(4, 4, batch_first=True)
        self.first, self.second = nn.Linear(6, 4), nn.Linear(4, 4)
        self.norms = nn.ModuleList(nn.LayerNorm((6, 4)) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        b, t, n, c = x.shape
        over = self.within(x.reshape(b * t, n, c))[0]
        x = x + self.norms[0](self.first(over).reshape(b, t, n, c))
        along = self.between(x.permute(0, 2, 1, 3).reshape(b * n, t, c))[0]
        return x + self.norms[1](self.second(along).reshape(b, n, t, c).permute(0, 2, 1, 3))


class Tcn(nn.Module):
    """Dilated convolutions over the past, a slope for each channel, channel-wise norms, (B, C, T)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv1d(8, 6, 1), nn.Conv1d(6, 8, 1)
        self.wide = nn.ModuleList(nn.Conv1d(6, 12, 1) for _ in range(2))
        self.deep = nn.ModuleList(nn.Conv1d(12, 12, 3, dilation=2**i, groups=12) for i in range(2))
        self.narrow = nn.ModuleList(nn.Conv1d(12, 6, 1) for _ in range(2))
        self.slopes, self.norms = (
            nn.ModuleList(nn.PReLU(12) for _ in range(2)),
            nn.ModuleList(nn.LayerNorm(12) for _ in range(2)),
        )
        for i, slope in enumerate(self.slopes):
            slope.weight.data = torch.linspace(0.1, 0.4 + i, 12)

    def forward(self, x: Tensor) -> Tensor:
        given = x
        x = self.first(x)
        for i in range(2):
            wide = self.norms[i](self.slopes[i](self.wide[i](x)).transpose(1, 2)).transpose(1, 2)
            x = x + self.narrow[i](f.silu(self.deep[i](f.pad(wide, (2 * 2**i, 0)))))
        return given * torch.sigmoid(self.last(x))


class Fsmn(nn.Module):
    """Memories: each value with weights over its own past, (B, T, F)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.narrow, self.wide, self.last = (
            nn.Linear(16, 20),
            nn.Linear(20, 10),
            nn.Linear(10, 20),
            nn.Linear(20, 16),
        )
        self.memory = nn.Conv1d(10, 10, 6, groups=10, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        low = self.narrow(torch.relu(self.first(x)))
        low = low + self.memory(f.pad(low.transpose(1, 2), (5, 0))).transpose(1, 2)
        return self.last(f.gelu(self.wide(low)))


class Attentive(nn.Module):
    """A GRU over time and attention over frequency, (B, T, F, C)."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.GRU(4, 4, batch_first=True)
        self.q, self.k, self.v = (nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        b, t, n, c = x.shape
        x = self.time(x.permute(0, 2, 1, 3).reshape(b * n, t, c))[0].reshape(b, n, t, c).permute(0, 2, 1, 3)
        return x + torch.softmax(self.q(x) @ self.k(x).transpose(2, 3) / 2, -1) @ self.v(x)


class SqueezeExcite(nn.Module):
    """A gain for each channel from its means and maxima over the frequencies of a frame, (B, C, T, F)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(2, 6, (3, 3), padding=(0, 1)), nn.Conv2d(6, 2, 1)
        self.squeeze, self.excite = nn.Linear(12, 4), nn.Linear(4, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = f.hardswish(self.first(f.pad(x, (0, 0, 2, 0))))
        seen = torch.cat((x.mean(3), x.amax(3)), 1).transpose(1, 2)
        gain = f.hardsigmoid(self.excite(f.relu6(self.squeeze(seen)))).transpose(1, 2)
        return self.last(x * gain.unsqueeze(3))


class DeepFilter(nn.Module):
    """Complex weights over three frames of the spectrum, made by a GRU; real and imaginary parts, (B, T, 2, F)."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.weights = nn.GRU(16, 16, batch_first=True), nn.Linear(16, 48)

    def forward(self, x: Tensor) -> Tensor:
        b, t, _, n = x.shape
        weights = torch.tanh(self.weights(self.rnn(x.flatten(2))[0])).reshape(b, t, 3, 2, n)
        past = f.pad(x, (0, 0, 0, 0, 2, 0))
        frames = torch.stack([past[:, i : i + t] for i in range(3)], 2)
        real = (frames[:, :, :, 0] * weights[:, :, :, 0] - frames[:, :, :, 1] * weights[:, :, :, 1]).sum(2)
        imaginary = (frames[:, :, :, 0] * weights[:, :, :, 1] + frames[:, :, :, 1] * weights[:, :, :, 0]).sum(2)
        return torch.stack((real, imaginary), 2)


class FullSubNet(nn.Module):
    """An LSTM over all bands, then one over each band with its neighbours, which share its weights, (B, T, F)."""

    def __init__(self) -> None:
        super().__init__()
        self.full, self.all = nn.LSTM(8, 10, batch_first=True), nn.Linear(10, 8)
        self.sub, self.mask = nn.LSTM(4, 6, batch_first=True), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        b, t, n = x.shape
        whole = torch.relu(self.all(self.full(x)[0]))
        wide = f.pad(x, (1, 1), mode="reflect")
        bands = torch.stack((wide[..., :-2], x, wide[..., 2:], whole), -1)
        heard = self.sub(bands.permute(0, 2, 1, 3).reshape(b * n, t, 4))[0]
        return self.mask(heard).reshape(b, n, t, 2).permute(0, 2, 1, 3)


class MinGru(nn.Module):
    """A gate and a candidate that do not see the state; x (1, F), h (1, H)."""

    def __init__(self) -> None:
        super().__init__()
        self.z, self.h, self.last = nn.Linear(12, 10), nn.Linear(12, 10), nn.Linear(10, 12)

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        z = torch.sigmoid(self.z(x))
        h = (1 - z) * h + z * self.h(x)
        return self.last(torch.tanh(h)), h


class Sru(nn.Module):
    """A forget gate and a reset gate that see the state by one weight a value; x (1, F), c (1, F)."""

    def __init__(self) -> None:
        super().__init__()
        self.x, self.v = nn.Linear(12, 36), nn.Parameter(0.3 * torch.randn(2, 12))

    def forward(self, x: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        fresh, forget, reset = self.x(x).chunk(3, -1)
        forget, reset = torch.sigmoid(forget + self.v[0] * c), torch.sigmoid(reset + self.v[1] * c)
        c = forget * c + (1 - forget) * fresh
        return reset * torch.tanh(c) + (1 - reset) * x, c


class Qrnn(nn.Module):
    """Gates from this frame and the one before, and a state without a matrix; x, before (1, F), c (1, H)."""

    def __init__(self) -> None:
        super().__init__()
        self.gates, self.last = nn.Linear(24, 30), nn.Linear(10, 12)

    def forward(self, x: Tensor, before: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z, keep, out = self.gates(torch.cat((before, x), -1)).chunk(3, -1)
        c = torch.sigmoid(keep) * c + (1 - torch.sigmoid(keep)) * torch.tanh(z)
        return self.last(torch.sigmoid(out) * c), x + 0.0, c


class S4d(nn.Module):
    """Diagonal states, a rotation and a decay for each, without any gate; x (1, F), real and imaginary states (F, N)."""

    def __init__(self) -> None:
        super().__init__()
        angle, decay = torch.linspace(0.1, 2.0, 4), torch.linspace(0.9, 0.98, 6)[:, None]
        self.a_real, self.a_imag = (nn.Parameter(decay * part) for part in (torch.cos(angle), torch.sin(angle)))
        self.b, self.c = nn.Parameter(0.3 * torch.randn(2, 6, 4)), nn.Parameter(torch.randn(2, 6, 4))
        self.d, self.first, self.last = nn.Parameter(torch.randn(6)), nn.Linear(12, 6), nn.Linear(6, 12)

    def forward(self, x: Tensor, real: Tensor, imag: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u = self.first(x)
        column = u.transpose(0, 1)
        next_real = self.a_real * real - self.a_imag * imag + self.b[0] * column
        next_imag = self.a_real * imag + self.a_imag * real + self.b[1] * column
        y = (self.c[0] * next_real - self.c[1] * next_imag).sum(1).unsqueeze(0) + self.d * u
        return self.last(f.gelu(y)), next_real, next_imag


class Mamba(nn.Module):
    """A selective state: steps, inputs and outputs of the state depend on x; x (1, F), h (F, N), past (1, F, 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.conv = nn.Linear(8, 12), nn.Parameter(0.5 * torch.randn(6, 4))
        self.step, self.b, self.c, self.out = nn.Linear(6, 6), nn.Linear(6, 4), nn.Linear(6, 4), nn.Linear(6, 8)
        self.a = nn.Parameter(-torch.linspace(0.5, 2.0, 4).repeat(6, 1))
        self.d = nn.Parameter(torch.ones(6))

    def forward(self, x: Tensor, h: Tensor, past: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        u, gate = self.into(x).chunk(2, -1)
        seen = torch.cat((past, u.unsqueeze(2)), 2)
        u = f.silu((seen * self.conv).sum(2))
        step = f.softplus(self.step(u)).transpose(0, 1)
        h = torch.exp(step * self.a) * h + step * u.transpose(0, 1) * self.b(u)
        y = (h * self.c(u)).sum(1).unsqueeze(0) + self.d * u
        return self.out(y * f.silu(gate)), h, seen[:, :, 1:]


# Whole recordings: network, shape of one with T frames, the axis of time.
RECORDINGS = {
    "DTLN, first stage": (Dtln1, (1, 20, 17), 1),
    "DTLN, second stage": (Dtln2, (1, 20, 16), 1),
    "NSNet2": (NsNet2, (1, 20, 17), 1),
    "RNNoise": (RnNoise1, (1, 20, 18), 1),
    "RNNoise 2": (RnNoise2, (1, 20, 18), 1),
    "PercepNet": (PercepNet, (1, 20, 14), 1),
    "CRN": (Crn, (1, 2, 20, 15), 2),
    "DPCRN": (Dpcrn, (1, 20, 6, 4), 1),
    "TCN": (Tcn, (1, 8, 20), 2),
    "FSMN": (Fsmn, (1, 20, 16), 1),
    "a GRU and attention over frequency": (Attentive, (1, 20, 5, 4), 1),
    "squeeze and excite": (SqueezeExcite, (1, 2, 20, 9), 2),
    "a deep filter": (DeepFilter, (1, 20, 2, 8), 1),
    "FullSubNet": (FullSubNet, (1, 20, 8), 1),
}
# One frame: network, shapes of x and of the states.
FRAMES = {
    "minGRU": (MinGru, [(1, 12), (1, 10)]),
    "SRU": (Sru, [(1, 12), (1, 12)]),
    "QRNN": (Qrnn, [(1, 12), (1, 12), (1, 10)]),
    "S4D": (S4d, [(1, 12), (6, 4), (6, 4)]),
    "Mamba": (Mamba, [(1, 8), (6, 4), (1, 6, 3)]),
}
