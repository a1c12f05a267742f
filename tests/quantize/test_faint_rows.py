"""Channels whose weights count for next to nothing beside their biases have steps that are worth something."""

import numpy as np
from stapes.quantize.build import FAINTEST, quantise_weights, without_faint_rows
from stapes.quantize.formats import Format
from stapes.quantize.graph import Tensor


def test_a_step_of_a_weight_is_at_least_a_quarter_of_a_step_of_the_output():
    weights = np.array([[[[0.5, 1e-9, 0.0, 3e-6], [-0.25, 2e-9, 0.0, -2e-6]]]])
    x = Tensor("x", (1, 1, 4, 4), "int16", np.array([1e-4], np.float32))
    out = Format("int16", 2e-4, 0)
    codes, scales = quantise_weights(weights, "channel", 3, True)
    kept, wider = without_faint_rows(weights, codes, scales, 3, x, out)
    assert (wider * 1e-4 / 2e-4 >= FAINTEST * (1 - 1e-6)).all()
    assert (wider[0], kept[..., 0].tolist()) == (scales[0], codes[..., 0].tolist())
    # Of the largest input no channel is off by more than an eighth of a step of the output and tap.
    error = np.abs(kept * wider.astype(np.float64) - weights).max(axis=(0, 1, 2)) * 32767 * 1e-4 / 2e-4
    assert (error[1:] <= 0.125 * (1 + 1e-6)).all()
