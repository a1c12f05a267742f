"""Outputs of a white-box decoder as controls: C equals numpy for every code, and both are what the design says."""

import ctypes
import re

import numpy as np
import pytest
from stapes.export.c.runtime import runtime_file
from stapes.firmware_sim.audio.white_box import controls_of
from stapes.models.audio.steered_equaliser import MOST_BANDS, SteeredEqualiser
from stapes.quantize.audio.controls import limits
from stapes.quantize.audio.white_box import LOG2_E_Q30

from tests.firmware_sim.audio_c import BUILDS, pointer_to

OK, NULL_POINTER, OUT_OF_RANGE = 0, 1, 7
NAMES = ("frequency", "gain", "quality", "weight")
CONTROLS = ("frequency_q8", "gain_db_q16", "quality_q16")
# Steps of a logit: 2^-31 is the finest, the last one below one; those between are of networks.
SCALES_Q31 = (1, 1 << 16, 524_301, 3_000_017, 1 << 29, (1 << 31) - 1)


class Heads(ctypes.Structure):
    _fields_ = [("bands", ctypes.c_int32), ("frequency_scale_q31", ctypes.c_int32)] + [
        (name, ctypes.POINTER(ctypes.c_int16)) for name in NAMES
    ]


def all_codes():
    """Every code of the logit, in rows of 8 bands; the others go over all that a network gives, in another order."""
    rng = np.random.default_rng(0)
    positive = np.arange(1 << 16) % (1 << 15)
    made = {"frequency": np.arange(-(1 << 15), 1 << 15), "gain": rng.permutation(np.arange(-(1 << 15), 1 << 15))}
    made |= {"quality": rng.permutation(positive), "weight": rng.permutation(positive)}
    return {name: values.astype(np.int16).reshape(-1, 8) for name, values in made.items()}


def in_c(library, codes, scale_q31):
    """Controls (T, 10) by name; they hold -1 before the call."""
    function = ctypes.CDLL(str(library)).stapes_white_box
    rows, bands = codes["frequency"].shape
    made = np.full((rows, 3, MOST_BANDS), -1, np.int32)
    for row in range(rows):
        parts = [pointer_to(np.ascontiguousarray(codes[name][row])) if name in codes else None for name in NAMES]
        assert function(ctypes.byref(Heads(bands, scale_q31, *parts)), pointer_to(made[row])) == OK
    return made


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_c_equals_numpy_for_every_code(audio_library, build, weighted):
    codes = {name: values for name, values in all_codes().items() if weighted or name != "weight"}
    for scale_q31 in SCALES_Q31:
        if scale_q31 != SCALES_Q31[2] or build != "gcc" or weighted:
            some = {name: values[::37] for name, values in codes.items()}
        else:
            some = codes
        expected = np.stack([controls_of(some, scale_q31)[name] for name in CONTROLS], axis=1)
        made = in_c(audio_library(build), some, scale_q31)
        assert np.array_equal(made[:, :, :8], expected)
        assert (made[:, :, 8:] == -1).all()


@pytest.mark.parametrize("scale_q31", SCALES_Q31)
def test_controls_are_within_a_step_of_the_formulas_and_within_their_limits(scale_q31):
    codes = all_codes()
    made = controls_of(codes, scale_q31)
    real = {name: values.astype(np.float64) / 2.0**15 for name, values in codes.items()}
    frequency = 20 + 19980 / (1 + np.exp(-np.clip(codes["frequency"] * (scale_q31 / 2.0**31), -700, 700)))
    assert np.abs(made["frequency_q8"] / 2.0**8 / frequency - 1).max() < 0.001
    assert np.abs(made["gain_db_q16"] - 12 * 2.0**16 * real["gain"] * real["weight"]).max() <= 0.5
    assert np.array_equal(made["quality_q16"], (0.5 + 4.5 * real["quality"]) * 2.0**16)
    for control in SteeredEqualiser().controls:
        low, high = limits(control)
        assert low <= made[control.name].min()
        assert made[control.name].max() <= high
    assert (np.diff(made["frequency_q8"].ravel()) >= 0).all()


def test_the_constant_in_c_is_that_of_python():
    text = runtime_file("stapes_white_box.c").read_text()
    assert int(re.search(r"LOG2_E_Q30 (\d+)", text)[1]) == LOG2_E_Q30


def test_what_is_no_output_of_a_decoder_changes_nothing(audio_library):
    function = ctypes.CDLL(str(audio_library("gcc"))).stapes_white_box
    codes = {name: pointer_to(np.zeros(11, np.int16)) for name in NAMES}
    made = np.full(3 * MOST_BANDS, -1, np.int32)
    for bands, scale_q31 in ((0, 1), (11, 1), (5, 0), (5, -1)):
        heads = Heads(bands, scale_q31, *codes.values())
        assert function(ctypes.byref(heads), pointer_to(made)) == OUT_OF_RANGE
    for name in NAMES[:3]:
        heads = Heads(5, 1, *(codes | {name: None}).values())
        assert function(ctypes.byref(heads), pointer_to(made)) == NULL_POINTER
    assert function(None, pointer_to(made)) == NULL_POINTER
    assert function(ctypes.byref(Heads(5, 1, *codes.values())), None) == NULL_POINTER
    assert (made == -1).all()
