"""Recordings to be evaluated: the samples of the pairs, the SNR that they have, and the noise that the corpus names."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...models.audio.transform import SAMPLE_RATE
from ...models.errors import StapesError
from ...models.sound_files import as_q15, float_to_q15, q15_to_float
from ..pairs import Pair

# Written by `stapes corpus mix` beside noisy/ and clean/: name, snr_db, speaker, noise.
LIST = "pairs.tsv"
# Of VoiceBank+DEMAND: lines of name, noise and ratio, between blanks.
VOICEBANK_LIST = "log_testset.txt"
# With more ratios than this, they are grouped in classes.
MOST_RATIOS = 8
CLASS_DB = 5
LOUDEST = 0.999


@dataclass(frozen=True, eq=False)
class Recording:
    """A pair at `rate` Hz: noisy_q15 (S,) int16, clean (S,) float32; `snr_db` as measured, None where it is not finite; `noise` or ""."""

    name: str
    noisy_q15: np.ndarray
    clean: np.ndarray
    snr_db: float | None = None
    noise: str = ""
    rate: int = SAMPLE_RATE

    @property
    def level_dbfs(self) -> float | None:
        """RMS of the whole noisy recording in dB re full scale, to a tenth; None for digital silence."""
        power = int(np.sum(self.noisy_q15.astype(np.int64) ** 2))
        return round(10.0 * math.log10(power / len(self.noisy_q15) / 2**30), 1) + 0.0 if power else None

    def at_level(self, peak_dbfs: float) -> Recording:
        """The same with the noisy recording's peak at `peak_dbfs`."""
        noisy = q15_to_float(self.noisy_q15)
        peak = float(np.abs(noisy).max(initial=0.0))
        gain = np.float32(10 ** (peak_dbfs / 20) / peak if peak else 1.0)
        return replace(self, noisy_q15=float_to_q15(noisy * gain), clean=self.clean * gain)

    def at_snr(self, snr_db: float) -> Recording | None:
        """The same with the noise made softer or louder, or None where there is no speech or no noise."""
        if self.snr_db is None:
            return None
        noise = q15_to_float(self.noisy_q15) - self.clean
        gain = np.float32(10 ** ((measured_snr(self.noisy_q15, self.clean) - snr_db) / 20))
        noisy = self.clean + gain * noise
        fit = np.float32(min(1.0, LOUDEST / float(np.abs(noisy).max())))
        return replace(self, noisy_q15=float_to_q15(noisy * fit), clean=self.clean * fit, snr_db=snr_db)


class Labels(NamedTuple):
    """What a recording is grouped by: its SNR and its level, None where it has none, and its noise or ""."""

    snr_db: float | None
    noise: str
    level_dbfs: float | None = None


def recording_of(pair: Pair, noisy: np.ndarray, clean: np.ndarray, noise: str, rate: int) -> Recording:
    """A pair whose samples, (S,) float32 each at `rate` Hz, have been read; raises StapesError where they are no sound."""
    noisy_q15 = as_q15(pair.noisy, noisy)
    snr_db = measured_snr(noisy_q15, clean)
    shown = round(snr_db, 1) + 0.0 if math.isfinite(snr_db) else None
    return Recording(pair.name, noisy_q15, clean, shown, noise, rate)


def read_noises(folder: Path) -> dict[str, str]:
    """Recording -> noise from the corpus's list; empty where it has none. Raises StapesError for a list of other columns."""
    path = folder / LIST
    if not path.is_file():
        return _voicebank_noises(folder / VOICEBANK_LIST)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {row["name"]: row["noise"] or "" for row in csv.DictReader(file, delimiter="\t")}
    except (KeyError, UnicodeDecodeError, csv.Error):
        raise StapesError(f"{path}: has no columns name and noise between tabs; correct or remove it") from None


def _voicebank_noises(path: Path) -> dict[str, str]:
    """The same of VoiceBank's list; empty where there is none, or where it is of another kind."""
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        return {}
    return {line[0]: line[1] for line in lines} if all(len(line) == 3 for line in lines) else {}


def measured_snr(noisy_q15: np.ndarray, clean: np.ndarray) -> float:
    """Power of the clean over that of the noise in dB, whole recordings; infinite where one is missing."""
    noise = q15_to_float(noisy_q15).astype(np.float64) - clean
    speech_power, noise_power = float(np.sum(clean.astype(np.float64) ** 2)), float(np.sum(noise**2))
    if not speech_power or not noise_power:
        return -math.inf if noise_power else math.inf
    return 10.0 * math.log10(speech_power / noise_power)


def by_snr(recordings: Sequence[Recording | Labels]) -> dict[str, list[int]]:
    """Group -> places of its recordings, from noisy to clean: one group a ratio, or classes of 5 dB where ratios are many.

    >>> row = np.zeros(1)
    >>> by_snr([Recording("a", row, row, 5.0), Recording("b", row, row, 0.0), Recording("c", row, row, 5.0)])
    {'0 dB': [1], '5 dB': [0, 2]}
    """
    ratios = sorted({r.snr_db for r in recordings if r.snr_db is not None})
    groups: dict[str, list[int]] = {}
    if len(ratios) <= MOST_RATIOS:
        for ratio in ratios:
            groups[f"{ratio:g} dB"] = [i for i, r in enumerate(recordings) if r.snr_db == ratio]
    else:
        groups = _in_classes([r.snr_db for r in recordings], "dB")
    unknown = [i for i, r in enumerate(recordings) if r.snr_db is None]
    return groups | ({"no ratio": unknown} if unknown and groups else {})


def by_level(recordings: Sequence[Recording | Labels]) -> dict[str, list[int]]:
    """Class of 5 dB -> places of the recordings whose RMS level lies in it, from soft to loud; silence is left out."""
    return _in_classes([r.level_dbfs for r in recordings], "dBFS")


def _in_classes(values: Sequence[float | None], unit: str) -> dict[str, list[int]]:
    """Classes of CLASS_DB; a value on a border belongs to the class above it.

    >>> _in_classes([-21.5, None, -20.0], "dBFS")
    {'-25 to -20 dBFS': [0], '-20 to -15 dBFS': [2]}
    """
    classes: dict[int, list[int]] = {}
    for place, value in enumerate(values):
        if value is not None:
            classes.setdefault(math.floor(value / CLASS_DB) * CLASS_DB, []).append(place)
    return {f"{low} to {low + CLASS_DB} {unit}": classes[low] for low in sorted(classes)}


def by_noise(recordings: Sequence[Recording | Labels]) -> dict[str, list[int]]:
    """Kind of noise -> places of its recordings, by name; empty where the corpus names none."""
    kinds = sorted({r.noise for r in recordings if r.noise})
    return {kind: [i for i, r in enumerate(recordings) if r.noise == kind] for kind in kinds}
