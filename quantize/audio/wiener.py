"""Constants of the stage `wiener`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from ...models.audio.transform import Transform
from ...models.audio.wiener import CLEAR_RUN_FRAMES, HOLD_SMOOTHING, SIGNAL_SMOOTHING, Wiener
from ...models.errors import StapesError
from ..arithmetic import INT32_MAX
from .c_struct import Int32, Int64, UInt16, UInt32, UInt64
from .rounding import rounded
from .transform import LONGEST_ANALYSIS
from .transform_formats import window_power_log2

LARGEST_STARTUP = 4096
LARGEST_GAMMA_MAX = 64.0
LARGEST_VAD_THRESHOLD = 2.0**20
# No SNR that the powers' formats hold is as many octaves.
_OUT_OF_REACH_OCTAVES = 64.0


@dataclass(frozen=True)
class Params:
    """Constants of the rule in fixed point.

    A frame whose powers sum to less than `silent_sum_q40` is silent; `startup_mean_q31` is 2^31 / startup_frames; `prior_weight_q31`
    is xi_smoothing, the weight of the present frame is the rest of 1; `vad_threshold_sum_q24` is vad_threshold times the number of
    bins; the signal moves by the difference >> signal_shift. `clear_octaves_q16` is log2 of the SNR from which speech begins to be
    clear, out of reach without a clear_snr_db; 2^(15 - clear_run_shift) frames of unbroken speech leave the clarity alone, twice as many end it.
    """

    c_name: ClassVar[str] = "stapes_wiener_params"

    bins: Int32
    noise_floor_q40: UInt64
    silent_sum_q40: UInt64
    startup_frames: Int32
    startup_mean_q31: UInt32
    startup_gain2_q30: Int32
    startup_gain_q15: UInt16
    gamma_max_q24: Int32
    xi_min_q24: Int32
    prior_weight_q31: Int32
    vad_threshold_sum_q24: Int64
    noise_step_q16: Int32
    hold_step_q16: Int32
    vad_hold_frames: Int32
    signal_shift: Int32
    clear_octaves_q16: Int32
    clear_run_shift: Int32


def _check(settings: Wiener, transform: Transform) -> None:
    """Refuse what the fixed-point formats cannot hold."""
    if settings.gamma_max > LARGEST_GAMMA_MAX:
        raise StapesError(f"gamma_max {settings.gamma_max}: the fixed-point path takes at most {LARGEST_GAMMA_MAX:g}")
    # The sum of so many powers has 62 bits.
    most = LARGEST_STARTUP if transform.analysis <= LONGEST_ANALYSIS else LARGEST_STARTUP // 2
    if settings.startup_frames > most:
        raise StapesError(f"startup_frames {settings.startup_frames}: the fixed-point path takes at most {most}")
    require_noise_floor(settings.noise_floor)
    if not 2.0**-20 <= settings.xi_min <= LARGEST_GAMMA_MAX:
        raise StapesError(f"xi_min_db {settings.xi_min_db:g}: the fixed-point path takes -60 to 18")
    if abs(settings.vad_threshold) > LARGEST_VAD_THRESHOLD:
        raise StapesError(
            f"vad_threshold {settings.vad_threshold:g}: the fixed-point path takes at most {LARGEST_VAD_THRESHOLD:g}"
        )


def require_noise_floor(noise_floor: float) -> None:
    """Raise StapesError for a noise floor that the powers cannot hold."""
    if noise_floor > 1.0 or rounded(noise_floor * 2.0**40) < 16:
        raise StapesError(f"noise_floor {noise_floor:g}: the fixed-point path takes 2^-36 to 1")


def params(settings: Wiener, transform: Transform) -> Params:
    """Raises StapesError for settings that the fixed-point formats cannot hold."""
    _check(settings, transform)
    bins = transform.bins
    noise_floor_q40 = rounded(settings.noise_floor * window_power_log2(transform)[1] * 2.0**40)
    startup_gain2 = settings.xi_smoothing / (1.0 + settings.xi_smoothing)
    return Params(
        bins=bins,
        noise_floor_q40=noise_floor_q40,
        silent_sum_q40=noise_floor_q40 * bins,
        startup_frames=settings.startup_frames,
        startup_mean_q31=rounded(2.0**31 / settings.startup_frames),
        startup_gain2_q30=rounded(startup_gain2 * 2.0**30),
        startup_gain_q15=rounded(math.sqrt(startup_gain2) * 2.0**15),
        gamma_max_q24=rounded(settings.gamma_max * 2.0**24),
        xi_min_q24=rounded(settings.xi_min * 2.0**24),
        prior_weight_q31=min(rounded(settings.xi_smoothing * 2.0**31), INT32_MAX),
        vad_threshold_sum_q24=rounded(settings.vad_threshold * bins * 2.0**24),
        noise_step_q16=rounded((1.0 - settings.noise_smoothing) * 2.0**16),
        hold_step_q16=rounded((1.0 - HOLD_SMOOTHING) * 2.0**16),
        vad_hold_frames=settings.vad_hold_frames,
        signal_shift=rounded(-math.log2(SIGNAL_SMOOTHING)),
        clear_octaves_q16=rounded(min(settings.clear_snr_octaves, _OUT_OF_REACH_OCTAVES) * 2.0**16),
        clear_run_shift=15 - rounded(math.log2(CLEAR_RUN_FRAMES)),
    )
