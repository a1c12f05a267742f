"""Between the audio path and the network: features to an input tensor, an output tensor to a mask or what else a stage asks for.

Twin of `stapes_audio_tensors.c`; the scalings come from `quantize.audio.scaling`.
"""

from __future__ import annotations

import numpy as np

from ...quantize.arithmetic import requantise_double
from ...quantize.audio.scaling import TensorScaling


def quantise_features(features: np.ndarray, scaling: TensorScaling) -> np.ndarray:
    """Features of any shape, such as features_q20 -> values of the input tensor, int64 within its dtype."""
    scaled = requantise_double(features, scaling.multiplier_q31, scaling.shift) + scaling.zero_point
    return np.clip(scaled, scaling.minimum, scaling.maximum)


def mask_values(codes: np.ndarray, scaling: TensorScaling) -> np.ndarray:
    """Values of the output tensor -> what is asked for, such as mask_q15, of the same shape, int64 within the scaling's limits."""
    scaled = requantise_double(np.asarray(codes, np.int64) - scaling.zero_point, scaling.multiplier_q31, scaling.shift)
    return np.clip(scaled, scaling.minimum, scaling.maximum)
