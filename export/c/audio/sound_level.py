"""The C of the stage `sound_level`."""

from .stage import CStage, Member

STAGE = CStage(
    arguments=("spectrum_q31", "exponent"),
    state=(
        Member("sound_q24", "int32"),
        Member("loud_q16", "int32"),
        Member("has_sound", "bool"),
        Member("sound_begins", "bool"),
    ),
)
