"""The C of the stage `wiener`."""

from .stage import CStage, Member

STAGE = CStage(
    arguments=("power_q40", "gain2_q30", "gain_q15"),
    state=(
        Member("noise_q40", "uint64", ("F",)),
        Member("prior_q24", "int32", ("F",)),
        Member("signal_q40", "uint64"),
        Member("score_q24", "int64"),
        Member("startup_left", "int32"),
        Member("speech_run", "int32"),
        Member("clarity_q15", "int32"),
        Member("silent", "bool"),
        Member("speech", "bool"),
    ),
)
