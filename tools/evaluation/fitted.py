"""HASPI and HASQI of a bundle with a fitting: the listener is the one that it was made for, and hears the equaliser.

Recordings are brought to the level of the fitting first: the clean one as a whole to speech of `level_db` SPL, where a sine of full scale
has `calibration_db`. The bundle's own output has been through its equaliser; the other systems go through the same one in float, so
that all of them amplify alike. S samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ...firmware_sim.engines.audio import AudioEngine
from ...firmware_sim.engines.float_engine import FloatEngine
from ...models.fitting import STANDARD, Fitting
from ...models.sound_files import float_to_q15, q15_to_float
from .. import hearing
from ..acoustics import SINE_DB
from ..bundle import Bundle
from ..engines import make_engine
from ..enhance import enhance, enhance_by_peer
from ..metrics import FITTED, Measure, Score, scores
from .recordings import Recording

AMPLIFIED = ("float", "integer")


class Heard(NamedTuple):
    """One recording at the level of the fitting, float (S,): clean, clean behind the equaliser, and what each system gives to the ear."""

    clean: np.ndarray
    amplified: np.ndarray
    outputs: dict[str, np.ndarray]


class FittedContest:
    """All systems with the equaliser of a bundle's fitting; raises StapesError as `make_engine`."""

    def __init__(self, bundle: Bundle, fitting: Fitting, engine: str, peers: Sequence[str]) -> None:
        self.fitting = fitting
        self.peers = tuple(peers)
        self.float_engine = FloatEngine(bundle.float_onnx, bundle.require_sound_path())
        self.integer_engine: AudioEngine = make_engine(engine, bundle)
        one_db_spl = fitting.calibration_db - SINE_DB
        self.measures: Mapping[str, Measure] = {
            name: hearing.fitted(index, fitting.audiogram, one_db_spl)
            for name, index in zip(FITTED, hearing.INDICES, strict=True)
        }

    def run(self, recordings: Sequence[Recording]) -> list[Heard]:
        """What is heard of each recording."""
        levelled = [at_fitted_level(recording, self.fitting) for recording in recordings]
        outputs = enhance([recording.noisy_q15 for recording in levelled], self.float_engine, self.integer_engine)
        for peer in self.peers:
            enhance_by_peer(outputs, peer, rate=self.fitting.sample_rate)
        return [
            Heard(
                recording.clean,
                amplified(recording.clean, self.fitting),
                {name: s if name in AMPLIFIED else amplified(s, self.fitting) for name, s in made.items()},
            )
            for recording, made in zip(levelled, outputs, strict=True)
        ]

    def scores(self, heard: Heard, system: str, names: Sequence[str]) -> dict[str, Score]:
        """The metrics `names`, some of FITTED, of what a system gives to the ear."""
        rate = self.fitting.sample_rate
        references = dict(zip(FITTED, (heard.clean, heard.amplified), strict=True))
        found: dict[str, Score] = {}
        for name in names:
            found |= scores(references[name], heard.outputs[system], (name,), rate, self.measures)
        return found


def at_fitted_level(recording: Recording, fitting: Fitting) -> Recording:
    """The recording at which the fitting aims: clean speech of `level_db` SPL. As it is where there is no clean speech."""
    rms = float(np.sqrt(np.mean(np.square(recording.clean, dtype=np.float64)))) if recording.clean.size else 0.0
    wanted = 10.0 ** ((fitting.level_db - fitting.calibration_db + SINE_DB) / 20.0)
    gain = np.float32(wanted / rms if rms else 1.0)
    return replace(
        recording,
        noisy_q15=float_to_q15(q15_to_float(recording.noisy_q15) * gain),
        clean=recording.clean * gain,
    )


def amplified(audio: np.ndarray, fitting: Fitting) -> np.ndarray:
    """Float (S,) through the equaliser of the fitting, without a limit."""
    from scipy.signal import sosfilt  # it takes half a second to import

    sections = np.insert(fitting.stage.design(fitting.sample_rate), 3, 1.0, axis=1)
    made: np.ndarray = sosfilt(sections, np.asarray(audio, np.float64))
    return made


def fitting_words(fitting: Fitting, metrics: Sequence[str]) -> str:
    """Whose ears the figures are of, and what the other figures are of."""
    known = STANDARD.get(fitting.audiogram.name) == fitting.audiogram
    thresholds = fitting.audiogram.at(np.array(hearing.FREQUENCIES_HZ))
    listed = ", ".join(f"{level:g} at {hertz}" for hertz, level in zip(hearing.FREQUENCIES_HZ, thresholds, strict=True))
    whose = f"the standard audiogram {fitting.audiogram.name}" if known else "the fitting's own audiogram"
    ears = (
        f"fitted: ears of {whose} (dB HL: {listed} Hz), every system through the fitting's equaliser, clean speech at "
        f"{fitting.level_db:g} dB SPL with full scale at {fitting.calibration_db:g} dB SPL; "
    )
    return (ears if set(metrics) & set(FITTED) else "") + "all other figures are of the sound without the fitting"


def fitting_json(fitting: Fitting | None) -> dict[str, Any] | None:
    """What the figures have to be read with: the audiogram, the rule and the levels."""
    if fitting is None:
        return None
    return {key: value for key, value in fitting.to_table().items() if key not in ("gains", "equaliser")}
