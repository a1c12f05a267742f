"""The parts of GTCRN. B utterances, C channels, T frames, F bins, d dilation in frames.

Whatever remembers takes its past as an argument and returns it, so that a sequence may be cut anywhere; zeros are the past
of a stream that begins.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CHANNELS = 16
HALF = CHANNELS // 2
WIDTH = 33
ATTENTION_HIDDEN = 16
LAYER_NORM_EPSILON = 1e-8


def neighbours(x: Tensor) -> Tensor:
    """(B, C, T, F) -> (B, 3 C, T, F): of each channel the bin below, the bin itself and the bin above, zero beyond the ends."""
    padded = functional.pad(x, (1, 1))
    bins = x.shape[-1]
    return torch.stack([padded[..., j : j + bins] for j in range(3)], dim=2).flatten(1, 2)


class ConvBlock(nn.Module):
    """A convolution along the bins with stride 2, or its transpose, then BatchNorm and PReLU, or tanh for the last block."""

    def __init__(self, inputs: int, outputs: int, groups: int, decoder: bool, last: bool = False) -> None:
        super().__init__()
        convolution = nn.ConvTranspose2d if decoder else nn.Conv2d
        self.conv = convolution(inputs, outputs, (1, 5), stride=(1, 2), padding=(0, 2), groups=groups)
        self.bn = nn.BatchNorm2d(outputs)
        self.act = nn.Tanh() if last else nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, F) -> (B, C', T, (F + 1) / 2), or 2 F - 1 bins in the decoder."""
        result: Tensor = self.act(self.bn(self.conv(x)))
        return result


class TemporalAttention(nn.Module):
    """A gate for each channel and frame, from a GRU over the channels' mean power."""

    def __init__(self) -> None:
        super().__init__()
        self.att_gru = nn.GRU(HALF, ATTENTION_HIDDEN, batch_first=True)
        self.att_fc = nn.Linear(ATTENTION_HIDDEN, HALF)

    def forward(self, x: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """`x` (B, 8, T, F), `hidden` (1, B, 16) -> the same shapes."""
        power = x.square().mean(dim=-1).transpose(1, 2)
        attended, hidden = self.att_gru(power, hidden)
        gate = torch.sigmoid(self.att_fc(attended)).transpose(1, 2)
        return x * gate.unsqueeze(-1), hidden


class GTConvBlock(nn.Module):
    """Half of the channels through a narrow, dilated convolution over three frames and the attention, then shuffled with the rest."""

    def __init__(self, dilation: int, decoder: bool) -> None:
        super().__init__()
        self.dilation = dilation
        convolution = nn.ConvTranspose2d if decoder else nn.Conv2d
        self.point_conv1 = convolution(3 * HALF, CHANNELS, 1)
        self.point_bn1 = nn.BatchNorm2d(CHANNELS)
        self.point_act = nn.PReLU()
        # The transposed form cuts 2 d frames off either end of what it would make of its 2 d frames of past.
        padding = (2 * dilation if decoder else 0, 1)
        self.depth_conv = convolution(CHANNELS, CHANNELS, 3, padding=padding, dilation=(dilation, 1), groups=CHANNELS)
        self.depth_bn = nn.BatchNorm2d(CHANNELS)
        self.depth_act = nn.PReLU()
        self.point_conv2 = convolution(CHANNELS, HALF, 1)
        self.point_bn2 = nn.BatchNorm2d(HALF)
        self.tra = TemporalAttention()

    def forward(self, x: Tensor, past: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`x` (B, 16, T, 33), `past` (B, 16, 2 d, 33) oldest first, `hidden` (1, B, 16) -> the same shapes."""
        processed, bypass = x[:, :HALF], x[:, HALF:]
        processed = self.point_act(self.point_bn1(self.point_conv1(neighbours(processed))))
        seen = torch.cat([past, processed], dim=2)
        processed = self.depth_act(self.depth_bn(self.depth_conv(seen)))
        processed = self.point_bn2(self.point_conv2(processed))
        processed, hidden = self.tra(processed, hidden)
        shuffled = torch.stack([processed, bypass], dim=2).flatten(1, 2)
        return shuffled, seen[:, :, -2 * self.dilation :], hidden


class GroupedGru(nn.Module):
    """Two GRUs, one for either half of the channels; a state's last axis is cut into the same halves."""

    def __init__(self, bidirectional: bool) -> None:
        super().__init__()
        hidden = HALF // 2 if bidirectional else HALF
        self.hidden = hidden
        self.rnn1 = nn.GRU(HALF, hidden, batch_first=True, bidirectional=bidirectional)
        self.rnn2 = nn.GRU(HALF, hidden, batch_first=True, bidirectional=bidirectional)

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`x` (B, steps, 16), `state` (directions, B, 2 H) or None for zeros -> the same shapes."""
        starts = (None, None) if state is None else tuple(part.contiguous() for part in state.chunk(2, dim=-1))
        (first, h1), (second, h2) = (
            rnn(part, start)
            for rnn, part, start in zip((self.rnn1, self.rnn2), x.chunk(2, dim=-1), starts, strict=True)
        )
        return torch.cat([first, second], dim=-1), torch.cat([h1, h2], dim=-1)


class DualPathGru(nn.Module):
    """A recurrent network along the bins of each frame, then one along the frames of each bin, each with a residual path."""

    def __init__(self) -> None:
        super().__init__()
        self.intra_rnn = GroupedGru(bidirectional=True)
        self.intra_fc = nn.Linear(CHANNELS, CHANNELS)
        self.intra_ln = nn.LayerNorm((WIDTH, CHANNELS), eps=LAYER_NORM_EPSILON)
        self.inter_rnn = GroupedGru(bidirectional=False)
        self.inter_fc = nn.Linear(CHANNELS, CHANNELS)
        self.inter_ln = nn.LayerNorm((WIDTH, CHANNELS), eps=LAYER_NORM_EPSILON)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """`x` (B, 16, T, 33), `state` (1, B * 33, 16) -> the same shapes."""
        batch, _, frames, _ = x.shape
        x = x.permute(0, 2, 3, 1)  # (B, T, 33, 16)
        along_bins, _ = self.intra_rnn(x.reshape(batch * frames, WIDTH, CHANNELS))
        along_bins = self.intra_fc(along_bins).reshape(batch, frames, WIDTH, CHANNELS)
        x = x + self.intra_ln(along_bins)
        by_bin = x.permute(0, 2, 1, 3)  # (B, 33, T, 16)
        along_frames, state = self.inter_rnn(by_bin.reshape(batch * WIDTH, frames, CHANNELS), state)
        along_frames = self.inter_fc(along_frames).reshape(batch, WIDTH, frames, CHANNELS).permute(0, 2, 1, 3)
        x = x + self.inter_ln(along_frames)
        return x.permute(0, 3, 1, 2), state
