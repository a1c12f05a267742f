"""The C of the stage `post_filter`."""

from .stage import CStage

STAGE = CStage(
    arguments=("spectrum_q31", "filtered"),
)
