"""Stage `wiener`: a priori SNR by the decision-directed rule, noise gated by a likelihood-ratio VAD, and the gain of both.

Scalart and Filho, Speech enhancement based on a priori signal to noise estimation, 1996; the decision statistic is that of
Sohn, Kim and Sung, A statistical model-based voice activity detection, 1999. Floors and the causal start-up are a device's
own: without them digital silence drives the noise estimate to zero and the gain to one for ever.
B utterances, F bins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .stage import FloatStage, Quantity, Stage, Values
from .transform import Transform

# While the VAD has said "speech" for longer than any speech lasts, the noise follows slowly: about 256 frames.
HOLD_SMOOTHING = 1.0 - 2.0**-8
# The level of the signal follows within about a second; its SNR counts as clear gradually, over two octaves of power.
SIGNAL_SMOOTHING = 2.0**-8
CLARITY_OCTAVES = 2.0
# A noise that has begun in mid-stream passes for speech: after one second without a pause the clarity fades, after two it is gone.
CLEAR_RUN_FRAMES = 256
NOISE_FLOOR = 2.0**-30
# Beyond what any format holds, and far from where floats end.
LARGEST_DB = 1000.0


@dataclass(frozen=True)
class Wiener(Stage):
    """Constants of the rule; times in frames, `_db` in decibel of power.

    `noise_smoothing` is mu, `xi_smoothing` a and `vad_threshold` eta of the decision-directed rule; `noise_floor` is a power
    per bin, |X|^2 / sum(window^2), of audio in [-1, 1). From `clear_snr_db` over the last second on, and in full two octaves above it,
    speech counts as clear: a filter behind the network may then keep to the gain. Raises StapesError when a value cannot work.
    """

    kind: ClassVar[str] = "wiener"
    traced: ClassVar[tuple[str, ...]] = ("noise_q40", "gain_q15", "speech")

    noise_smoothing: float = 0.98
    xi_smoothing: float = 0.98
    vad_threshold: float = 0.15
    xi_min_db: float = -25.0
    gamma_max: float = 40.0
    noise_floor: float = NOISE_FLOOR
    startup_frames: int = 29
    vad_hold_frames: int = 750
    clear_snr_db: float | None = None

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if not (
            0 < self.noise_smoothing < 1 and 0 < self.xi_smoothing < 1 and self.noise_floor > 0 and self.gamma_max > 1
        ):
            raise StapesError("wiener: noise_smoothing and xi_smoothing lie in (0, 1), noise_floor > 0, gamma_max > 1")
        if abs(self.xi_min_db) > LARGEST_DB:
            raise StapesError(f"xi_min_db {self.xi_min_db:g}: give at most {LARGEST_DB:g} dB, either way")
        if self.startup_frames < 1 or self.vad_hold_frames < 1:
            raise StapesError("wiener: startup_frames and vad_hold_frames are at least 1")
        if self.clear_snr_db is not None and not 0 <= self.clear_snr_db <= 60:
            raise StapesError(f"clear_snr_db {self.clear_snr_db}: give 0 to 60 dB, or leave it out")

    @property
    def reads(self) -> tuple[str, ...]:
        return ("power_q40",)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return (
            Quantity(
                "noise_q40",
                "uint64",
                ("F",),
                "lambda * 2^40; in start-up the sum of P",
                "2^62; at least noise_floor",
                "state",
            ),
            Quantity("gamma_q24", "int32", (), "min(P / lambda, gamma_max) * 2^24", "64 * 2^24", "inside"),
            Quantity("xi_q24", "int32", (), "max(xi, xi_min) * 2^24", "64 * 2^24", "inside"),
            Quantity("gain2_q30", "int32", ("F",), "xi / (1 + xi) * 2^30", "2^30"),
            Quantity("gain_q15", "uint16", ("F",), "sqrt(xi / (1 + xi)) * 2^15", "2^15"),
            Quantity("prior_q24", "int32", ("F",), "gain^2 * gamma * 2^24", "64 * 2^24", "state"),
            Quantity("score_q24", "int64", (), "VAD statistic * F * 2^24", "F * 64 * 2^24", "state"),
            Quantity("speech", "bool", (), "the VAD's decision", "0 or 1"),
            Quantity("silent", "bool", (), "mean of P under noise_floor", "0 or 1"),
            Quantity("signal_q40", "uint64", (), "running mean of the sum of P * 2^40", "F * 2^50", "state"),
            Quantity("clarity_q15", "int32", (), "octaves of SNR above clear_snr / 2 * 2^15", "0 .. 32767"),
        )

    @property
    def xi_min(self) -> float:
        result: float = 10.0 ** (self.xi_min_db / 10.0)
        return result

    @property
    def clear_snr_octaves(self) -> float:
        """`clear_snr_db` in octaves of power; infinite without one."""
        return math.inf if self.clear_snr_db is None else self.clear_snr_db / (10.0 * math.log10(2.0))

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return WienerFilter(self, transform.bins, batch)


class WienerFilter(FloatStage):
    """State machine of the gain for B utterances that started together; each counts its own start-up and holds.

    State: `noise` (B, F) is lambda, `prior` (B, F) is G^2 * gamma of the frame before, `signal` (B,) the running sum of the
    powers of a frame, 0 before the first that is not silent; `startup_count` and `hold_count` (B,).
    """

    takes = ("power",)

    def __init__(self, settings: Wiener, bins: int, batch: int) -> None:
        self.settings = settings
        self.batch = batch
        shape = (batch, bins)
        self.noise = np.full(shape, settings.noise_floor)
        self.power_sum = np.zeros(shape)
        self.prior = np.zeros(shape)
        self.signal = np.zeros(batch)
        self.first = np.zeros(batch, dtype=bool)
        self.startup_count = np.zeros(batch, dtype=np.int64)
        self.hold_count = np.zeros(batch, dtype=np.int64)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """power (B, F) -> gain, gain2 its square (B, F); clarity in [0, 1], speech, silent (B,). The noise moves after the frame's own gain."""
        f = self.settings
        power = values["power"]
        silent = power.mean(axis=1) < f.noise_floor
        starting = self.startup_count < f.startup_frames

        gamma = np.minimum(power / self.noise, f.gamma_max)
        instantaneous = (1.0 - f.xi_smoothing) * np.maximum(gamma - 1.0, 0.0)
        smoothed = np.where(self.first[:, None], f.xi_smoothing, f.xi_smoothing * self.prior)
        xi = np.maximum(smoothed + instantaneous, f.xi_min)
        xi = np.where(starting[:, None], f.xi_smoothing, xi)
        gamma = np.where(starting[:, None], 0.0, gamma)
        gain2 = xi / (1.0 + xi)
        statistic = np.where(starting, 0.0, (gain2 * gamma - np.log1p(xi)).mean(axis=1))
        speech = ~starting & (statistic >= f.vad_threshold)

        clarity = self._clarity(power.sum(axis=1), silent, starting)
        self.prior = gain2 * gamma
        self.first = np.zeros(self.batch, dtype=bool)
        self._track_noise(power, speech, ~silent & ~starting)
        self._start_up(power, ~silent & starting)
        return {"gain": np.sqrt(gain2), "gain2": gain2, "clarity": clarity, "speech": speech, "silent": silent}

    def _clarity(self, total: np.ndarray, silent: np.ndarray, starting: np.ndarray) -> np.ndarray:
        """Move the signal by the frame's `total` power (B,); its SNR over the noise that made the frame's gain -> (B,) in [0, 1]."""
        moved = np.where(self.signal > 0, self.signal + (total - self.signal) * SIGNAL_SMOOTHING, total)
        self.signal = np.where(silent, self.signal, moved)
        if self.settings.clear_snr_db is None:
            return np.zeros(self.batch)
        octaves = np.log2(np.where(starting, 1.0, self.signal) / np.where(starting, 1.0, self.noise.sum(axis=1)))
        above = (octaves - self.settings.clear_snr_octaves) / CLARITY_OCTAVES
        clarity = np.clip(np.minimum(above, 2.0 - self.hold_count / CLEAR_RUN_FRAMES), 0.0, 1.0)
        return np.where(starting, 0.0, clarity)

    def _track_noise(self, power: np.ndarray, speech: np.ndarray, active: np.ndarray) -> None:
        """After start-up: follow noise frames at mu; follow speech slowly once the VAD has been stuck on it."""
        f = self.settings
        self.hold_count = np.where(speech, self.hold_count + 1, 0)
        stuck = self.hold_count > f.vad_hold_frames
        smoothing = np.where(speech, HOLD_SMOOTHING, f.noise_smoothing)[:, None]
        updated = np.maximum(smoothing * self.noise + (1.0 - smoothing) * power, f.noise_floor)
        update = active & (~speech | stuck)
        self.noise = np.where(update[:, None], updated, self.noise)

    def _start_up(self, power: np.ndarray, counted: np.ndarray) -> None:
        """In start-up: sum the frames that are not silent; their mean is the first noise estimate."""
        f = self.settings
        self.power_sum = np.where(counted[:, None], self.power_sum + power, self.power_sum)
        self.startup_count = self.startup_count + counted
        done = counted & (self.startup_count == f.startup_frames)
        estimate = np.maximum(self.power_sum / f.startup_frames, f.noise_floor)
        self.noise = np.where(done[:, None], estimate, self.noise)
        self.first = self.first | done
