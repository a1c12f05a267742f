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
from ...models.sound_files import float_to_q15, q15_to_float
from ..acoustics import Measured, measured, run_open, signals
from ..bundle import Bundle, opened
from ..progress import progress


@dataclass(frozen=True, eq=False)
class Acoustics:
    """Both ways through the path: `open` with its reduction off, `running` as it runs.

    `latency_ms` is that of a signal that passes: what the impulse says, and a hop of buffering. `outputs` are the signals that came
    out, (S,) float, of each way by their names.
    """

    name: str
    bundle_sha256: str
    sample_rate: int
    hop: int
    open: Measured
    running: Measured
    outputs: Mapping[str, Mapping[str, np.ndarray]] = field(repr=False, default_factory=dict)

    @property
    def latency_ms(self) -> float | None:
        """None where no impulse came out."""
        delay = self.open.delay_samples
        return None if delay is None else 1000.0 * (delay + self.hop) / self.sample_rate

    def to_json(self) -> dict[str, Any]:
        """What `stapes inspect --acoustics --json` prints behind its schema: dB to two digits, percent to four."""
        ways = {"open": self.open, "running": self.running}
        told: dict[str, Any] = {"name": self.name, "bundle_sha256": self.bundle_sha256, "latency_ms": self.latency_ms}
        return told | {name: _plain(way) for name, way in ways.items()}


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


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def acoustics(bundle: Bundle | str | os.PathLike[str]) -> Acoustics:
    """Measure a sweep, an impulse, silence and tones on the integer path of a bundle, from the bundle alone.

    Controls are at rest. Raises StapesError: no bundle, or one without an audio path.

    >>> found = acoustics(bundle)
    >>> found.latency_ms, max(map(abs, found.open.response.gain_db)) < 0.01, found.open.silence_db
    (8.0, True, -200.0)
    """
    of = opened(bundle)
    sound_path = of.require_sound_path()
    rate = sound_path.sample_rate
    given = signals(rate)
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
    return Acoustics(
        of.name,
        of.hash,
        rate,
        sound_path.hop,
        measured(heard, ways["open"], rate),
        measured(heard, ways["running"], rate),
        ways,
    )
