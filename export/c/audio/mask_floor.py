"""The C of the stage `mask_floor`."""

from .stage import CStage

STAGE = CStage(
    arguments=("mask_q15",),
)
