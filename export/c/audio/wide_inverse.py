"""The C of the stage `wide_inverse`."""

from .stage import CStage, Member

STAGE = CStage(
    arguments=("filtered", "exponent", "time_q31", "sound_q25"),
    state=(Member("overlap_q25", "int32", ("S - H",)),),
    scratch=(Member("time_q31", "int32", ("N",)),),
)
