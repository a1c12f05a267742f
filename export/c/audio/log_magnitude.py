"""The C of the stage `log_magnitude`."""

from .stage import CStage

STAGE = CStage(
    arguments=("spectrum_q31", "exponent", "features_q20"),
)
