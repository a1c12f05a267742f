"""The C of the stage `band_gains`."""

from .stage import CStage

STAGE = CStage(
    arguments=("spectrum_q31", "gains_q15", "lsnr_q8", "filtered"),
)
