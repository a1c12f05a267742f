"""The C of the stage `through`."""

from .stage import CStage

STAGE = CStage(
    arguments=("spectrum_q31", "filtered"),
)
