"""The Wiener gain in integers; twin of `stapes_wiener.c`, float reference in `models/audio/wiener.py`.

B utterances, F bins. Powers are uint64, everything else int64 that holds the C's 32-bit values.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from ...quantize.audio.wiener import Params
from .scalar import isqrt, log2_q16, normalise, octaves_q16, ratio, round_right
from .twin import IntegerStage, Values

ONE_Q24 = 1 << 24
LN2_Q31 = round(math.log(2.0) * 2.0**31)


class Twin(IntegerStage):
    """Gain of B utterances; each counts its own start-up and holds.

    State: noise_q40 (B, F), in start-up the sum of the powers; prior_q24 (B, F), G^2 * gamma of the frame before;
    signal_q40 (B,), the running sum of the powers of a frame; startup_left and speech_run (B,).
    Of the last frame: gain2_q30, gain_q15 (B, F); silent, speech (B,) bool; score_q24 (B,), the VAD statistic times F;
    clarity_q15 (B,).
    """

    work: ClassVar = {
        "start_up": "noise estimate",
        "mean_of_startup": "noise estimate",
        "track_noise": "noise estimate",
        "stapes_wiener": "gain",
        "decision_directed": "gain",
    }
    params: Params

    def reset(self) -> None:
        """Forget the noise: the next frames are a start-up."""
        shape = (self.batch, self.params.bins)
        self.noise_q40 = np.zeros(shape, np.uint64)
        # A prior of 1 is what the rule takes in its first frame.
        self.prior_q24 = np.full(shape, ONE_Q24, np.int64)
        self.signal_q40 = np.zeros(self.batch, np.int64)
        self.startup_left = np.full(self.batch, self.params.startup_frames, np.int64)
        self.speech_run = np.zeros(self.batch, np.int64)
        self.gain2_q30 = np.full(shape, self.params.startup_gain2_q30, np.int64)
        self.gain_q15 = np.full(shape, self.params.startup_gain_q15, np.int64)
        self.score_q24 = np.zeros(self.batch, np.int64)
        self.clarity_q15 = np.zeros(self.batch, np.int64)
        self.silent = self.speech = np.zeros(self.batch, bool)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """power_q40 (B, F) -> gain2_q30, gain_q15 (B, F), speech, silent, clarity_q15 (B,); then the noise moves."""
        self._frame(values["power_q40"])
        names = (
            "noise_q40",
            "prior_q24",
            "gain2_q30",
            "gain_q15",
            "score_q24",
            "signal_q40",
            "clarity_q15",
            "silent",
            "speech",
        )
        return {name: getattr(self, name) for name in names}

    def _frame(self, power_q40: np.ndarray) -> None:
        """The gain of a frame, then the noise."""
        starting = self.startup_left > 0
        self._track_signal(power_q40.sum(axis=1))
        if starting.any():
            self._start_up(power_q40, starting)
        if not starting.all():
            self.clarity_q15 = np.where(starting, 0, self._clarity_q15())
            self._decision_directed(power_q40, starting)
            self._track_noise(power_q40, ~starting & ~self.silent)

    def _track_signal(self, sum_q40: np.ndarray) -> None:
        """Silence is a frame whose powers `sum_q40` (B,) uint64 are below the noise floor; any other moves the signal, the first sets it."""
        self.silent = sum_q40 < self.params.silent_sum_q40
        present = sum_q40.astype(np.int64)
        moved = self.signal_q40 + round_right(present - self.signal_q40, self.params.signal_shift)
        self.signal_q40 = np.where(self.silent, self.signal_q40, np.where(self.signal_q40 > 0, moved, present))

    def _clarity_q15(self) -> np.ndarray:
        """How far the signal is above the noise, 0 at clear_octaves, one less a last bit two octaves above; fading where speech does not pause."""
        above_q16 = _octaves_q16(self.signal_q40.astype(np.uint64)) - _octaves_q16(self.noise_q40.sum(axis=1))
        p = self.params
        left_q15 = ((2**16 >> p.clear_run_shift) - self.speech_run) << p.clear_run_shift
        return np.clip(np.minimum((above_q16 - p.clear_octaves_q16) >> 2, left_q15), 0, 2**15 - 1)

    def _start_up(self, power_q40: np.ndarray, starting: np.ndarray) -> None:
        """Sum the frames that are not silent; the mean of them is the first noise estimate."""
        p = self.params
        counted = starting & ~self.silent
        total = self.noise_q40 + np.where(counted[:, None], power_q40, np.uint64(0))
        self.startup_left = self.startup_left - counted
        done = counted & (self.startup_left == 0)
        step = np.uint64(p.startup_mean_q31)
        mean = (((total >> 32) * step) << 1) + (((total & 0xFFFFFFFF) * step) >> 31)
        self.noise_q40 = np.where(done[:, None], np.maximum(mean, np.uint64(p.noise_floor_q40)), total)

    def _decision_directed(self, power_q40: np.ndarray, starting: np.ndarray) -> None:
        """A posteriori and a priori SNR, gain and VAD of the utterances that are past their start-up."""
        p = self.params
        # In start-up the sum may still be 0; what is computed from it is thrown away below.
        noise = normalise(np.maximum(self.noise_q40, np.uint64(1)))
        gamma_q24 = ratio(normalise(power_q40), noise, 24, p.gamma_max_q24)
        present_q24 = np.maximum(gamma_q24 - ONE_Q24, 0)
        weighted = self.prior_q24 * p.prior_weight_q31 + present_q24 * (2**31 - p.prior_weight_q31)
        xi_q24 = np.maximum((weighted + (1 << 30)) >> 31, p.xi_min_q24)
        one_plus_xi = (xi_q24 + ONE_Q24).astype(np.uint64)
        gain2_q30 = ratio(normalise(xi_q24.astype(np.uint64)), normalise(one_plus_xi), 30, 1 << 30)
        prior_q24 = (gain2_q30 * gamma_q24) >> 30
        log2_sum_q16 = (log2_q16(one_plus_xi) - (24 << 16)).sum(axis=1)
        score_q24 = prior_q24.sum(axis=1) - ((log2_sum_q16 * LN2_Q31) >> 23)

        settled = ~starting[:, None]
        self.prior_q24 = np.where(settled, prior_q24, self.prior_q24)
        self.gain2_q30 = np.where(settled, gain2_q30, self.gain2_q30)
        self.gain_q15 = np.where(settled, (isqrt(gain2_q30 << 2) + 1) >> 1, self.gain_q15)
        self.score_q24 = np.where(starting, 0, score_q24)
        self.speech = ~starting & (score_q24 >= p.vad_threshold_sum_q24)

    def _track_noise(self, power_q40: np.ndarray, active: np.ndarray) -> None:
        """Follow the noise in frames without speech, and slowly when the VAD has been stuck on speech."""
        p = self.params
        self.speech_run = np.where(self.speech, np.minimum(self.speech_run + 1, p.vad_hold_frames + 1), 0)
        update = active & (~self.speech | (self.speech_run > p.vad_hold_frames))
        step_q16 = np.where(self.speech, p.hold_step_q16, p.noise_step_q16)[:, None]
        noise = self.noise_q40.astype(np.int64)
        moved = noise + (((power_q40.astype(np.int64) - noise) * step_q16 + (1 << 15)) >> 16)
        floored = np.maximum(moved, p.noise_floor_q40).astype(np.uint64)
        self.noise_q40 = np.where(update[:, None], floored, self.noise_q40)


def _octaves_q16(x: np.ndarray) -> np.ndarray:
    """log2 of a uint64 in Q16; of 0 that of 1."""
    return octaves_q16(*normalise(np.maximum(x, np.uint64(1))))
