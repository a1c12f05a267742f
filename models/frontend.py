"""The constants of the audio path around the network: one dataclass, stored wherever a network is stored."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import StapesError
from .schema import STRICT, validated

SAMPLE_RATE = 16000
# With the first three the network's mask is a gain after the Wiener gain; with the last it is complex, and there is no Wiener filter.
FEATURES = ("magnitude", "log", "compressed", "complex")
MASK_ON = ("wiener", "noisy")
# 256 ms: far beyond what can be heard at once with what is seen, and small enough that a damaged file cannot ask for all memory.
LONGEST_ANALYSIS = 4096


@dataclass(frozen=True)
class FrontEnd:
    """Frame, hop, Wiener constants and feature kind; times in samples or frames, `_db` in decibel of power (xi) or amplitude (mask).

    `noise_smoothing` is mu, `xi_smoothing` a and `vad_threshold` eta of the decision-directed rule; `noise_floor` is a power
    per bin, |X|^2 / sum(window^2), of audio in [-1, 1). `mask_on` names the spectrum that the features describe and the mask
    multiplies: the output of the Wiener filter, or the noisy one, where the Wiener gain is but an input. From `clear_snr_db` over
    the last second on, and in full two octaves above it, the Wiener gain is a floor under the mask. Raises StapesError when a value cannot work.
    """

    sample_rate: int = SAMPLE_RATE
    analysis: int = 128
    synthesis: int = 128
    hop: int = 64
    noise_smoothing: float = 0.98
    xi_smoothing: float = 0.98
    vad_threshold: float = 0.15
    xi_min_db: float = -25.0
    gamma_max: float = 40.0
    noise_floor: float = 2.0**-30
    startup_frames: int = 29
    vad_hold_frames: int = 750
    features: str = "magnitude"
    gain_input: bool = False
    mask_floor_db: float | None = None
    mask_on: str = "wiener"
    clear_snr_db: float | None = None

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if self.sample_rate != SAMPLE_RATE:
            raise StapesError(
                f"sample_rate {self.sample_rate}: only {SAMPLE_RATE} Hz is supported; retrain at that rate"
            )
        if self.synthesis != 2 * self.hop or self.hop < 2:
            raise StapesError(
                f"hop {self.hop} with synthesis {self.synthesis}: the hop must be half of the synthesis window, such as 64 and 128"
            )
        if self.analysis > LONGEST_ANALYSIS:
            raise StapesError(f"analysis {self.analysis}: give a power of two, {LONGEST_ANALYSIS} at most")
        if self.analysis < self.synthesis or self.analysis & (self.analysis - 1):
            raise StapesError(
                f"analysis {self.analysis}: give a power of two that is not shorter than synthesis ({self.synthesis})"
            )
        if self.features not in FEATURES:
            raise StapesError(f"features '{self.features}': unknown; give one of {', '.join(FEATURES)}")
        if self.complex_mask and (self.gain_input or self.mask_floor_db is not None):
            raise StapesError(
                "front end: complex features have neither a Wiener gain nor a mask floor; leave gain_input and mask_floor_db out"
            )
        if self.mask_on not in MASK_ON:
            raise StapesError(f"mask_on '{self.mask_on}': unknown; give one of {', '.join(MASK_ON)}")
        if not (
            0 < self.noise_smoothing < 1 and 0 < self.xi_smoothing < 1 and self.noise_floor > 0 and self.gamma_max > 1
        ):
            raise StapesError(
                "front end: noise_smoothing and xi_smoothing lie in (0, 1), noise_floor > 0, gamma_max > 1"
            )
        if self.startup_frames < 1 or self.vad_hold_frames < 1:
            raise StapesError("front end: startup_frames and vad_hold_frames are at least 1")
        if self.mask_floor_db is not None and not self.mask_floor_db < 0:
            raise StapesError(f"mask_floor_db {self.mask_floor_db}: give a negative number of dB, or leave it out")
        if self.clear_snr_db is not None and (self.complex_mask or self.mask_on != "noisy"):
            raise StapesError(
                'clear_snr_db: the Wiener gain is a floor only under a real mask on the noisy spectrum; set mask_on = "noisy", or leave it out'
            )
        if self.clear_snr_db is not None and not 0 <= self.clear_snr_db <= 60:
            raise StapesError(f"clear_snr_db {self.clear_snr_db}: give 0 to 60 dB, or leave it out")

    @property
    def bins(self) -> int:
        return self.analysis // 2 + 1

    @property
    def complex_mask(self) -> bool:
        """Whether the network sees complex spectra and gives complex factors, with no Wiener filter before it."""
        return self.features == "complex"

    @property
    def feature_size(self) -> int:
        """Values that the network takes a frame; complex: magnitudes, real parts and imaginary parts."""
        return self.bins * (3 if self.complex_mask else 2 if self.gain_input else 1)

    @property
    def mask_size(self) -> int:
        """Values that the network gives a frame; complex: real parts and imaginary parts."""
        return self.bins * (2 if self.complex_mask else 1)

    @property
    def latency(self) -> int:
        """Algorithmic latency in samples: the synthesis window, of which one hop is buffering."""
        return self.synthesis

    @property
    def delay(self) -> int:
        """Samples by which the output stream lags the input stream."""
        return self.synthesis - self.hop

    @property
    def xi_min(self) -> float:
        return 10.0 ** (self.xi_min_db / 10.0)

    @property
    def clear_snr_octaves(self) -> float:
        """`clear_snr_db` in octaves of power; infinite without one."""
        return math.inf if self.clear_snr_db is None else self.clear_snr_db / (10.0 * math.log10(2.0))

    @property
    def mask_floor(self) -> float:
        """Smallest effective mask, an amplitude factor; 0 without a floor."""
        return 0.0 if self.mask_floor_db is None else 10.0 ** (self.mask_floor_db / 20.0)

    def floor_under_mask(self, gain: np.ndarray, clarity: np.ndarray) -> np.ndarray:
        """What the mask does not go below, of the shape of the Wiener gain (..., F), from `WienerFrame.clarity` (...)."""
        return np.maximum(self.mask_floor, clarity[..., None] * gain)

    def under_mask(self, gain: np.ndarray) -> np.ndarray:
        """The gain that the mask multiplies, of the shape of the Wiener gain: that gain, or ones."""
        return gain if self.mask_on == "wiener" else np.ones_like(gain)

    @property
    def window_power(self) -> float:
        """sum(analysis window^2): `analysis / 2` for the symmetric pair."""
        return math.fsum(value * value for value in self.windows()[0].tolist())

    def windows(self) -> tuple[np.ndarray, np.ndarray]:
        """Analysis `(analysis,)` and synthesis `(synthesis,)` window, float64.

        Their product over the last `synthesis` samples of the frame is the periodic Hann window, so overlap-add at half of
        it is exact. Equal lengths: periodic sqrt-Hann. Otherwise a long rising and a short falling flank
        (Mauler and Martin, A low delay, variable resolution, perfect reconstruction spectral analysis-synthesis system, 2007).
        """
        rising = self.analysis - self.hop
        analysis = np.concatenate(
            [np.sin(np.pi * np.arange(rising) / (2 * rising)), np.cos(np.pi * np.arange(self.hop) / (2 * self.hop))]
        )
        if self.analysis == self.synthesis:
            return analysis, analysis.copy()
        hann = np.sin(np.pi * np.arange(self.synthesis) / self.synthesis) ** 2
        return analysis, hann / analysis[-self.synthesis :]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FrontEnd:
        """Inverse of `to_dict`; absent fields take their default. Raises StapesError for an unknown one and for a wrong type."""
        return validated(cls, values, "front end", "correct it and write the file again")
