"""The C of the stage `attenuation_limit`."""

from .stage import CStage

STAGE = CStage(
    arguments=("spectrum_q31", "filtered"),
)
