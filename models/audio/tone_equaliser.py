"""Stage `tone_equaliser`: peaks at fixed places whose gains the network gives, for what the sound lacks in tone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..errors import StapesError
from ..schema import STRICT
from .glide import LONGEST_MS, glide_samples, require_glide
from .stage import FloatStage, Quantity, Stage, Values, require_tensor
from .steered_equaliser import HIGHEST_HZ, HIGHEST_PART, LEAST_Q, LOWEST_HZ, MOST_BANDS, MOST_DB, MOST_Q, peak
from .transform import Transform
from .wide_inverse import SOUND

# An octave apart, as wide as an octave; the highest one leaves room below 8 kHz.
FREQUENCIES = (125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 6500.0)


@dataclass(frozen=True)
class ToneEqualiser(Stage):
    """A peak of `quality` at each of `frequencies` in Hz. Every `every_ms` the gains that the network gives then are aimed at, and reached
    within `glide_ms`; a stream begins at 0 dB.

    The network gives a number for each peak, times 12 dB. `output`: the network's output that they are, "" for its only one.
    """

    kind: ClassVar[str] = "tone_equaliser"
    traced: ClassVar[tuple[str, ...]] = ("tone_gains_q15",)
    replaces: ClassVar[tuple[str, ...]] = ("sound_q25",)

    frequencies: tuple[float, ...] = FREQUENCIES
    quality: float = 1.0
    every_ms: float = 200.0
    glide_ms: float = 150.0
    output: str = ""

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if not 1 <= len(self.frequencies) <= MOST_BANDS:
            raise StapesError(f"frequencies: {len(self.frequencies)} of them; give 1 to {MOST_BANDS}")
        for frequency in self.frequencies:
            if not LOWEST_HZ <= frequency <= HIGHEST_HZ:
                raise StapesError(f"frequencies: {frequency:g} Hz; give {LOWEST_HZ:g} to {HIGHEST_HZ:g}")
        if not LEAST_Q <= self.quality <= MOST_Q:
            raise StapesError(f"quality {self.quality:g}: give {LEAST_Q:g} to {MOST_Q:g}")
        require_glide(self.glide_ms)
        if not self.glide_ms <= self.every_ms <= LONGEST_MS:
            raise StapesError(f"every_ms {self.every_ms:g}: give glide_ms ({self.glide_ms:g}) to {LONGEST_MS:g} ms")
        require_tensor("output", self.output)

    def check(self, transform: Transform) -> None:
        highest = HIGHEST_PART * transform.sample_rate
        if max(self.frequencies) > highest:
            raise StapesError(
                f"frequencies: {max(self.frequencies):g} Hz at {transform.sample_rate} Hz; give {highest:g} Hz at most"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        return (SOUND.name, "tone_gains_q15")

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        b, all_of_it = len(self.frequencies), (-(2**15), 2**15 - 1)
        return (
            Quantity(
                "tone_gains_q15", "int16", (b,), "gain / 12 dB * 2^15", "all of int16", "asked", all_of_it, self.output
            ),
            Quantity("coefficients_q30", "int32", (b, 5), "b0, b1, b2, -a1, -a2 of each band", "2^31 - 1", "state"),
            Quantity("past_q25", "int32", (b, 4), "last two samples before and behind each band", "2^30", "state"),
            Quantity("rest_q55", "uint32", (b,), "what rounding the last sample cut off", "2^30", "state"),
            SOUND,
        )

    @property
    def sizes(self) -> dict[str, int]:
        return {"BANDS": len(self.frequencies)}

    def hops(self, transform: Transform) -> int:
        """Hops from one look at the gains to the next: `every_ms`, rounded up, so that the glide is over by then."""
        return math.ceil(self.every_ms * transform.sample_rate / 1000.0 / transform.hop)

    def start(self, transform: Transform, batch: int) -> FloatStage:
        return _ToneEqualiser(self, transform, batch)


class _ToneEqualiser(FloatStage):
    """State: `past` (bands, B, 4), x1, x2, y1, y2 of each band; gains in dB (B, bands) that the glide goes from and to; where it is."""

    takes = (SOUND.plain, "tone_gains")

    def __init__(self, settings: ToneEqualiser, transform: Transform, batch: int) -> None:
        self.settings, self.transform = settings, transform
        self.hops = settings.hops(transform)
        self.samples = glide_samples(settings.glide_ms, transform.sample_rate)
        self.past = np.zeros((batch, len(settings.frequencies), 4))
        self.start = self.target = np.zeros((batch, len(settings.frequencies)))
        self.position, self.wait = 1.0, 0

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """sound (B, hop), tone_gains (B, bands), absent for 0 dB -> sound (B, hop)."""
        from scipy.signal import lfilter

        made = np.array(values["sound"], np.float64)
        for row, (sound, gains_db) in enumerate(zip(made, self._gains(values), strict=True)):
            for past, frequency, gain_db in zip(self.past[row], self.settings.frequencies, gains_db, strict=True):
                b0, b1, b2, a1, a2 = peak(frequency, gain_db, self.settings.quality, self.transform.sample_rate)
                x1, x2, y1, y2 = past
                begins = np.array([b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2, b2 * x1 - a2 * y1])
                out, _ = lfilter([b0, b1, b2], [1.0, a1, a2], sound, zi=begins)
                past[:] = sound[-1], sound[-2], out[-1], out[-2]
                sound[:] = out
        return {"sound": made}

    def run(self, values: Values) -> dict[str, np.ndarray]:
        """The same for all samples, (B, T * hop); tone_gains (B, T, bands)."""
        hop, gains = self.transform.hop, values.get("tone_gains")
        made = []
        for t in range(values["sound"].shape[1] // hop):
            given = {} if gains is None else {"tone_gains": gains[:, t]}
            made.append(self.step({"sound": values["sound"][:, t * hop : (t + 1) * hop], **given})["sound"])
        return {"sound": np.concatenate(made, axis=1)}

    def _gains(self, values: Values) -> np.ndarray:
        """Gains of the next hop in dB (B, bands)."""
        if self.wait == 0:
            # The glide is over by then: it ends where the next one begins.
            self.start, self.position, self.wait = self.target, 0.0, self.hops
            self.target = MOST_DB * np.asarray(values.get("tone_gains", np.zeros_like(self.start)))
        self.wait -= 1
        x = self.position = min(self.position + self.transform.hop / self.samples, 1.0)
        made: np.ndarray = self.start + (self.target - self.start) * (x * x * (3.0 - 2.0 * x))
        return made
