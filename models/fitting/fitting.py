"""A fitting: an audiogram, the gains that a rule gives it, and the equaliser that makes them, as one document."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le

from ..audio.biquad import Section
from ..audio.equaliser import Equaliser, with_equaliser
from ..audio.sound_path import SoundPath
from ..audio.transform import RATES
from ..errors import Remark, StapesError
from ..schema import STRICT, read_toml, validated
from .audiogram import Audiogram
from .design import design
from .rules import Gains, prescribe, speech_in_bands

REMEDY = "make it with stapes fit"
FULL_SCALE_DB, LEVEL_DB = 120.0, 65.0
MARK = "# A fitting, made by stapes fit.\n"
# Speech is that much louder at its loudest than its level (in a band, over 125 ms).
_SPEECH_PEAK_DB = 12.0


@dataclass(frozen=True)
class FittedEqualiser:
    """The settings of the stage."""

    sections: tuple[Section, ...]
    gain_db: float = 0.0

    __pydantic_config__ = STRICT


@dataclass(frozen=True)
class Fitting:
    """What `fitting.toml` holds: `equaliser` has the gains for speech of `level_db` SPL at `sample_rate`.

    `calibration_db`: the level in dB SPL of a sine at digital full scale, of microphone and receiver alike.
    """

    rule: str
    sample_rate: int
    calibration_db: Annotated[float, Ge(60.0), Le(180.0)]
    level_db: Annotated[float, Ge(0.0), Le(140.0)]
    audiogram: Audiogram
    gains: Gains
    equaliser: FittedEqualiser

    __pydantic_config__ = STRICT

    @property
    def stage(self) -> Equaliser:
        """The stage of the path that this fitting is."""
        return Equaliser(self.equaliser.sections, self.equaliser.gain_db)

    def __post_init__(self) -> None:
        if self.sample_rate not in RATES:
            raise StapesError(f"sample_rate {self.sample_rate}: give one of {', '.join(map(str, RATES))} Hz")
        _ = self.stage

    def into(self, sound_path: SoundPath) -> SoundPath:
        """The path with this equaliser; raises StapesError for a path of another rate."""
        if sound_path.sample_rate != self.sample_rate:
            raise StapesError(
                f"the fitting is for {self.sample_rate} Hz, the path has {sound_path.sample_rate} Hz; make it again with stapes fit "
                f"--sample-rate {sound_path.sample_rate}"
            )
        return with_equaliser(sound_path, self.stage)

    def to_table(self) -> dict[str, Any]:
        """Ready for TOML."""
        sections = [section.to_table() for section in self.equaliser.sections]
        return {
            **{key: getattr(self, key) for key in ("rule", "sample_rate", "calibration_db", "level_db")},
            "audiogram": dataclasses.asdict(self.audiogram),
            "gains": dataclasses.asdict(self.gains),
            "equaliser": {"gain_db": self.equaliser.gain_db, "sections": sections},
        }

    def to_toml(self) -> str:
        """The text of the file."""
        import tomli_w

        return MARK + tomli_w.dumps(self.to_table())


def make_fitting(
    audiogram: Audiogram,
    rule: str,
    *,
    sample_rate: int = 16000,
    level_db: float = LEVEL_DB,
    calibration_db: float = FULL_SCALE_DB,
) -> Fitting:
    """The fitting of an audiogram by `nalr`, `camfit` or a table of gains; raises StapesError, warns of speech that would clip."""
    gains = prescribe(audiogram, rule)
    frequencies = np.array(gains.frequencies)
    if sample_rate not in RATES:
        raise StapesError(f"--sample-rate {sample_rate}: give one of {', '.join(map(str, RATES))} Hz")
    stage = design(frequencies, gains.at_level(level_db), sample_rate)
    made = Fitting(
        rule=rule if rule.isalnum() else Path(rule).name,
        sample_rate=sample_rate,
        calibration_db=calibration_db,
        level_db=level_db,
        audiogram=audiogram,
        gains=_rounded(gains),
        equaliser=FittedEqualiser(stage.sections, stage.gain_db),
    )
    made = validated(Fitting, made.to_table(), "fitting", "give other settings")
    _warn_of_clipping(made)
    return made


def _warn_of_clipping(made: Fitting) -> None:
    frequencies = np.array(made.gains.frequencies)
    speech = speech_in_bands(frequencies) + made.level_db - LEVEL_DB
    loud = speech + made.gains.at_level(made.level_db) + _SPEECH_PEAK_DB
    worst = int(np.argmax(loud))
    if loud[worst] > made.calibration_db:
        warnings.warn(
            f"speech of {made.level_db:g} dB SPL reaches {loud[worst]:.0f} dB at {frequencies[worst]:g} Hz with these gains, and full "
            f"scale is {made.calibration_db:g} dB SPL: it would clip; give the level of full scale with --calibration-db",
            Remark,
            stacklevel=3,
        )


def _rounded(gains: Gains) -> Gains:
    return dataclasses.replace(gains, gains_db=tuple(tuple(round(g, 3) for g in row) for row in gains.gains_db))


def read_fitting(path: str | Path) -> Fitting:
    """What a file `fitting.toml` holds; raises StapesError in one line for what is none."""
    return validated(Fitting, read_toml(path, REMEDY), str(path), REMEDY)
