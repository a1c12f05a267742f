"""GTCRN as a whole, for whole sequences and frame by frame. B utterances, T frames, K = 257 bins.

A frame's features are magnitude, real part and imaginary part of its spectrum, 3 K in a row; its mask is the real part and the
imaginary part of a complex factor for every bin, 2 K in a row.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..audio import SoundPath, from_front_end
from ..audio.complex import MAGNITUDE_FLOOR
from .blocks import ATTENTION_HIDDEN, CHANNELS, WIDTH, ConvBlock, DualPathGru, GTConvBlock, neighbours
from .erb import BINS, N_FFT, Erb

DILATIONS = (1, 2, 5)
# Where a dilation's 2 d frames of past lie among the 16 of `GtcrnStates.conv`.
PAST = {1: slice(0, 2), 2: slice(2, 6), 5: slice(6, 16)}
PAST_FRAMES = 16


class GtcrnStates(NamedTuple):
    """What the network remembers between frames, in the layout of the official streaming model.

    conv (2, B, 16, 16, 33): encoder and decoder, channel, frames of past, bin; tra (2, 3, 1, B, 16): encoder and decoder, block in
    order of execution; inter (2, 1, B * 33, 16): the two dual-path networks.
    """

    conv: Tensor
    tra: Tensor
    inter: Tensor

    @classmethod
    def zeros(cls, batch: int, like: Tensor) -> GtcrnStates:
        """The states of a stream that begins, with dtype and device of `like`."""
        return cls(
            like.new_zeros(2, batch, CHANNELS, PAST_FRAMES, WIDTH),
            like.new_zeros(2, len(DILATIONS), 1, batch, ATTENTION_HIDDEN),
            like.new_zeros(2, 1, batch * WIDTH, CHANNELS),
        )


class Encoder(nn.Module):
    """Two convolutions that halve the bins, then three blocks with 2, 4 and 10 frames of past."""

    def __init__(self) -> None:
        super().__init__()
        self.en_convs = nn.ModuleList(
            [
                ConvBlock(9, CHANNELS, groups=1, decoder=False),
                ConvBlock(CHANNELS, CHANNELS, groups=2, decoder=False),
                *(GTConvBlock(dilation, decoder=False) for dilation in DILATIONS),
            ]
        )

    def forward(self, x: Tensor, conv: Tensor, tra: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """`x` (B, 9, T, 129), one half each of the states -> outputs of the five blocks, and the states."""
        outputs: list[Tensor] = []
        for block in self.en_convs[:2]:
            outputs.append(block(outputs[-1] if outputs else x))
        pasts, hiddens = [], []
        for dilation, block, hidden in zip(DILATIONS, self.en_convs[2:], tra, strict=True):
            x, past, hidden = block(outputs[-1], conv[:, :, PAST[dilation]], hidden)
            outputs.append(x)
            pasts.append(past)
            hiddens.append(hidden)
        return outputs, torch.cat(pasts, dim=2), torch.stack(hiddens)


class Decoder(nn.Module):
    """The encoder backwards; each block sees what went before plus what the encoder's block of the same size made."""

    def __init__(self) -> None:
        super().__init__()
        self.de_convs = nn.ModuleList(
            [
                *(GTConvBlock(dilation, decoder=True) for dilation in reversed(DILATIONS)),
                ConvBlock(CHANNELS, CHANNELS, groups=2, decoder=True),
                ConvBlock(CHANNELS, 2, groups=1, decoder=True, last=True),
            ]
        )

    def forward(self, x: Tensor, skips: list[Tensor], conv: Tensor, tra: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """`x` (B, 16, T, 33), the encoder's five outputs -> (B, 2, T, 129) in [-1, 1], and the states."""
        pasts, hiddens = [], []
        blocks = zip(DILATIONS[::-1], self.de_convs[:3], skips[:1:-1], tra, strict=True)
        for dilation, block, skip, hidden in blocks:
            x, past, hidden = block(x + skip, conv[:, :, PAST[dilation]], hidden)
            pasts.append(past)
            hiddens.append(hidden)
        for block, skip in zip(self.de_convs[3:], skips[1::-1], strict=True):
            x = block(x + skip)
        return x, torch.cat(pasts[::-1], dim=2), torch.stack(hiddens)


def features_of(real: Tensor, imaginary: Tensor) -> Tensor:
    """Parts of spectra (..., K) -> what the network takes, (..., 3 K); as `models.audio.complex.complex_features`."""
    return torch.cat([torch.sqrt(real**2 + imaginary**2 + MAGNITUDE_FLOOR), real, imaginary], dim=-1)


class Gtcrn(nn.Module):
    """The official network; `forward` maps features to masks, `enhance` spectra to spectra."""

    bins = BINS
    feature_size = 3 * BINS
    mask_size = 2 * BINS

    def __init__(self) -> None:
        super().__init__()
        self.erb = Erb()
        self.encoder = Encoder()
        self.dpgrnn1 = DualPathGru()
        self.dpgrnn2 = DualPathGru()
        self.decoder = Decoder()

    @staticmethod
    def sound_path() -> SoundPath:
        """The path that the network was trained in: frames of 32 ms every 16 ms, no Wiener filter."""
        return from_front_end({"analysis": N_FFT, "synthesis": N_FFT, "hop": N_FFT // 2, "features": "complex"})

    def forward(self, features: Tensor, states: GtcrnStates | None = None) -> tuple[Tensor, GtcrnStates]:
        """`features` (B, T, 3 K) float32, `states` or None for zeros -> mask (B, T, 2 K) and states."""
        batch, frames, _ = features.shape
        conv, tra, inter = GtcrnStates.zeros(batch, features) if states is None else states
        x = features.reshape(batch, frames, 3, BINS).transpose(1, 2)
        x = neighbours(self.erb.compress(x))
        skips, encoder_conv, encoder_tra = self.encoder(x, conv[0], tra[0])
        x, inter_1 = self.dpgrnn1(skips[-1], inter[0])
        x, inter_2 = self.dpgrnn2(x, inter[1])
        x, decoder_conv, decoder_tra = self.decoder(x, skips, conv[1], tra[1])
        mask = self.erb.expand(x).transpose(1, 2).reshape(batch, frames, 2 * BINS)
        states = GtcrnStates(
            torch.stack([encoder_conv, decoder_conv]),
            torch.stack([encoder_tra, decoder_tra]),
            torch.stack([inter_1, inter_2]),
        )
        return mask, states

    def enhance(self, spectrum: Tensor, states: GtcrnStates | None = None) -> tuple[Tensor, GtcrnStates]:
        """`spectrum` (B, K, T, 2), real and imaginary part, as the official model takes it -> the same, and states."""
        real, imaginary = (part.transpose(1, 2) for part in spectrum.unbind(dim=-1))  # (B, T, K)
        mask, states = self(features_of(real, imaginary), states)
        mask_real, mask_imaginary = mask.chunk(2, dim=-1)
        enhanced = torch.stack(
            [real * mask_real - imaginary * mask_imaginary, imaginary * mask_real + real * mask_imaginary], dim=-1
        )
        return enhanced.transpose(1, 2), states
