"""The bank of GTCRN: low bins as they are, high bins through triangles equally spaced on the ERB scale.

F linear bins, E bins on the ERB axis, ... any leading axes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

SAMPLE_RATE, N_FFT = 16000, 512
LINEAR_BINS, BANDS = 65, 64
BINS = N_FFT // 2 + 1
ERB_BINS = LINEAR_BINS + BANDS
_TINY = 1e-12


def band_edges() -> np.ndarray:
    """The bins (64,) at which a band begins, peaks and ends, equally spaced on the ERB scale of Glasberg and Moore (1990)."""
    low_hz, high_hz = LINEAR_BINS / N_FFT * SAMPLE_RATE, SAMPLE_RATE / 2
    low, high = (21.4 * np.log10(0.00437 * hz + 1.0) for hz in (low_hz, high_hz))
    hz = (10.0 ** (np.linspace(low, high, BANDS) / 21.4) - 1.0) / 0.00437
    return np.round(hz / SAMPLE_RATE * N_FFT).astype(np.int64)


def erb_matrix() -> np.ndarray:
    """Triangles (64, 192) float32 from bins 65 to 256 to bands; every column sums to 1."""
    edges = band_edges()
    matrix = np.zeros((BANDS, BINS))
    for band in range(BANDS - 1):
        if band > 0:
            rising = np.arange(edges[band - 1], edges[band])
            matrix[band, rising] = (rising - edges[band - 1] + _TINY) / (edges[band] - edges[band - 1] + _TINY)
        falling = np.arange(edges[band], edges[band + 1])
        matrix[band, falling] = (edges[band + 1] - falling + _TINY) / (edges[band + 1] - edges[band] + _TINY)
    last = slice(edges[BANDS - 2], edges[BANDS - 1] + 1)
    matrix[BANDS - 1, last] = 1.0 - matrix[BANDS - 2, last]
    return np.abs(matrix[:, LINEAR_BINS:]).astype(np.float32)


class Erb(nn.Module):
    """The bank and its transpose; both are frozen, and stand in every checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        matrix = torch.from_numpy(erb_matrix())
        self.erb_fc = nn.Linear(BINS - LINEAR_BINS, BANDS, bias=False)
        self.ierb_fc = nn.Linear(BANDS, BINS - LINEAR_BINS, bias=False)
        self.erb_fc.weight = nn.Parameter(matrix.clone(), requires_grad=False)
        self.ierb_fc.weight = nn.Parameter(matrix.T.clone(), requires_grad=False)

    def compress(self, x: Tensor) -> Tensor:
        """(..., 257) -> (..., 129)."""
        return torch.cat([x[..., :LINEAR_BINS], self.erb_fc(x[..., LINEAR_BINS:])], dim=-1)

    def expand(self, x: Tensor) -> Tensor:
        """(..., 129) -> (..., 257)."""
        return torch.cat([x[..., :LINEAR_BINS], self.ierb_fc(x[..., LINEAR_BINS:])], dim=-1)
