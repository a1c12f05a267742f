"""The C of the stage `inverse`."""

from .stage import CStage, Member

STAGE = CStage(
    arguments=("filtered", "exponent", "time_q31", "output_q15"),
    state=(Member("overlap_q25", "int32", ("S - H",)),),
    scratch=(Member("time_q31", "int32", ("N",)),),
)
