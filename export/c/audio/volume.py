"""The C of the stage `volume`."""

from .glide import GLIDE_STATE
from .stage import CStage

STAGE = CStage(
    arguments=("output_q15",),
    state=GLIDE_STATE,
)
