"""The C of the stage `equaliser`."""

from .stage import CStage, Member

STAGE = CStage(
    arguments=("sound_q25",),
    state=(
        Member("past_q25", "int32", ("SECTIONS", 4)),
        Member("rest_q55", "uint32", ("SECTIONS",)),
    ),
)
