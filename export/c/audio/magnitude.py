"""The C of the stage `magnitude`."""

from .stage import CStage

STAGE = CStage(
    arguments=("power_q40", "gain2_q30", "gain_q15", "features_q20"),
)
