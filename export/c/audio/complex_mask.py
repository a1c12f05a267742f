"""The C of the stage `complex_mask`."""

from .stage import CStage

STAGE = CStage(
    arguments=("spectrum_q31", "mask_q15", "filtered"),
)
