"""The lowest bins of the spectrum over the running mean of their magnitudes, in Q20; twin of `stapes_unit_spectrum.c`.

B utterances, F bins, K of them taken.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.arithmetic import INT32_MAX
from ...quantize.audio.unit_spectrum import Params
from .running_mean import move
from .scalar import exp2_q20, isqrt, isqrt_64, normalise, round_right
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """State: unit_mean_q31 (B, K)."""

    work: ClassVar = {"stapes_unit_spectrum": "features"}
    params: Params

    def reset(self) -> None:
        """The means back to their start."""
        self.mean_q31 = np.tile(self.params.start_q31.astype(np.int64), (self.batch, 1))

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum_q31 (B, F, 2), exponent (B,); loud_q16, sound_begins (B,) where they are read -> feat_spec_q20 (B, 2 K), real, then
        imaginary parts.
        """
        p = self.params
        spectrum, exponent = values["spectrum_q31"][:, : p.bins], values["exponent"]
        power = (spectrum[..., 0] ** 2 + spectrum[..., 1] ** 2).astype(np.uint64)
        # log2 of the factor of the features: half of the level in amplitude.
        factor_q16 = -values["loud_q16"] >> 2 if p.level else np.zeros(self.batch, np.int64)
        if p.level:
            start_q31 = round_right(p.start_q31 * exp2_q20(-2 * factor_q16)[:, None], 20)
            self.mean_q31 = np.where(values["sound_begins"][:, None], np.maximum(start_q31, 1), self.mean_q31)
        magnitude_q31 = round_right(isqrt_64(power) * p.length_q30, 29 + exponent[:, None])
        moved_q31 = move(self.mean_q31, np.minimum(magnitude_q31, INT32_MAX), p.rate_q31)
        self.mean_q31 = np.maximum(moved_q31, 1)
        scale_q28 = (p.scale_q28 * exp2_q20(factor_q16 & 0xFFFF)) >> 20
        weight, mean_exponent = self._over_mean(scale_q28[:, None])
        shift = (38 + exponent - (factor_q16 >> 16))[:, None] + mean_exponent
        features_q20 = round_right(spectrum * weight[..., None], shift[..., None])
        return {
            "unit_mean_q31": self.mean_q31,
            "feat_spec_q20": np.concatenate([features_q20[..., 0], features_q20[..., 1]], axis=1),
        }

    def _over_mean(self, scale_q28: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scale over the mean, or over its root: weight * 2^-mean_exponent, with 11 bits and those of the mean's format besides."""
        mantissa, exponent = normalise(self.mean_q31.astype(np.uint64))
        if self.params.root:
            odd = exponent & 1
            divisor = isqrt(mantissa >> odd.astype(np.uint64))
            exponent = (exponent + odd) >> 1
        else:
            divisor = ((mantissa >> 16) + ((mantissa >> 15) & 1)).astype(np.int64)
        return (0xFFFFFFFF // divisor * scale_q28) >> 17, exponent
