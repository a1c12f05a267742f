"""GTCRN with seeded random weights and statistics, the official one where it is at hand, and spectra to feed them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from stapes.models.gtcrn import Gtcrn

SHARED = Path(__file__).parents[4] / "shared" / "data" / "gtcrn"
OFFICIAL = SHARED / "model_trained_on_dns3.tar"
GOLDEN = SHARED / "golden_gtcrn_e96.npz"
needs_official = pytest.mark.skipif(
    not OFFICIAL.is_file(), reason="the official GTCRN files are not beside the checkout"
)


def random_gtcrn(seed: int = 0) -> Gtcrn:
    """Every number of it random, running statistics and slopes included, at about the scale that training gives."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Gtcrn().eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if "bn" in name and value.is_floating_point():
                low, high = (0.4, 2.0) if name.endswith(("running_var", ".weight")) else (-0.3, 0.3)
                value.uniform_(low, high, generator=generator)
            elif "act.weight" in name:
                value.uniform_(-0.3, 1.2, generator=generator)
            elif "_ln." in name:
                value.add_(torch.empty_like(value).uniform_(-0.5, 0.5, generator=generator))
    return network


def spectra(frames: int, seed: int = 0) -> np.ndarray:
    """(T, 257) complex128 of the size of speech spectra, with a silent frame among them."""
    rng = np.random.default_rng(seed)
    out = (rng.standard_normal((frames, 257)) + 1j * rng.standard_normal((frames, 257))) * rng.exponential(
        2.0, (frames, 1)
    )
    out[frames // 2] = 0
    return out
