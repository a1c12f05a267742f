"""From the filtered spectrum to a hop of samples; twin of `stapes_inverse.c`.

B utterances, N analysis samples, F bins.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ...quantize.arithmetic import INT32_MAX
from ...quantize.audio.inverse import MixedParams, Params
from ...quantize.audio.mixed_rfft import MixedRfftTables
from .mixed_rfft_q31 import MixedRfftQ31
from .rfft_q31 import RfftQ31
from .scalar import multiply_high, round_right
from .twin import IntegerStage, Values

FRACTION_BITS, MIXED_FRACTION_BITS = 25, 22


class Twin(IntegerStage):
    """Inverse transform and overlap-add; state: overlap_q25 (B, hop), which has 22 bits of fraction with the transform of mixed radix."""

    work: ClassVar = {
        "stapes_irfft_q31": "irfft",
        "stapes_inverse": "overlap-add",
        "stapes_mixed_irfft_q31": "irfft",
        "stapes_mixed_inverse": "overlap-add",
    }
    params: Params | MixedParams

    def reset(self) -> None:
        """Forget the tail of the last frame."""
        tables = self.params.rfft
        self.rfft = MixedRfftQ31(tables) if isinstance(tables, MixedRfftTables) else RfftQ31(tables)
        self.overlap_q25 = np.zeros((self.batch, self.params.hop), np.int64)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """filtered (B, F, 2), exponent (B,) -> output_q15 (B, hop) int16."""
        total, fraction_bits = self.overlap_add(values)
        return {"output_q15": to_output_q15(total, fraction_bits)}

    def overlap_add(self, values: Values) -> tuple[np.ndarray, int]:
        """The samples of the hop before they are rounded, (B, hop), and their fraction bits: 25, with mixed radix 22."""
        p = self.params
        if isinstance(self.rfft, MixedRfftQ31):
            return self._mixed(self.rfft, values["filtered"], values["exponent"]), MIXED_FRACTION_BITS
        frame = self.rfft.inverse(values["filtered"])[:, -p.synthesis :]
        windowed = multiply_high(frame << p.shift, p.window_q31)
        windowed_q25 = round_right(windowed, values["exponent"][:, None])
        total_q25 = self.overlap_q25 + windowed_q25[:, : p.hop]
        self.overlap_q25 = windowed_q25[:, p.hop :]
        return total_q25, FRACTION_BITS

    def _mixed(self, rfft: MixedRfftQ31, filtered: np.ndarray, exponent: np.ndarray) -> np.ndarray:
        """The same with the transform of mixed radix and its exponent a block; twin of `stapes_mixed_inverse.c`."""
        p = self.params
        frame, room = rfft.inverse(filtered)
        left = np.maximum(p.shift - room, 0)
        right = np.minimum(exponent + np.maximum(room - p.shift, 0), 31)
        # A filter may make a frame louder than any room: what is beyond 128 times full scale is saturated.
        largest = (INT32_MAX >> left)[:, None]
        shifted = np.clip(frame[:, -p.synthesis :], -largest, largest) << left[:, None]
        windowed = multiply_high(shifted, p.window_q31)
        windowed_q22 = round_right(windowed, right[:, None])
        total_q22 = self.overlap_q25 + windowed_q22[:, : p.hop]
        self.overlap_q25 = windowed_q22[:, p.hop :]
        return total_q22


def to_output_q15(sound: np.ndarray, fraction_bits: int) -> np.ndarray:
    """Samples with so many fraction bits -> int16 of the same shape, rounded and saturated."""
    return np.clip(round_right(sound, fraction_bits - 15), -(2**15), 2**15 - 1).astype(np.int16)
