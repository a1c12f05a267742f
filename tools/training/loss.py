"""Resynthesis of a crop through the mask, and what it is judged by.

B crops, t frames, K bins, S samples; float32.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ...models.audio import SoundPath
from .loudness import Disturbance
from .pool import Batch
from .recipe import Loss

_LEAST_MAGNITUDE = 1e-4
_STRETCH = 24


class Resynthesis(nn.Module):
    """The synthesis of the pipeline, differentiable."""

    analysis_window: Tensor
    synthesis_window: Tensor

    def __init__(self, sound_path: SoundPath) -> None:
        super().__init__()
        self.filter, self.transform = sound_path.filter, sound_path.transform
        analysis, synthesis = (torch.from_numpy(window).float() for window in sound_path.transform.windows())
        self.register_buffer("analysis_window", analysis)
        self.register_buffer("synthesis_window", synthesis)

    def forward(self, batch: Batch, mask: Tensor) -> Tensor:
        """`mask` (B, t, mask_size) -> output (B, (t - 1) * hop), aligned with `batch.clean`."""
        f = self.transform
        frames = torch.fft.irfft(self.spectrum(batch) * self._factor(batch, mask), f.analysis)
        frames = frames[..., -f.synthesis :] * self.synthesis_window
        return (frames[:, 1:, : f.hop] + frames[:, :-1, f.hop :]).flatten(1)

    def spectrum(self, batch: Batch) -> Tensor:
        """Noisy spectra (B, t, K) complex, unnormalised."""
        f = self.transform
        return torch.fft.rfft(batch.noisy.unfold(1, f.analysis, f.hop) * self.analysis_window)

    def _factor(self, batch: Batch, mask: Tensor) -> Tensor:
        return self.filter.in_training(mask, batch.gain)


class SpeechLoss(nn.Module):
    """Weighted sum of the terms that the recipe asks for; all but the last are independent of the level.

    complex, magnitude: mean square distance of compressed spectra (Braun and Tashev, A consolidated view of loss functions
    for supervised deep learning-based speech enhancement, 2021); suppression: the part of the magnitude distance by which
    the output is too small; si_sdr in dB, to be maximised (Le Roux et al., SDR - half-baked or well done?, 2019);
    intelligibility: one less the correlation of third-octave envelopes, see `envelope_correlation`;
    loudness: what an ear hears too much and too little of, see `loudness.Disturbance`;
    multi_scale: L1 of the waveform and of magnitudes and their logarithms at three resolutions.
    """

    bands: Tensor

    def __init__(self, weights: Loss) -> None:
        super().__init__()
        self.weights = weights
        self.register_buffer("bands", _third_octaves())
        self.disturbance = Disturbance()

    def forward(self, output: Tensor, clean: Tensor, noisy: Tensor) -> tuple[Tensor, dict[str, float]]:
        """`output`, `clean` (B, S), `noisy` (B, any) -> loss and its terms before weighting."""
        w = self.weights
        # A crop may lie in a pause: then the level is that of the noise.
        level = torch.maximum(_rms(clean), 0.3 * _rms(noisy)).clamp(min=1e-6)
        output_1, clean_1 = output / level, clean / level
        terms = self._compressed_terms(output_1, clean_1)
        terms["si_sdr_db"] = self._si_sdr_db(output_1, clean_1)
        if w.intelligibility_weight:
            terms["intelligibility"] = 1.0 - envelope_correlation(output_1, clean_1, self.bands)
        if w.loudness_weight:
            terms["loudness"] = self.disturbance(output_1, clean_1)
        if w.multi_scale_weight:
            terms["multi_scale"] = multi_scale(output, clean)
        weights = {"si_sdr_db": -w.si_sdr_weight}
        weighted = [weights.get(name, getattr(w, f"{name}_weight", 0.0)) * term for name, term in terms.items()]
        return torch.stack(weighted).sum(), {name: float(term.detach()) for name, term in terms.items()}

    def _compressed_terms(self, output: Tensor, clean: Tensor) -> dict[str, Tensor]:
        """Means over the transforms."""
        sums = {name: output.new_zeros(()) for name in ("complex", "magnitude", "suppression")}
        for fft in self.weights.transforms:
            estimate, target = self._compressed(output, fft), self._compressed(clean, fft)
            distance = estimate.abs() - target.abs()
            sums["complex"] = sums["complex"] + (estimate - target).abs().square().mean()
            sums["magnitude"] = sums["magnitude"] + distance.square().mean()
            if self.weights.suppression_weight:
                sums["suppression"] = sums["suppression"] + torch.relu(-distance).square().mean()
        return {name: value / len(self.weights.transforms) for name, value in sums.items()}

    def _compressed(self, audio: Tensor, fft: int) -> Tensor:
        spectrum = _spectrum(audio, fft)
        # The power is cut off from below by a smooth floor: the root has no gradient at zero.
        magnitude = (spectrum.real.square() + spectrum.imag.square() + _LEAST_MAGNITUDE**2).sqrt()
        return spectrum * magnitude.pow(self.weights.compression - 1.0)

    def _si_sdr_db(self, output: Tensor, clean: Tensor) -> Tensor:
        """Mean over the crops that hold speech, saturating at the limit."""
        speech = _rms(clean).squeeze(1) > 0.01
        if not bool(speech.any()):
            return output.sum() * 0.0
        output, clean = output[speech], clean[speech]
        energy = clean.square().sum(1, keepdim=True)
        target = (output * clean).sum(1, keepdim=True) / energy * clean
        signal = target.square().sum(1)
        error = (output - target).square().sum(1)
        limit = 10.0 ** (-self.weights.si_sdr_limit_db / 10.0)
        ratio = (signal + 1e-6 * energy.squeeze(1)) / (error + limit * signal + 1e-6 * energy.squeeze(1))
        return 10.0 / math.log(10.0) * ratio.log().mean()


def envelope_correlation(output: Tensor, clean: Tensor, bands: Tensor) -> Tensor:
    """Mean correlation of the envelopes of `output` and `clean` (B, S) in 15 third-octaves over stretches of 384 ms.

    The measure of Jensen and Taal (An algorithm for predicting the intelligibility of speech masked by modulated noise
    maskers, 2016) on frames of 32 ms; stretches 30 dB or more under the loudest of their crop do not count.
    """
    envelopes = [
        torch.sqrt(_spectrum(audio, 512).abs().square().transpose(1, 2) @ bands.t() + 1e-6) for audio in (output, clean)
    ]
    pieces = [envelope.unfold(1, _STRETCH, _STRETCH // 4) for envelope in envelopes]  # (B, pieces, 15, 24)
    energy = pieces[1].square().sum((2, 3))
    counts = (energy > 1e-3 * energy.amax(1, keepdim=True)).float()
    x, y = (_normalised(_normalised(piece, 3), 2) for piece in pieces)
    return ((x * y).sum((2, 3)) / _STRETCH * counts).sum() / counts.sum()


def _normalised(x: Tensor, dim: int) -> Tensor:
    """Mean 0 and length 1 along one dimension."""
    x = x - x.mean(dim, keepdim=True)
    return x / torch.sqrt(x.square().sum(dim, keepdim=True) + 1e-8)


def _third_octaves() -> Tensor:
    """Which bins of a 512-point transform at 16 kHz belong to which of 15 third-octaves from 150 Hz on, (15, 257)."""
    hertz = torch.linspace(0.0, 8000.0, 257)
    edges = 150.0 * 2.0 ** ((torch.arange(16) - 0.5) / 3.0)
    return ((hertz >= edges[:-1, None]) & (hertz < edges[1:, None])).float()


def multi_scale(output: Tensor, clean: Tensor) -> Tensor:
    """L1 of the waveforms (B, S), and half the mean over three resolutions of the L1 of magnitudes and of their logarithms."""
    total = (output - clean).abs().mean()
    for fft in (128, 256, 512):
        x, y = (_spectrum(audio, fft).abs() for audio in (output, clean))
        logarithms = (x.clamp(min=1e-5).log() - y.clamp(min=1e-5).log()).abs().mean()
        total = total + 0.5 / 3.0 * ((x - y).abs().mean() + logarithms)
    return total


def _spectrum(audio: Tensor, fft: int) -> Tensor:
    """(B, S) -> (B, bins, frames), half overlapping."""
    return torch.stft(audio, fft, fft // 2, window=torch.hann_window(fft, device=audio.device), return_complex=True)


def _rms(audio: Tensor) -> Tensor:
    """(B, S) -> (B, 1)"""
    return audio.square().mean(1, keepdim=True).sqrt()
