"""The Wiener gain of the device in float: a priori SNR by the decision-directed rule, noise gated by a likelihood-ratio VAD.

Scalart and Filho, Speech enhancement based on a priori signal to noise estimation, 1996; the decision statistic is that of
Sohn, Kim and Sung, A statistical model-based voice activity detection, 1999. Floors and the causal start-up are a device's
own: without them digital silence drives the noise estimate to zero and the gain to one for ever.
B utterances, F bins.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .frontend import FrontEnd

# While the VAD has said "speech" for longer than any speech lasts, the noise follows slowly: about 256 frames.
HOLD_SMOOTHING = 1.0 - 2.0**-8
# The level of the signal follows within about a second; its SNR counts as clear gradually, over two octaves of power.
SIGNAL_SMOOTHING = 2.0**-8
CLARITY_OCTAVES = 2.0
# A noise that has begun in mid-stream passes for speech: after one second without a pause the clarity fades, after two it is gone.
CLEAR_RUN_FRAMES = 256


class WienerFrame(NamedTuple):
    """What one frame gave; arrays (B, F) float64 unless said otherwise."""

    power: np.ndarray
    """|X|^2 / sum(window^2)"""
    gamma: np.ndarray
    """a posteriori SNR, at most gamma_max; 0 in start-up"""
    xi: np.ndarray
    """a priori SNR, at least xi_min; xi_smoothing in start-up"""
    gain: np.ndarray
    """sqrt(xi / (1 + xi))"""
    statistic: np.ndarray
    """mean log-likelihood ratio (B,); 0 in start-up"""
    speech: np.ndarray
    """bool (B,); False in start-up"""
    silent: np.ndarray
    """bool (B,): mean power under the noise floor"""
    clarity: np.ndarray
    """(B,) in [0, 1]: how far the SNR of the last second is above `clear_snr_db`; 0 in start-up and where speech does not pause"""


class WienerFilter:
    """State machine of the gain for B utterances that started together; each counts its own start-up and holds.

    State: `noise` (B, F) is lambda, `prior` (B, F) is G^2 * gamma of the frame before, `signal` (B,) the running sum of the
    powers of a frame, 0 before the first that is not silent; `startup_count` and `hold_count` (B,).
    """

    def __init__(self, frontend: FrontEnd, batch: int) -> None:
        self.frontend = frontend
        self.batch = batch
        self.window_power = frontend.window_power
        self.reset()

    def reset(self) -> None:
        """Forget the noise: the next frames are a start-up."""
        shape = (self.batch, self.frontend.bins)
        self.noise = np.full(shape, self.frontend.noise_floor)
        self.power_sum = np.zeros(shape)
        self.prior = np.zeros(shape)
        self.signal = np.zeros(self.batch)
        self.first = np.zeros(self.batch, dtype=bool)
        self.startup_count = np.zeros(self.batch, dtype=np.int64)
        self.hold_count = np.zeros(self.batch, dtype=np.int64)

    def step(self, spectrum: np.ndarray) -> WienerFrame:
        """One frame: `spectrum` (B, F) complex, unnormalised -> its gain; the noise is updated after the frame's own gain."""
        f = self.frontend
        power = (spectrum.real**2 + spectrum.imag**2) / self.window_power
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
        return WienerFrame(power, gamma, xi, np.sqrt(gain2), statistic, speech, silent, clarity)

    def _clarity(self, total: np.ndarray, silent: np.ndarray, starting: np.ndarray) -> np.ndarray:
        """Move the signal by the frame's `total` power (B,); its SNR over the noise that made the frame's gain -> (B,) in [0, 1]."""
        moved = np.where(self.signal > 0, self.signal + (total - self.signal) * SIGNAL_SMOOTHING, total)
        self.signal = np.where(silent, self.signal, moved)
        if self.frontend.clear_snr_db is None:
            return np.zeros(self.batch)
        octaves = np.log2(np.where(starting, 1.0, self.signal) / np.where(starting, 1.0, self.noise.sum(axis=1)))
        above = (octaves - self.frontend.clear_snr_octaves) / CLARITY_OCTAVES
        clarity = np.clip(np.minimum(above, 2.0 - self.hold_count / CLEAR_RUN_FRAMES), 0.0, 1.0)
        return np.where(starting, 0.0, clarity)

    def _track_noise(self, power: np.ndarray, speech: np.ndarray, active: np.ndarray) -> None:
        """After start-up: follow noise frames at mu; follow speech slowly once the VAD has been stuck on it."""
        f = self.frontend
        self.hold_count = np.where(speech, self.hold_count + 1, 0)
        stuck = self.hold_count > f.vad_hold_frames
        smoothing = np.where(speech, HOLD_SMOOTHING, f.noise_smoothing)[:, None]
        updated = np.maximum(smoothing * self.noise + (1.0 - smoothing) * power, f.noise_floor)
        update = active & (~speech | stuck)
        self.noise = np.where(update[:, None], updated, self.noise)

    def _start_up(self, power: np.ndarray, counted: np.ndarray) -> None:
        """In start-up: sum the frames that are not silent; their mean is the first noise estimate."""
        f = self.frontend
        self.power_sum = np.where(counted[:, None], self.power_sum + power, self.power_sum)
        self.startup_count = self.startup_count + counted
        done = counted & (self.startup_count == f.startup_frames)
        estimate = np.maximum(self.power_sum / f.startup_frames, f.noise_floor)
        self.noise = np.where(done[:, None], estimate, self.noise)
        self.first = self.first | done
