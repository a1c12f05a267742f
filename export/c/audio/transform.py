"""The C of the stage `transform`."""

from .stage import CStage, Member

STAGE = CStage(
    arguments=("block_q15", "windowed_q30", "transform_q31", "spectrum_q31"),
    state=(Member("history_q15", "int16", ("N - H",)), Member("exponent", "int32")),
    scratch=(Member("windowed_q30", "int32", ("N",)), Member("transform_q31", "int32", (2, "N"))),
)
