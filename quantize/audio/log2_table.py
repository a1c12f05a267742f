"""Tables of log2 and of 2^x for the fixed-point audio path: 129 entries each, linear between them.

The C twins are `stapes_log2_q16_table` in `stapes_log2.c` and `stapes_exp2_q29_table` in `stapes_exp2.c`.
"""

from __future__ import annotations

import numpy as np

_INTERVALS = 128


def _table(values: np.ndarray, fraction_bits: int) -> np.ndarray:
    table = np.floor(values * 2.0**fraction_bits + 0.5).astype(np.int64)
    table.flags.writeable = False
    return table


# log2(1 + i / 128) in Q16; linear interpolation errs by at most 1.1e-5 of an octave.
LOG2_Q16 = _table(np.log2(1.0 + np.arange(_INTERVALS + 1) / _INTERVALS), 16)

# 2^(i / 128) in Q29; linear interpolation errs by at most 3.7e-6 of the value.
EXP2_Q29 = _table(np.exp2(np.arange(_INTERVALS + 1) / _INTERVALS), 29)
