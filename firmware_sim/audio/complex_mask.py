"""The complex mask of the network on the spectrum; twin of `stapes_complex_mask.c`.

B utterances, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.audio.complex_mask import Params
from .scalar import round_right
from .twin import IntegerStage, Values


class Twin(IntegerStage):
    """The complex product, rounded once."""

    work: ClassVar = {"stapes_complex_mask": "mask"}
    params: Params

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """spectrum_q31 (B, F, 2), mask_q15 (B, 2 F) real, then imaginary parts, absent for a mask of one -> filtered (B, F, 2)."""
        return {
            "filtered": apply_complex_mask(self.params.filtered_shift, values["spectrum_q31"], values.get("mask_q15"))
        }


def apply_complex_mask(filtered_shift: int, spectrum_q31: np.ndarray, mask_q15: np.ndarray | None) -> np.ndarray:
    """Spectrum times mask times 2^filtered_shift, (B, F, 2) in the format of `filtered`; mask_q15 (B, 2 F) real, then imaginary parts, None is one."""
    if mask_q15 is None:
        return spectrum_q31 << filtered_shift
    real, imag = spectrum_q31[..., 0], spectrum_q31[..., 1]
    mask_real, mask_imag = np.split(np.asarray(mask_q15, np.int64), 2, axis=1)
    filtered = np.stack(
        [
            round_right(real * mask_real - imag * mask_imag, 15 - filtered_shift),
            round_right(imag * mask_real + real * mask_imag, 15 - filtered_shift),
        ],
        axis=2,
    )
    # The spectrum of a real signal is real at both ends: what a mask turned away there does not sound.
    filtered[:, 0, 1] = filtered[:, -1, 1] = 0
    return filtered
