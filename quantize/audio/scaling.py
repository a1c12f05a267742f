"""Between the path and the network: how features enter its inputs, and how its outputs become what the path asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...models.audio import Quantity
from ...models.errors import StapesError
from ..arithmetic import quantize_multiplier
from ..graph import Tensor
from .c_struct import Int32
from .transform import LONGEST_ANALYSIS


@dataclass(frozen=True)
class TensorScaling:
    """How a real value enters or leaves an int8 or int16 tensor: requantise_double, zero point, limits."""

    c_name: ClassVar[str] = "stapes_audio_tensor"

    multiplier_q31: Int32
    shift: Int32
    zero_point: Int32
    minimum: Int32
    maximum: Int32


def _scaling(real: float, tensor: Tensor, minimum: int, maximum: int, largest: int) -> TensorScaling:
    """`real` as multiplier and shift; the left shift of `largest` must stay within 32 bits."""
    multiplier_q31, shift = quantize_multiplier(real)
    if multiplier_q31 <= 0 or largest << max(shift, 0) > 2**31:
        raise StapesError(
            f"tensor '{tensor.name}': scale {_scale_of(tensor):g} is outside what the audio path can convert; calibrate it again"
        )
    return TensorScaling(multiplier_q31, shift, tensor.zero_point, minimum, maximum)


def _scale_of(tensor: Tensor) -> float:
    """The one scale of a per-tensor int8 or int16 tensor."""
    if tensor.dtype not in ("int8", "int16") or tensor.scale is None or tensor.scale.size != 1 or tensor.scale[0] <= 0:
        raise StapesError(
            f"tensor '{tensor.name}': the audio path needs int8 or int16 with one positive scale; quantize the network again"
        )
    return float(tensor.scale[0])


def feature_scaling(features: Quantity, tensor: Tensor, analysis: int = LONGEST_ANALYSIS) -> TensorScaling:
    """From features of `analysis` samples, such as features_q20, to the network's input `tensor`: limits are those of its dtype."""
    _, limit = features.known_limits
    # Sums over more samples are larger; see `require_features`.
    limit *= 2 if analysis > LONGEST_ANALYSIS else 1
    return _scaling(2.0**-features.fraction_bits / _scale_of(tensor), tensor, *tensor.limits, limit)


def mask_scaling(asked: Quantity, tensor: Tensor) -> TensorScaling:
    """From the network's output `tensor` to what a stage asks for, such as mask_q15: limits are those of that."""
    largest = max(abs(code - tensor.zero_point) for code in tensor.limits)
    return _scaling(_scale_of(tensor) * 2.0**asked.fraction_bits, tensor, *asked.known_limits, largest)
