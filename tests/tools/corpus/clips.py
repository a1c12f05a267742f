"""The short recordings that come along, by name, and the ratio of a pair."""

from __future__ import annotations

import numpy as np
import soundfile
from stapes.tools.audio import CLIPS

VOICES = ("it_1", "it_2", "it_3", "ru_1", "ru_2", "ru_3")


def read(name: str) -> np.ndarray:
    return soundfile.read(CLIPS / f"{name}.flac", dtype="float32")[0]


def ratio_db(noisy: np.ndarray, clean: np.ndarray) -> float:
    clean64, noise = clean.astype(np.float64), noisy.astype(np.float64) - clean
    return float(10 * np.log10(np.sum(clean64**2) / np.sum(noise**2)))
