"""Complex filters of the network over the known frames; twin of `stapes_deep_filter.c`.

B utterances, F bins, K bins of the filter, O taps.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.arithmetic import INT32_MAX
from ...quantize.audio.deep_filter import Params
from .scalar import round_right
from .twin import IntegerStage, Values

FRACTION_BITS = 20


class Twin(IntegerStage):
    """Sums in 64 bits, rounded and saturated once; nothing out of the range of the SNR."""

    work: ClassVar = {"stapes_deep_filter": "deep filter"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """taps_q31 (B, O, K, 2), coefs_q20 (B, K * O * 2), lsnr_q8 (B, 1) where it is read, filtered (B, F, 2) -> filtered."""
        p, filtered = self.params, np.asarray(values["filtered"], np.int64)
        if values.get("coefs_q20") is None:
            return {"filtered": filtered}
        coefs = np.asarray(values["coefs_q20"], np.int64).reshape(self.batch, p.bins, p.order, 2)
        real, imag = np.moveaxis(np.asarray(values["taps_q31"], np.int64).swapaxes(1, 2), -1, 0)
        sums = np.stack(
            [
                np.sum(real * coefs[..., 0] - imag * coefs[..., 1], axis=2),
                np.sum(real * coefs[..., 1] + imag * coefs[..., 0], axis=2),
            ],
            axis=2,
        )
        low = np.clip(round_right(sums, FRACTION_BITS), -INT32_MAX, INT32_MAX)
        lsnr_q8 = values.get("lsnr_q8")
        if lsnr_q8 is not None:
            works = (lsnr_q8 >= p.lsnr_min_q8) & (lsnr_q8 <= p.lsnr_max_q8)
            low = np.where(works[..., None], low, filtered[:, : p.bins])
        return {"filtered": np.concatenate([low, filtered[:, p.bins :]], axis=1)}
