"""The C of the stage `mask`."""

from .stage import CStage

STAGE = CStage(
    arguments=("spectrum_q31", "gain_q15", "clarity_q15", "mask_q15", "filtered"),
)
