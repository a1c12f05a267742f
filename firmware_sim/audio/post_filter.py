"""Soft bins made softer; twin of `stapes_post_filter.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.arithmetic import INT32_MAX
from ...quantize.audio.post_filter import Params
from .scalar import multiply_high, normalise, ratio
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """(1 + beta) s / (s + beta) with s = sin(pi g / 2)^2, a series in g^2."""

    work: ClassVar = {"stapes_post_filter": "post filter"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum_q31, filtered (B, F, 2) -> filtered."""
        filtered = np.asarray(values["filtered"], np.int64)
        ratio_q30 = self.ratio_q30(filtered, np.asarray(values["spectrum_q31"], np.int64))
        made = multiply_high(filtered, self.factor_q31(ratio_q30)[..., None]) << 1
        alone = ratio_q30 == 1 << 30
        alone[:, -1] = True
        return {"filtered": np.where(alone[..., None], filtered, made)}

    def ratio_q30(self, filtered: np.ndarray, spectrum_q31: np.ndarray) -> np.ndarray:
        """min(|filtered| / |spectrum|, 1)^2, (B, F); where the spectrum is zero one."""
        made, exponent = normalise(_power(filtered))
        noisy = normalise(_power(spectrum_q31))
        silent = noisy[0] == 0
        known = np.where(silent, np.uint64(1 << 31), noisy[0])
        found = ratio((made, exponent - 2 * self.params.filtered_shift), (known, noisy[1]), 30, 1 << 30)
        return np.where(silent, 1 << 30, found)

    def factor_q31(self, ratio_q30: np.ndarray) -> np.ndarray:
        """What a bin is multiplied by, (B, F)."""
        p = self.params
        ratio_q31 = np.minimum(ratio_q30 << 1, INT32_MAX)
        sum_q28 = np.zeros_like(ratio_q31)
        for term_q28 in p.series_q28.tolist():
            sum_q28 = (multiply_high(sum_q28, ratio_q31) << 1) + term_q28
        square_q28 = multiply_high(sum_q28, ratio_q31) << 1
        above = normalise(square_q28.astype(np.uint64))
        below = normalise((square_q28 + p.beta_q28).astype(np.uint64))
        factor_q30 = ratio(above, below, 30, 1 << 30)
        return np.minimum(multiply_high(factor_q30, p.above_q30) << 3, INT32_MAX)


def _power(spectrum: np.ndarray) -> np.ndarray:
    """|X|^2 of (B, F, 2), uint64 (B, F)."""
    return np.sum((spectrum * spectrum).astype(np.uint64), axis=-1)
