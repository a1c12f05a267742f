"""The C of the stage `bands`."""

from .level import LEVEL
from .stage import CStage

STAGE = CStage(
    arguments=("power_q40", "gain2_q30", "gain_q15", "silent", "features_q20"),
    state=LEVEL,
)
