"""What stands in the place of Wiener filter, features and gain where the mask is complex: the spectrum itself as features, and
its product with the mask. Twin of `stapes_audio_analyse_complex.c` and `stapes_audio_synthesise_complex.c`, float reference in
`models/features.py` and `models/pipeline.py`.

B utterances, F bins.
"""

from __future__ import annotations

import numpy as np

from ...quantize.audio_params import AudioParams
from .scalar import isqrt_64, round_right


def complex_features_q20(params: AudioParams, spectrum_q31: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """spectrum_q31 (B, F, 2), exponent (B,) -> features_q20 (B, 3 F) int64: magnitudes, real parts, imaginary parts."""
    real, imag = spectrum_q31[..., 0], spectrum_q31[..., 1]
    magnitude = isqrt_64((real * real + imag * imag).astype(np.uint64))
    shift = (params.feature_shift + exponent)[:, None]
    return round_right(np.concatenate([magnitude, real, imag], axis=1), shift)


def apply_complex_mask(spectrum_q31: np.ndarray, mask_q15: np.ndarray | None) -> np.ndarray:
    """Spectrum times mask, (B, F, 2) in the format of `filtered`; mask_q15 (B, 2 F) real, then imaginary parts, None is one."""
    if mask_q15 is None:
        return spectrum_q31 << 1
    real, imag = spectrum_q31[..., 0], spectrum_q31[..., 1]
    mask_real, mask_imag = np.split(np.asarray(mask_q15, np.int64), 2, axis=1)
    filtered = np.stack(
        [
            round_right(real * mask_real - imag * mask_imag, 14),
            round_right(imag * mask_real + real * mask_imag, 14),
        ],
        axis=2,
    )
    # The spectrum of a real signal is real at both ends: what a mask turned away there does not sound.
    filtered[:, 0, 1] = filtered[:, -1, 1] = 0
    return filtered
