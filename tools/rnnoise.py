"""RNNoise, for comparison: the same recordings through the published 48 kHz library, in time with their input."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import soxr

from ..models.audio.transform import SAMPLE_RATE
from ..models.errors import StapesError

RATE, FRAME = 48_000, 480
# Two frames: the overlap-add, and the frame that version 0.2 looks ahead.
DELAY = 960
FULL_SCALE = 32768.0


def require() -> None:
    """Raise StapesError when pyrnnoise is not installed."""
    _package()


def rnnoise(noisy: np.ndarray, rate: int = SAMPLE_RATE) -> np.ndarray:
    """RNNoise's output (S,) float32 for a recording (S,) float32 in [-1, 1) at `rate` Hz, its delay removed."""
    package = _package()
    samples = soxr.resample(np.asarray(noisy, np.float32), rate, RATE, quality="VHQ") * np.float32(FULL_SCALE)
    length = len(samples)
    padded = np.pad(samples, (0, DELAY + -length % FRAME)).astype(np.float32)
    pointer = ctypes.POINTER(ctypes.c_float)
    state = package.create()
    try:
        # The library's own call, because the package's rounds to 16 bits towards zero.
        for frame in padded.reshape(-1, FRAME):
            at = frame.ctypes.data_as(pointer)
            package.lib.rnnoise_process_frame(state, at, at)
    finally:
        package.destroy(state)
    output = soxr.resample(padded[DELAY : DELAY + length] / np.float32(FULL_SCALE), RATE, rate, quality="VHQ")
    fitted = np.zeros(len(noisy), np.float32)
    fitted[: len(output)] = output[: len(noisy)]
    return fitted


def _package() -> Any:
    try:
        from pyrnnoise import rnnoise as package
    except (ImportError, OSError) as error:
        raise StapesError(f"RNNoise needs the package pyrnnoise ({error}): pip install 'stapes[peers]'") from None
    if package.FRAME_SIZE != FRAME:
        raise StapesError(f"RNNoise: frames of {package.FRAME_SIZE} samples; install pyrnnoise==0.4.5")
    return package
