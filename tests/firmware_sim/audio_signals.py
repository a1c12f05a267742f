"""Signals that the audio path must survive: speech and noise, and everything that breaks fixed point."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from tests.helpers import speech_like

AUDIO = Path(__file__).parents[2] / "tools" / "audio"
SPEECH = ("clips/speech_it_1.flac", "clips/speech_ru_2.flac")
NOISY = ("demo/machine_noisy.flac", "demo/water_noisy.flac", "demo/furnace_noisy.flac")


def to_q15(audio: np.ndarray) -> np.ndarray:
    """Float audio in [-1, 1] -> int16."""
    return np.clip(np.round(audio * 2.0**15), -(2**15), 2**15 - 1).astype(np.int16)


def shipped(name: str) -> np.ndarray:
    """A clip of `tools/audio` as int16 (S,)."""
    return soundfile.read(AUDIO / name, dtype="int16")[0]


def extremes(samples: int, seed: int = 0) -> dict[str, np.ndarray]:
    """int16 signals of one length by name."""
    rng = np.random.default_rng(seed)
    time = np.arange(samples)
    speech = to_q15(speech_like(samples / 16000, seed=seed, noise_db=-45.0, level_db=-3.0))
    full = rng.choice(np.array([-(2**15), 2**15 - 1], np.int16), samples)
    silence = np.zeros(samples, np.int16)
    impulse = silence.copy()
    impulse[samples // 3 :: 1000] = -(2**15)
    square = np.where(time // 37 % 2, -(2**15), 2**15 - 1).astype(np.int16)
    gap = speech.copy()
    gap[samples // 3 : 2 * samples // 3] = 0
    clip = shipped(SPEECH[0])[8000 : 8000 + samples]
    return {
        "speech-like": speech,
        "real speech": clip,
        "real speech in noise": shipped(NOISY[0])[:samples],
        "quiet real speech": (clip // 64).astype(np.int16),
        "silence": silence,
        "silence, speech, silence": np.where(time > samples // 2, speech, 0).astype(np.int16),
        "speech with a gap": gap,
        "square": square,
        "Nyquist square": np.where(time % 2, -(2**15), 2**15 - 1).astype(np.int16),
        "white, full scale": rng.integers(-(2**15), 2**15, samples).astype(np.int16),
        "random signs, full scale": full,
        "DC": np.full(samples, -(2**15), np.int16),
        "impulses": impulse,
        "noise at -60 dB": to_q15(1e-3 * rng.standard_normal(samples)),
        "last bit": rng.integers(-1, 2, samples).astype(np.int16),
        "noise, then 60 dB louder": to_q15(np.where(time < samples // 2, 3e-4, 0.3) * rng.standard_normal(samples)),
    }


def pipeline_extremes(samples: int) -> dict[str, np.ndarray]:
    """`extremes` and what the whole pipeline must survive besides, int16 of one length by name."""
    time = np.arange(samples)
    impulse = np.zeros(samples, np.int16)
    impulse[samples // 2] = 32767
    rng = np.random.default_rng(1)
    noise = np.round(32768 * 10**-4.5 * rng.standard_normal(samples)).astype(np.int16)
    return extremes(samples) | {
        "DC, positive": np.full(samples, 32767, np.int16),
        "DC, one step": np.full(samples, 1, np.int16),
        "single impulse": impulse,
        "noise at -90 dB": noise,
        "square of the hop": np.where(time // 64 % 2, -32768, 32767).astype(np.int16),
        "silence, then full scale": np.where(time < samples // 2, 0, rng.integers(-32768, 32768, samples)).astype(
            np.int16
        ),
        "full scale, then silence": np.where(time < samples // 2, rng.integers(-32768, 32768, samples), 0).astype(
            np.int16
        ),
        "sweep": np.round(32767 * np.sin(np.pi * time**2 / samples / 2)).astype(np.int16),
    }
