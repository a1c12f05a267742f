"""The C of the stage `dry`."""

from .stage import CStage, Member

STAGE = CStage(
    arguments=("block_q15",),
    state=(
        Member("ring_q15", "int16", ("BLOCKS", "H")),
        Member("dry_q15", "int16", ("H",), constant=True, view=True),
        Member("slot", "int32"),
    ),
)
