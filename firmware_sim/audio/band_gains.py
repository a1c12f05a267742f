"""One gain of the network a band on the spectrum; twin of `stapes_band_gains.c`.

B utterances, F bins, K bands.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.band_gains import Params
from .scalar import multiply_high
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """Zero below the range of the SNR, the spectrum above it."""

    work: ClassVar = {"stapes_band_gains": "mask"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum_q31 (B, F, 2), gains_q15 (B, K), lsnr_q8 (B, 1) where it is read, absent for gains of one -> filtered (B, F, 2)."""
        p = self.params
        spectrum_q31 = np.asarray(values["spectrum_q31"], np.int64)
        whole = spectrum_q31 << p.filtered_shift
        gains_q15 = values.get("gains_q15")
        if gains_q15 is None:
            return {"filtered": whole}
        ends = p.ends.astype(np.int64)
        gain_q31 = np.repeat(np.asarray(gains_q15, np.int64), np.diff(ends, prepend=p.below), axis=1) << 16
        gain_q31 = np.pad(gain_q31, ((0, 0), (p.below, 0)))
        filtered = multiply_high(spectrum_q31, gain_q31[..., None]) << (1 + p.filtered_shift)
        lsnr_q8 = values.get("lsnr_q8")
        if lsnr_q8 is None:
            return {"filtered": filtered}
        above, below = ((lsnr_q8 > p.lsnr_max_q8)[..., None], (lsnr_q8 < p.lsnr_min_q8)[..., None])
        return {"filtered": np.where(above, whole, np.where(below, 0, filtered))}
