"""Any recording to 16 kHz mono, without its leading and trailing silence and at a known level."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from ...models.sound_files import LOWEST_RATE

Audio = NDArray[np.float32]

RATE = 16000
FRAME = 320  # 20 ms
LEVEL_DB = -26.0
_PEAK = 0.98
_FADE = 160  # 10 ms
_MARGIN = 800  # 50 ms
_SILENCE_DB = -38.0
_ACTIVE_DB = -30.0
_CLIPPED_SHARE = 0.005
_CLIPPED_CREST_DB = 8.0
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".g722", ".raw"})


class Unfit(Exception):
    """A recording that is no clean target: narrowband, clipped, silent, too short or unreadable."""


def read_native(path: Path) -> tuple[Audio, int, int]:
    """Read a recording at its own rate.

    Returns:
        samples (S,) float32 of all channels' mean, rate in Hz, number of channels.

    Raises:
        Unfit: the file cannot be decoded or holds no sample.
    """
    try:
        if path.suffix == ".g722":
            return _read_g722(path), RATE, 1
        if path.suffix == ".raw":
            x, rate = soundfile.read(
                path, dtype="float32", always_2d=True, samplerate=RATE, channels=1, format="RAW", subtype="PCM_16"
            )
        else:
            x, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, av.FFmpegError, ValueError) as error:
        raise Unfit(f"cannot be decoded: {error}") from error
    if len(x) == 0 or not np.isfinite(x).all():
        raise Unfit("holds no sample")
    if rate < LOWEST_RATE:
        raise Unfit(f"says {rate} samples a second")
    return x.mean(axis=1, dtype=np.float32), rate, x.shape[1]


def _read_g722(path: Path) -> Audio:
    with av.open(str(path), format="g722") as container:
        blocks = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    if not blocks:
        raise Unfit("holds no sample")
    return np.concatenate(blocks).astype(np.float32) / np.float32(32768)


def to_rate(x: Audio, rate: int) -> Audio:
    """Resample (S,) float32 from `rate` to 16 kHz."""
    return x if rate == RATE else soxr.resample(x, rate, RATE, quality="HQ").astype(np.float32)


def frame_levels_db(x: Audio) -> NDArray[np.float64]:
    """Return the level of every whole 20 ms frame of (S,), dB re full scale."""
    frames = x[: len(x) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64)
    result: np.ndarray = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    return result


def active_level_db(x: Audio) -> float:
    """Return the RMS of the frames that lie within 30 dB of the loudest, dB re full scale."""
    levels = frame_levels_db(x)
    active = levels[levels > levels.max() + _ACTIVE_DB]
    return float(10 * np.log10(np.mean(10 ** (active / 10))))


def trim(x: Audio) -> Audio:
    """Cut silence (38 dB under the loudest frame) off both ends, keep 50 ms of it, fade 10 ms in and out.

    Raises:
        Unfit: nothing longer than 0.1 s stays.
    """
    if len(x) < 5 * FRAME:
        raise Unfit("is shorter than 0.1 s")
    levels = frame_levels_db(x)
    if levels.max() < -70:
        raise Unfit("is silent")
    loud = np.flatnonzero(levels > levels.max() + _SILENCE_DB)
    x = x[max(loud[0] * FRAME - _MARGIN, 0) : (loud[-1] + 1) * FRAME + _MARGIN]
    return fade(x)


def fade(x: Audio) -> Audio:
    """Return a copy of (S,) with 10 ms raised-cosine fades at both ends."""
    ramp = (0.5 - 0.5 * np.cos(np.pi * (np.arange(_FADE) + 0.5) / _FADE)).astype(np.float32)
    x = x.copy()
    x[:_FADE] *= ramp[: len(x)]
    x[-_FADE:] *= ramp[::-1][-len(x) :]
    return x


def at_level(x: Audio, level_db: float, target_db: float = LEVEL_DB) -> Audio:
    """Scale (S,) from `level_db` to `target_db`, but never above a peak of 0.98."""
    gain = 10 ** ((target_db - level_db) / 20)
    return (x * min(gain, _PEAK / max(float(np.abs(x).max()), 1e-9))).astype(np.float32)


def is_clipped(x: Audio) -> bool:
    """Tell whether (S,) was clipped, also where a lossy codec rounded the flat tops off afterwards.

    Clipped: over 0.5 % of the samples stand within 3 % of the peak, or the peak lies less than 8 dB over the RMS of
    the samples above a twentieth of it (unclipped voices measure 9 to 13 dB). No fixed full scale is assumed:
    decoders of lossy formats overshoot it.
    """
    magnitude = np.abs(x.astype(np.float64))
    peak = magnitude.max()
    if peak == 0 or np.mean(magnitude > 0.97 * peak) > _CLIPPED_SHARE:
        return bool(peak > 0)
    rms = np.sqrt(np.mean(magnitude[magnitude > 0.05 * peak] ** 2))
    return bool(20 * np.log10(peak / rms) < _CLIPPED_CREST_DB)


def read_speech(path: Path) -> tuple[Audio, str]:
    """Read a clean-speech recording.

    Returns:
        (S,) float32 at 16 kHz, trimmed, at -26 dBFS active RMS; and the recording's native format ("44100x2").

    Raises:
        Unfit: under 16 kHz, clipped, silent, too short or unreadable.
    """
    x, rate, channels = read_native(path)
    if rate < RATE:
        raise Unfit(f"is narrowband ({rate} Hz)")
    if is_clipped(x):
        raise Unfit("is clipped")
    x = trim(to_rate(x, rate))
    return at_level(x, active_level_db(x)), f"{rate}x{channels}"


def read_noise(path: Path) -> Audio:
    """Read a noise recording: (S,) float32 at 16 kHz, at -26 dBFS RMS or a peak of 0.98, whichever is lower.

    Raises:
        Unfit: silent, too short or unreadable.
    """
    x, rate, _ = read_native(path)
    x = trim(to_rate(x, rate))
    return at_level(x, float(10 * np.log10(np.mean(x.astype(np.float64) ** 2))))
