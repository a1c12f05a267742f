"""An audiogram becomes a fitting: gains by frequency and level, and the equaliser that makes them."""

from __future__ import annotations

import os
from pathlib import Path

from ...models.audio.transform import SAMPLE_RATE
from ...models.files import check_file, write_whole
from ...models.fitting import Audiogram, Fitting, make_fitting, read_audiogram
from ...models.fitting.fitting import FULL_SCALE_DB, LEVEL_DB, MARK
from ...models.fitting.rules import NAL_R
from ..given import given_path

__all__ = ["Fitting", "fit"]


def fit(
    audiogram: Audiogram | str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    rule: str = NAL_R,
    sample_rate: int = SAMPLE_RATE,
    level_db: float = LEVEL_DB,
    calibration_db: float = FULL_SCALE_DB,
) -> Fitting:
    """Fit an equaliser to an audiogram.

    audiogram       a TOML file with unit, frequencies and thresholds, the name of a standard one (N1 to N7, S1 to S3), or an `Audiogram`
    output          the file `fitting.toml` to write; None writes none
    rule            `nalr`, `camfit`, or a .csv table of gains, such as a maker's program exports
    sample_rate     of the path that the fitting is for, in Hz
    level_db        speech of this level in dB SPL gets the gains; an equaliser has one set of them
    calibration_db  dB SPL of a sine at digital full scale, of microphone and receiver

    Speech that would clip is a warning, a `Remark`. Raises StapesError for audiograms with gaps or of another unit, and for gains that
    no sections come within 0.5 dB of; nothing is written then.

    >>> made = fit("N3")
    >>> len(made.equaliser.sections), [round(gain) for gain in made.gains.gains_db[0]]
    (8, [0, 9, 20, 21, 23, 24])
    """
    known = audiogram if isinstance(audiogram, Audiogram) else read_audiogram(given_path(audiogram, "an audiogram"))
    place = None if output is None else given_path(output, "a fitting")
    if place is not None:
        inputs = [Path(item) for item in (audiogram, rule) if isinstance(item, str | os.PathLike)]
        check_file(place, inputs, MARK.encode())
    made = make_fitting(known, rule, sample_rate=sample_rate, level_db=level_db, calibration_db=calibration_db)
    if place is not None:
        write_whole(place, made.to_toml().encode())
    return made
