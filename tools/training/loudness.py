"""How much louder and how much softer an ear finds the output than the speech, band by band.

B crops, S samples, t frames, Z bands; float32. The model is that of ITU-T P.862 and P.862.2 (PESQ, wide band) without its
search for delays, with the critical bands of Schroeder, Atal and Hall (Optimizing digital speech coders by exploiting
masking properties of the human ear, 1979) and the threshold in quiet of Terhardt (Calculating virtual pitch, 1979).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...models.audio.transform import SAMPLE_RATE

_FFT = 512
_BANDS = 49
_LISTENING_DB = 79.0
_SPLIT_SECOND = 20
_POWER_LAW = 0.23


class Disturbance(nn.Module):
    """0.1 of the symmetric and 0.0309 of the asymmetric disturbance: what P.862 takes from a score of 4.5."""

    bands: Tensor
    aligned: Tensor
    threshold: Tensor
    exponent: Tensor

    def __init__(self) -> None:
        super().__init__()
        hertz = torch.linspace(0.0, SAMPLE_RATE / 2, _FFT // 2 + 1, dtype=torch.float64)
        bark = 7.0 * torch.asinh(hertz / 650.0)
        edges = torch.linspace(0.0, float(bark[-1]), _BANDS + 1, dtype=torch.float64)
        self.width = float(edges[1])
        centre_bark = (edges[1:] + edges[:-1]) / 2
        self.register_buffer("bands", (_response(hertz) * _shares(bark, edges)).float())
        self.register_buffer("aligned", ((hertz >= 325) & (hertz <= 3250)).float())
        threshold_db = _threshold_db(650.0 * torch.sinh(centre_bark / 7.0)).clamp(max=70.0)
        self.register_buffer("threshold", (10.0 ** (threshold_db / 10.0)).float())
        self.register_buffer("exponent", (_POWER_LAW * (6.0 / (centre_bark + 2.0)).clamp(1.0, 2.0) ** 0.15).float())

    def forward(self, output: Tensor, clean: Tensor) -> Tensor:
        """`output`, `clean` (B, S) -> mean over the crops that hold speech; 0 where none does."""
        powers, speech_power = self._powers(output), self._powers(clean)
        speech = speech_power.sum((1, 2)) > 0.0
        heard, reference = self._aligned(powers[speech]), self._aligned(speech_power[speech])
        if not len(heard):
            return output.sum() * 0.0
        return self._of_bands(heard @ self.bands, reference @ self.bands).mean()

    def _powers(self, audio: Tensor) -> Tensor:
        """(B, S) -> (B, t, bins)"""
        window = torch.hann_window(_FFT, device=audio.device)
        spectrum = torch.stft(audio, _FFT, _FFT // 2, window=window, center=False, return_complex=True)
        return (spectrum.real.square() + spectrum.imag.square()).transpose(1, 2)

    def _aligned(self, power: Tensor) -> Tensor:
        """Scaled so that the speech band's mean power is the listening level in sound pressure."""
        level = (power @ self.aligned).mean(1)[:, None, None]
        return power * (10.0 ** (_LISTENING_DB / 10.0) / (level + 1e-9))

    def _of_bands(self, heard: Tensor, reference: Tensor) -> Tensor:
        """Powers (B, t, Z) -> (B,)"""
        audible = self._audible(reference, 100.0)
        speaks = (audible > 1e-3 * audible.amax(1, keepdim=True)).float()[..., None]
        ratio = ((heard * speaks).mean(1) + 1e3) / ((reference * speaks).mean(1) + 1e3)
        reference = reference * ratio.clamp(0.01, 100.0)[:, None]
        gain = (self._audible(reference, 1.0) + 5e3) / (self._audible(heard, 1.0) + 5e3)
        gain = torch.cat([gain[:, :1], 0.8 * gain[:, 1:] + 0.2 * gain[:, :-1]], 1)
        heard = heard * gain.clamp(3e-4, 5.0)[..., None]
        loud, should = self._loudness(heard), self._loudness(reference)
        difference = loud - should
        difference = difference.sign() * torch.relu(difference.abs() - 0.25 * torch.minimum(loud, should))
        added = ((heard + 50.0) / (reference + 50.0)) ** 1.2
        added = torch.where(added < 3.0, added.new_zeros(()), added.clamp(max=12.0))
        bark = self.width * _BANDS
        symmetric = bark * ((difference.square().mean(2) + 1e-8).sqrt())
        asymmetric = bark * (difference.abs() * added).mean(2)
        weight = ((self._audible(reference, 1.0) + 1e5) / 1e7) ** 0.04
        return 0.1 * _over_time(symmetric / weight) + 0.0309 * _over_time(asymmetric / weight)

    def _audible(self, power: Tensor, factor: float) -> Tensor:
        """(B, t, Z) -> (B, t): the sum over the bands above so many times the threshold."""
        return (power * (power > factor * self.threshold)).sum(2)

    def _loudness(self, power: Tensor) -> Tensor:
        """Zwicker's law, in sone a Bark."""
        over = (0.5 + 0.5 * power / self.threshold).clamp(min=1.0)
        return 0.187 * (2.0 * self.threshold) ** self.exponent * (over**self.exponent - 1.0)


def _over_time(disturbance: Tensor) -> Tensor:
    """(B, t) -> (B,): the sixth power's mean over a third of a second, then the mean square of those, half overlapping."""
    pieces = disturbance.clamp(max=45.0).unfold(1, min(_SPLIT_SECOND, disturbance.shape[1]), _SPLIT_SECOND // 2)
    return ((pieces + 1e-6).pow(6).mean(2).pow(1 / 3).mean(1)).sqrt()


def _response(hertz: Tensor) -> Tensor:
    """(bins, 1) power response of the wide-band input filter of P.862.2, a high pass at 100 Hz."""
    z = torch.exp(-2j * math.pi * hertz / SAMPLE_RATE)
    response = 2.740826 * (1 - 2 * z + z**2) / (1 - 1.9444777 * z + 0.94597794 * z**2)
    return response.abs().square()[:, None]


def _shares(bark: Tensor, edges: Tensor) -> Tensor:
    """(bins, Z): the share of each bin's width that lies in each band."""
    half = torch.diff(bark, prepend=-bark[1:2]) / 2
    low, high = bark - half, bark + torch.cat([half[1:], half[-1:]])
    overlap = torch.minimum(high[:, None], edges[1:]) - torch.maximum(low[:, None], edges[:-1])
    return overlap.clamp(min=0.0) / (high - low)[:, None]


def _threshold_db(hertz: Tensor) -> Tensor:
    """Threshold in quiet in dB of sound pressure."""
    k = hertz.clamp(min=20.0) / 1000.0
    return 3.64 * k**-0.8 - 6.5 * torch.exp(-0.6 * (k - 3.3) ** 2) + 1e-3 * k**4
