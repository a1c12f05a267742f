"""Speech in noise of any length from the shipped clips, none of which calibration or training has seen; and controls that somebody plays with."""

from __future__ import annotations

import numpy as np

from ...models.audio import SoundPath
from ...models.audio.transform import SAMPLE_RATE
from ...models.sound_files import float_to_q15, read_audio
from ...quantize.audio.controls import limits, places, rest_words
from ..audio import CLIPS

SNR_DB = (-5.0, 20.0)
LEVEL_DBFS = (-46.0, -16.0)
PAUSE_SECONDS = (0.2, 1.5)
# Every so often a stretch of digital silence, as of a muted input.
SILENCE_EVERY, SILENCE_SECONDS = 12, 0.5


def speech_in_noise(seconds: float, seed: int = 0) -> np.ndarray:
    """(S,) int16: speech clips with pauses in noise that changes with each, in SNR and level too; 16 kHz."""
    rng = np.random.default_rng(seed)
    speech = [read_audio(path) for path in sorted(CLIPS.glob("speech_*.flac"))]
    noises = [read_audio(path) for path in sorted(CLIPS.glob("noise_*.flac"))]
    wanted = round(seconds * SAMPLE_RATE)
    pieces: list[np.ndarray] = []
    length = 0
    while length < wanted:
        pause = np.zeros(round(rng.uniform(*PAUSE_SECONDS) * SAMPLE_RATE))
        voice = np.concatenate([pause, speech[rng.integers(len(speech))]])
        noise = np.resize(np.roll(noises[rng.integers(len(noises))], rng.integers(SAMPLE_RATE)), len(voice))
        mixture = _mix(voice, noise, rng.uniform(*SNR_DB), rng.uniform(*LEVEL_DBFS))
        if len(pieces) % SILENCE_EVERY == SILENCE_EVERY - 1:
            mixture = np.concatenate([mixture, np.zeros(round(SILENCE_SECONDS * SAMPLE_RATE))])
        pieces.append(mixture)
        length += len(mixture)
    return float_to_q15(np.concatenate(pieces)[:wanted])


def random_controls(sound_path: SoundPath, blocks: int, seed: int = 0, share: float = 0.08) -> np.ndarray:
    """int32 (blocks, W): each control jumps in that share of the blocks, to its limits and back to rest more often than elsewhere.

    The words of a control, such as the bands of an equaliser, jump together, each to a value of its own.
    """
    rng = np.random.default_rng(seed)
    rest = rest_words(sound_path)
    track = np.tile(rest, (blocks, 1))
    for place in places(sound_path):
        low, high = limits(place.control)
        for start in np.flatnonzero(rng.random(blocks) < share):
            for word in range(place.words.start, place.words.stop):
                track[start:, word] = rng.choice([low, high, rest[word], rng.integers(low, high + 1)])
    return track


def _mix(voice: np.ndarray, noise: np.ndarray, snr_db: float, level_dbfs: float) -> np.ndarray:
    """Noise at `snr_db` below the voice's power, the sum at `level_dbfs` RMS; peaks that do not fit are clipped later."""
    noise = noise * np.sqrt(np.mean(voice**2) / np.mean(noise**2) * 10 ** (-snr_db / 10))
    mixture = voice + noise
    result: np.ndarray = mixture * 10 ** (level_dbfs / 20) / np.sqrt(np.mean(mixture**2))
    return result
