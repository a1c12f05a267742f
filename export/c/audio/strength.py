"""The C of the stage `strength`."""

from .stage import CStage

STAGE = CStage(
    arguments=("spectrum_q31", "filtered"),
)
