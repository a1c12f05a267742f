"""The C of the stage `output`."""

from .stage import CStage

STAGE = CStage(arguments=("sound_q25", "output_q15"))
