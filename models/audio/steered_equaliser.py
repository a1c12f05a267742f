"""Stage `steered_equaliser`: peaks whose frequencies, gains and Qs may change while the device runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .biquad import Section
from .controls import Control
from .glide import glide_samples, require_glide
from .sound_path import SoundPath
from .stage import FloatStage, Programmed, Quantity, Values
from .transform import Transform
from .wide_inverse import SOUND

MOST_BANDS = 10
LOWEST_HZ, HIGHEST_HZ = 20.0, 20000.0
MOST_DB, LEAST_Q, MOST_Q = 12.0, 0.5, 5.0
# Beyond this part of the rate a peak would lie on the mirror of itself.
HIGHEST_PART = 0.49


@dataclass(frozen=True)
class SteeredEqualiser(Programmed):
    """`bands` peaks in series; at rest all gains are zero. Controls: frequency in Hz, gain in dB, and Q of each of 10 bands, of which the first `bands` are used.

    What is set glides for `glide_ms` on the logarithms of frequency and Q and on the gain in dB, a step a hop: each step is a stable filter. The
    ranges are those of the parametric equaliser of white-box mastering networks. Frequencies above 0.49 of the rate are taken as that.
    """

    kind: ClassVar[str] = "steered_equaliser"
    replaces: ClassVar[tuple[str, ...]] = ("sound_q25",)

    bands: int = 5
    glide_ms: float = 100.0

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if not 1 <= self.bands <= MOST_BANDS:
            raise StapesError(f"bands {self.bands}: give 1 to {MOST_BANDS}")
        require_glide(self.glide_ms)

    @property
    def reads(self) -> tuple[str, ...]:
        return (SOUND.name,)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        b = self.bands
        return (
            Quantity("coefficients_q30", "int32", (b, 5), "b0, b1, b2, -a1, -a2 of each band", "2^31 - 1", "state"),
            Quantity("past_q25", "int32", (b, 4), "last two samples before and behind each band", "2^30", "state"),
            Quantity("rest_q55", "uint32", (b,), "what rounding the last sample cut off", "2^30", "state"),
            SOUND,
        )

    @property
    def controls(self) -> tuple[Control, ...]:
        octave = (HIGHEST_HZ / LOWEST_HZ) ** (1.0 / MOST_BANDS)
        rest = tuple(round(LOWEST_HZ * octave ** (k + 0.5)) * 1.0 for k in range(MOST_BANDS))
        shape = (MOST_BANDS,)
        return (
            Control("frequency_q8", rest, (LOWEST_HZ, HIGHEST_HZ), "centre in Hz * 2^8", shape),
            Control("gain_db_q16", 0.0, (-MOST_DB, MOST_DB), "gain in dB * 2^16", shape),
            Control("quality_q16", 1.0, (LEAST_Q, MOST_Q), "Q * 2^16", shape),
        )

    @property
    def sizes(self) -> dict[str, int]:
        return {"BANDS": self.bands}

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _SteeredEqualiser(self, transform, batch)


class _SteeredEqualiser(FloatStage):
    """State: `past` (bands, B, 4), x1, x2, y1, y2 of each band in direct form I, and where the glide is."""

    takes = (SOUND.plain,)

    def __init__(self, settings: SteeredEqualiser, transform: Transform, batch: int) -> None:
        self.settings, self.transform = settings, transform
        self.controls = settings.at_rest()
        self.past = np.zeros((settings.bands, batch, 4))
        self.samples = glide_samples(settings.glide_ms, transform.sample_rate)
        self.start = self.target = np.zeros((3, settings.bands))
        self.position = -1.0

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """sound (B, hop) -> sound (B, hop)."""
        from scipy.signal import lfilter

        sound = values["sound"]
        for past, (b0, b1, b2, a1, a2) in zip(self.past, self.designs(), strict=True):
            x1, x2, y1, y2 = past.T
            begins = np.stack([b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2, b2 * x1 - a2 * y1], axis=1)
            made, _ = lfilter([b0, b1, b2], [1.0, a1, a2], sound, zi=begins)
            past[:] = np.stack([sound[:, -1], sound[:, -2], made[:, -1], made[:, -2]], axis=1)
            sound = made
        return {"sound": sound}

    def run(self, values: Values) -> dict[str, np.ndarray]:
        """The same for all samples, (B, T * hop); controls (...) or a row a frame (T, ...)."""
        hop = self.transform.hop
        frames = values["sound"].shape[1] // hop
        track = {name: np.broadcast_to(value, (frames, MOST_BANDS)) for name, value in self.controls.items()}
        made = []
        for t in range(frames):
            self.controls = {name: rows[t] for name, rows in track.items()}
            made.append(self.step({"sound": values["sound"][:, t * hop : (t + 1) * hop]})["sound"])
        return {"sound": np.concatenate(made, axis=1)}

    def designs(self) -> np.ndarray:
        """Coefficients of the next hop (bands, 5)."""
        hop, rate = self.transform.hop, self.transform.sample_rate
        frequency = np.minimum(np.asarray(self.controls["frequency"], np.float64), HIGHEST_PART * rate)
        told = np.log2(frequency), np.asarray(self.controls["gain_db"]), np.log2(self.controls["quality"])
        target = np.stack(told)[:, : self.settings.bands]
        if self.position < 0:
            self.start, self.target, self.position = target, target, 1.0
        elif (target != self.target).any():
            # One glide for all of them: what is on its way elsewhere begins anew.
            self.start, self.target, self.position = self._now(), target, 0.0
        self.position = min(self.position + hop / self.samples, 1.0)
        octaves, gains, qualities = self._now()
        return np.stack([peak(2.0**f, g, 2.0**q, rate) for f, g, q in zip(octaves, gains, qualities, strict=True)])

    def _now(self) -> np.ndarray:
        x = self.position
        made: np.ndarray = self.start + (self.target - self.start) * (x * x * (3.0 - 2.0 * x))
        return made


def peak(frequency: float, gain_db: float, q: float, sample_rate: int) -> np.ndarray:
    """b0, b1, b2, a1, a2 (5,) of a peak."""
    return Section("peaking", frequency, gain_db, q).design(sample_rate)


def steered_bands(sound_path: SoundPath) -> int:
    """Bands of the path's steered equaliser, 0 where it has none."""
    return next((stage.bands for stage in sound_path.stages if isinstance(stage, SteeredEqualiser)), 0)
