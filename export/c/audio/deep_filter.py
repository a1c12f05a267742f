"""The C of the stage `deep_filter`."""

from .stage import CStage

STAGE = CStage(
    arguments=("taps_q31", "coefs_q20", "lsnr_q8", "filtered"),
)
