"""The C of the stage `erb_level`."""

from .stage import CStage, Member

STAGE = CStage(
    arguments=("power_q40", "loud_q16", "sound_begins", "feat_erb_q20"),
    state=(Member("erb_mean_q24", "int32", ("BANDS",)),),
)
