"""The C of the stage `steered_equaliser`."""

from .stage import CStage, Member

STAGE = CStage(
    arguments=("sound_q25",),
    state=(
        Member("coefficients_q30", "int32", ("BANDS", 5)),
        Member("past_q25", "int32", ("BANDS", 4)),
        Member("rest_q55", "uint32", ("BANDS",)),
        Member("given", "int32", (3, "BANDS")),
        Member("start_q16", "int32", (3, "BANDS")),
        Member("target_q16", "int32", (3, "BANDS")),
        Member("position_q30", "int32"),
    ),
    companions=("stapes_white_box",),
)
