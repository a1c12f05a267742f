"""The C of the stage `tone_equaliser`."""

from .stage import CStage, Member

STAGE = CStage(
    arguments=("sound_q25", "tone_gains_q15"),
    state=(
        Member("coefficients_q30", "int32", ("BANDS", 5)),
        Member("past_q25", "int32", ("BANDS", 4)),
        Member("rest_q55", "uint32", ("BANDS",)),
        Member("start_q16", "int32", ("BANDS",)),
        Member("target_q16", "int32", ("BANDS",)),
        Member("position_q30", "int32"),
        Member("wait", "int32"),
    ),
)
