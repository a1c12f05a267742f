"""The C of the stage `neural_equaliser`: its matrices are packed for the target."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ....models.audio.steering import PRODUCT
from ....quantize.audio.neural_equaliser import KINDS, Params
from ...targets import Target
from ..packing import ONCE, Matrix, pack
from .stage import CStage, Member

# Behind kind, two inputs, output and number of outputs.
_NUMBERS = 5


def packed(params: Params, target: Target) -> Params:
    """The same with weights and rows as the kernels of a target read them."""
    operators = params.operators.copy()
    weights, rows = [np.zeros(0, np.int16)], [np.zeros(0, np.int32)]
    for op in operators if params.slices else ():
        if KINDS[op[0]] != PRODUCT:
            continue
        outputs, columns, first_weight, first_row = (int(word) for word in op[4 : _NUMBERS + 3])
        inside = params.weights[first_weight : first_weight + outputs * columns]
        bias, multiplier_q31, shift = params.rows[first_row : first_row + outputs].astype(np.int64).T
        zero = np.zeros(outputs, np.int64)
        matrix = inside.reshape(outputs, columns).astype(np.int8), bias, multiplier_q31, shift, zero
        made = pack(
            "steering", Matrix(*matrix, wide=True, narrow=False, largest_input=2**15), sparse=False, target=target
        )
        op[_NUMBERS + 1] = sum(part.size for part in weights)
        op[_NUMBERS + 2] = sum(part.size for part in rows)
        op[_NUMBERS + 5] = made.rounding == ONCE
        weights.append(made.weights.ravel())
        rows.append(made.rows.ravel())
    if len(weights) == 1:
        return params
    return replace(params, operators=operators, weights=np.concatenate(weights), rows=np.concatenate(rows))


STAGE = CStage(
    arguments=("sound_q25",),
    state=(
        Member("latents", "int32", (2, "WORDS")),
        Member("memory", "int32", ("MEMORY",)),
        Member("told", "int32", (3, 10)),
        Member("coefficients_q30", "int32", ("BANDS", 5)),
        Member("past_q25", "int32", ("BANDS", 4)),
        Member("rest_q55", "uint32", ("BANDS",)),
        Member("given", "int32", (3, "BANDS")),
        Member("start_q16", "int32", (3, "BANDS")),
        Member("target_q16", "int32", (3, "BANDS")),
        Member("position_q30", "int32"),
        Member("changes", "uint32"),
        Member("waiting", "int32"),
        Member("used", "int32"),
        Member("slice", "int32"),
    ),
    packed=packed,
)
