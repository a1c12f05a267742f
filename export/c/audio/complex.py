"""The C of the stage `complex`."""

from .stage import CStage

STAGE = CStage(
    arguments=("spectrum_q31", "exponent", "features_q20"),
)
