"""The C of the stage `unit_spectrum`."""

from .stage import CStage, Member

STAGE = CStage(
    arguments=("spectrum_q31", "exponent", "loud_q16", "sound_begins", "feat_spec_q20"),
    state=(Member("unit_mean_q31", "int32", ("BINS",)),),
)
