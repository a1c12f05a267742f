"""The C of the stage `power`."""

from .stage import CStage

STAGE = CStage(
    arguments=("spectrum_q31", "exponent", "power_q40"),
)
