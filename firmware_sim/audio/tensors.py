"""Between the audio path and the network: Q20 features to the input tensor, the output tensor to a Q15 mask.

Twin of `stapes_audio_tensors.c`; the scalings come from `quantize.audio.scaling`.
"""

from __future__ import annotations

import numpy as np

from ...quantize.arithmetic import requantise_double
from ...quantize.audio.scaling import TensorScaling


def quantise_features(features_q20: np.ndarray, scaling: TensorScaling) -> np.ndarray:
    """features_q20 of any shape -> values of the input tensor, int64 within its dtype."""
    scaled = requantise_double(features_q20, scaling.multiplier_q31, scaling.shift) + scaling.zero_point
    return np.clip(scaled, scaling.minimum, scaling.maximum)


def mask_to_q15(mask: np.ndarray, scaling: TensorScaling) -> np.ndarray:
    """Values of the output tensor -> mask_q15 of the same shape, int64 within the scaling's limits."""
    scaled = requantise_double(np.asarray(mask, np.int64) - scaling.zero_point, scaling.multiplier_q31, scaling.shift)
    return np.clip(scaled, scaling.minimum, scaling.maximum)
