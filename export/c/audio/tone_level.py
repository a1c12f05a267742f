"""The C of the stage `tone_level`."""

from .stage import CStage, Member

STAGE = CStage(
    arguments=("power_q40", "tone_q20"),
    state=(Member("tone_mean_q48", "uint64", ("BANDS",)), Member("frames", "int32")),
)
