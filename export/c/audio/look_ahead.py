"""The C of the stage `look_ahead`."""

from .stage import CStage, Member

STAGE = CStage(
    arguments=("exponent", "spectrum_q31", "taps_q31"),
    state=(
        Member("ahead_q31", "int32", ("AHEAD", "F", 2)),
        Member("past_q31", "int32", ("PAST", "TAP_BINS", 2)),
        Member("exponents", "int32", ("KNOWN",)),
        Member("ahead_slot", "int32"),
        Member("past_slot", "int32"),
        Member("exponent", "int32"),
    ),
)
