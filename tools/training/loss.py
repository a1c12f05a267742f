"""Resynthesis of a crop through the mask, and what it is judged by.

B crops, t frames, K bins, S samples; float32.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from models.frontend import FrontEnd
from tools.training.pool import Batch
from tools.training.recipe import Loss

_LEAST_MAGNITUDE = 1e-4


class Resynthesis(nn.Module):
    """The synthesis of the pipeline, differentiable."""

    def __init__(self, frontend: FrontEnd) -> None:
        super().__init__()
        self.frontend = frontend
        self.analysis_window, self.synthesis_window = (torch.from_numpy(w).float() for w in frontend.windows())

    def forward(self, batch: Batch, mask: Tensor) -> Tensor:
        """`mask` (B, t, K) -> output (B, (t - 1) * hop), aligned with `batch.clean`."""
        f = self.frontend
        spectrum = torch.fft.rfft(batch.noisy.unfold(1, f.analysis, f.hop) * self.analysis_window)
        # Straight through: a mask under its floor must still learn to rise.
        floored = mask + (mask.clamp(min=f.mask_floor) - mask).detach()
        frames = torch.fft.irfft(spectrum * (batch.gain * floored), f.analysis)
        frames = frames[..., -f.synthesis :] * self.synthesis_window
        return (frames[:, 1:, : f.hop] + frames[:, :-1, f.hop :]).flatten(1)


class SpeechLoss(nn.Module):
    """Compressed complex and magnitude distance, and SI-SDR; the first two independent of the level.

    Compression as in Braun and Tashev, A consolidated view of loss functions for supervised deep learning-based
    speech enhancement, 2021; SI-SDR as in Le Roux et al., SDR - half-baked or well done?, 2019.
    """

    def __init__(self, weights: Loss) -> None:
        super().__init__()
        self.weights = weights
        self.window = torch.hann_window(weights.fft)

    def forward(self, output: Tensor, clean: Tensor, noisy: Tensor) -> tuple[Tensor, dict[str, float]]:
        """`output`, `clean` (B, S), `noisy` (B, any) -> loss and its terms before weighting."""
        w = self.weights
        # A crop may lie in a pause: then the level is that of the noise.
        level = torch.maximum(_rms(clean), 0.3 * _rms(noisy)).clamp(min=1e-6)
        estimate, target = self._compressed(output / level), self._compressed(clean / level)
        complex_term = (estimate - target).abs().square().mean()
        magnitude_term = (estimate.abs() - target.abs()).square().mean()
        si_sdr = self._si_sdr_db(output / level, clean / level)
        loss = w.complex_weight * complex_term + w.magnitude_weight * magnitude_term - w.si_sdr_weight * si_sdr
        terms = {"complex": complex_term, "magnitude": magnitude_term, "si_sdr_db": si_sdr}
        return loss, {name: float(term.detach()) for name, term in terms.items()}

    def _compressed(self, audio: Tensor) -> Tensor:
        spectrum = torch.stft(audio, self.weights.fft, self.weights.hop, window=self.window, return_complex=True)
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


def _rms(audio: Tensor) -> Tensor:
    """(B, S) -> (B, 1)"""
    return audio.square().mean(1, keepdim=True).sqrt()
