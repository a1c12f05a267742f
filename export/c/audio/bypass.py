"""The C of the stage `bypass`."""

from .glide import GLIDE_STATE
from .stage import CStage

STAGE = CStage(
    arguments=("dry_q15", "output_q15"),
    state=GLIDE_STATE,
)
