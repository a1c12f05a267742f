"""How the integer path of a bundle sounds: response, latency, noise of its own, distortion."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...firmware_sim.engines.numpy_engine import NumpyNetwork
from ...firmware_sim.engines.pipeline import Pipeline
from ...models.errors import StapesError
from ...models.sound_files import float_to_q15, q15_to_float
from ..acoustics import LOUD, Measured, SoundPressure, measured, run_open, signals, sound_pressure
from ..bundle import Bundle, opened
from ..progress import progress

LEAST_DB, MOST_DB = 60.0, 180.0


@dataclass(frozen=True, eq=False)
class Acoustics:
    """Both ways through the path: `open` with its reduction off, `running` as it runs.

    `latency_ms` is that of a signal that passes: what the impulse says, and a hop of buffering. `outputs` are the signals that came
    out, (S,) float, of each way by their names; `pressure` are the figures in dB SPL of each way, where a calibration was given.
    """

    name: str
    bundle_sha256: str
    sample_rate: int
    hop: int
    open: Measured
    running: Measured
    outputs: Mapping[str, Mapping[str, np.ndarray]] = field(repr=False, default_factory=dict)
    pressure: Mapping[str, SoundPressure] = field(default_factory=dict)

    @property
    def latency_ms(self) -> float | None:
        """None where no impulse came out."""
        delay = self.open.delay_samples
        return None if delay is None else 1000.0 * (delay + self.hop) / self.sample_rate

    def to_json(self) -> dict[str, Any]:
        """What `stapes inspect --acoustics --json` prints behind its schema: dB to two digits, percent to four."""
        ways = {"open": self.open, "running": self.running}
        told: dict[str, Any] = {"name": self.name, "bundle_sha256": self.bundle_sha256, "latency_ms": self.latency_ms}
        told |= {name: _plain(way) for name, way in ways.items()}
        return told | ({"pressure": {name: _pressure(p) for name, p in self.pressure.items()}} if self.pressure else {})


def _plain(way: Measured) -> dict[str, Any]:
    return {
        "response": [
            {"hertz": round(hertz, 1), "gain_db": round(gain, 2)}
            for hertz, gain in zip(way.response.hertz, way.response.gain_db, strict=True)
        ],
        "delay_samples": way.delay_samples,
        "silence_db": round(way.silence_db, 2),
        "noise_db": round(way.noise_db, 2),
        "harmonics_percent": {str(hertz): _or_none(value) for hertz, value in way.harmonics_percent.items()},
        "products_percent": _or_none(way.products_percent),
    }


def _pressure(found: SoundPressure) -> dict[str, Any]:
    return {
        "calibration_db": found.calibration_db,
        "silence_db_spl": None if found.silence_db is None else round(found.silence_db, 2),
        "noise_db_spl": round(found.noise_db, 2),
        "input_db_spl": found.input_db,
        "output_db_spl": [round(level, 2) for level in found.output_db],
        "maximum_db_spl": round(found.maximum_db, 2),
        "maximum_hz": round(found.maximum_hz, 1),
    }


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def acoustics(bundle: Bundle | str | os.PathLike[str], *, calibration_db: float | None = None) -> Acoustics:
    """Measure a sweep, an impulse, silence and tones on the integer path of a bundle, from the bundle alone.

    Controls are at rest. With `calibration_db`, the level in dB SPL of a sine of digital full scale, of microphone and receiver alike, noise and
    maximum output are told in dB SPL as well; a bundle with a fitting has one of its own, which must be the same.
    Raises StapesError: no bundle, one without an audio path, or a calibration outside 60 to 180 dB or other than the fitting's.

    >>> found = acoustics(bundle)
    >>> found.latency_ms, max(map(abs, found.open.response.gain_db)) < 0.01, found.open.silence_db
    (8.0, True, -200.0)
    """
    of = opened(bundle)
    sound_path = of.require_sound_path()
    rate = sound_path.sample_rate
    calibration_db = _calibration(of, calibration_db)
    given = signals(rate, calibration_db)
    batch = np.stack([float_to_q15(signal) for signal in given.values()])
    frames = len(batch) * -(-batch.shape[1] // sound_path.hop)
    opened_up = run_open(sound_path, batch)
    with progress("measuring, frames", frames) as done:
        running = Pipeline(sound_path, NumpyNetwork(of.graph)).run(batch, progress=done).audio_q15
    ways = {
        way: dict(zip(given, q15_to_float(made).astype(np.float64), strict=True))
        for way, made in (("open", opened_up), ("running", running))
    }
    heard = dict(zip(given, q15_to_float(batch).astype(np.float64), strict=True))
    found = {way: measured(heard, made, rate) for way, made in ways.items()}
    pressure = {}
    if calibration_db is not None:
        pressure = {w: sound_pressure(found[w], made[LOUD], rate, calibration_db) for w, made in ways.items()}
    return Acoustics(of.name, of.hash, rate, sound_path.hop, found["open"], found["running"], ways, pressure)


def _calibration(bundle: Bundle, given: float | None) -> float | None:
    """The calibration that was given, or that of the bundle's fitting."""
    own = None if bundle.fitting is None else bundle.fitting.calibration_db
    if given is None:
        return own
    if not (isinstance(given, int | float) and LEAST_DB <= given <= MOST_DB):
        raise StapesError(
            f"--calibration-db {given}: give the level of a sine of full scale in dB SPL, {LEAST_DB:g} to {MOST_DB:g}"
        )
    if own is not None and own != given:
        raise StapesError(
            f"--calibration-db {given:g}: the fitting of {bundle.folder} was made for {own:g} dB SPL; leave it out, or fit again"
        )
    return float(given)
