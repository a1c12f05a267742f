"""What several tests need: networks with seeded random weights, and speech-like signals made by formula."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from stapes.models.audio import SoundPath, from_front_end
from stapes.models.audio.inverse import Inverse
from stapes.models.audio.log_magnitude import LogMagnitude
from stapes.models.audio.mask import Mask
from stapes.models.audio.transform import Transform
from stapes.models.checkpoint import save
from stapes.models.gru_mask import GruMask

OWN_CONFIG = {
    "n_fft": 128,
    "hidden_dim": 128,
    "num_layers": 2,
    "dropout": 0.0,
    "features": "log",
    "gain_input": True,
    "mask_floor_db": -20.0,
    "narrow_dim": 64,
    "fc_dim": 0,
    "analysis": 128,
    "synthesis": 128,
}
PUBLISHED_CONFIG = {"n_fft": 128, "hidden_dim": 128, "num_layers": 2, "dropout": 0.2}


def sound_path_of(**fields) -> SoundPath:
    """The path of a flat table with these keys, others at their defaults."""
    return from_front_end(fields)


def spectral_path(analysis: int, window: str, **features) -> SoundPath:
    """Log magnitudes of frames of half overlap, and a real mask on the noisy spectrum; `features` are settings of the former."""
    transform = Transform(16000, analysis, analysis, analysis // 2, window)
    return SoundPath((transform, LogMagnitude(**features), Mask(on="alone"), Inverse()))


def random_network(config: dict | None = None, seed: int = 0) -> GruMask:
    """A GRU mask with seeded random weights; without a config the published network."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return GruMask(PUBLISHED_CONFIG if config is None else config).eval()


def published_checkpoint(path: Path, seed: int = 0) -> Path:
    """Write a checkpoint in the published format, with the published sizes and seeded random weights."""
    torch.save(
        {
            "model_state_dict": random_network(seed=seed).state_dict(),
            "model_config": dict(PUBLISHED_CONFIG),
            "frame_samples": 128,
            "sample_rate": 16000,
            "hop_samples": 64,
        },
        path,
    )
    return path


def small_checkpoint(path: Path, seed: int = 0) -> Path:
    """Write a checkpoint of 8 units and seeded random weights, that of the least work with an audio path."""
    network = random_network(OWN_CONFIG | {"hidden_dim": 8, "num_layers": 1, "narrow_dim": 8}, seed)
    save(path, network, network.config.sound_path())
    return path


def count_few_hops(patch: pytest.MonkeyPatch) -> None:
    """Let reports of the device run forty hops and count three, so that they take a second."""
    from stapes.firmware_sim.cortex_m7.measure import measure
    from stapes.tools import device_report

    patch.setattr(device_report, "SECONDS", 0.16)
    patch.setattr(device_report, "HOPS_AT_FULL_SCALE", 4)
    patch.setattr(device_report, "measure", partial(measure, counted_hops=3))


def speech_like(seconds: float, seed: int = 0, noise_db: float = -40.0, level_db: float = -10.0) -> np.ndarray:
    """Bursts of a gliding harmonic tone over white noise: (S,) float64, 16 kHz, peak at `level_db` dBFS."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * 16000)) / 16000
    pitch = 120 + 40 * np.sin(2 * np.pi * 0.7 * time + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    voice = sum(np.sin(k * phase + rng.uniform(0, 6)) / k for k in range(1, 25))
    syllables = np.clip(np.sin(2 * np.pi * 2.3 * time + rng.uniform(0, 6)) + 0.2, 0, 1) * (time > 0.3)
    audio = voice * syllables
    audio *= 10 ** (level_db / 20) / max(np.abs(audio).max(), 1e-9)
    return audio + 10 ** (noise_db / 20) * rng.standard_normal(len(time))
