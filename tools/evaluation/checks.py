"""Two promises to a hearing aid's wearer: the quality does not hang on the level, and clean speech stays clean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...models.errors import StapesError
from .pieces import CLEAN, at_level
from .run import Evaluation, Scored
from .statistics import Paired, Scores, paired

METRIC = "pesq_wb"
# In PESQ: the mean may move by less than this between levels, and fall by no more below the Wiener filter's on clean speech.
LIMIT = 0.1
QUIETEST_DBFS, LOUDEST_DBFS = -80.0, 0.0
NOISIEST_DB, CLEANEST_DB = -20.0, 60.0


@dataclass(frozen=True, eq=False)
class LevelCheck:
    """The recordings with their peaks at several levels: `evaluations` one a level, in dBFS."""

    levels: tuple[float, ...]
    evaluations: list[Evaluation]

    def moved(self, system: str) -> Paired:
        """The largest mean change of PESQ of a system between two of the levels, `system` and `against` name them."""
        rows: list[Scores] = [
            {f"{level:g} dBFS": scores for level, scores in zip(self.levels, at_levels, strict=True)}
            for at_levels in zip(*([f["systems"][system] for f in e.files] for e in self.evaluations), strict=True)
        ]
        names = [file["name"] for file in self.evaluations[0].files]
        words = [f"{level:g} dBFS" for level in self.levels]
        changes = [paired(rows, names, b, a, METRIC) for i, a in enumerate(words) for b in words[i + 1 :]]
        return max(changes, key=lambda change: abs(change.mean or 0.0))

    def to_json(self) -> dict[str, Any]:
        systems = self.evaluations[0].names
        return {
            "levels": [
                {"peak_dbfs": level, "systems": result.systems}
                for level, result in zip(self.levels, self.evaluations, strict=True)
            ],
            "moved": {system: _verdict(self.moved(system)) for system in systems},
            "limit": LIMIT,
        }


@dataclass(frozen=True, eq=False)
class CleanCheck:
    """The recordings with the noise at `snr_db`; `left_out` are those without speech or without noise."""

    snr_db: float
    evaluation: Evaluation
    left_out: int

    def against_wiener(self, system: str) -> Paired:
        """What a system gains over the Wiener filter in PESQ, recording by recording; less than zero is damage."""
        return self.evaluation.paired(system, "wiener", METRIC)

    def files_beyond(self, system: str) -> int:
        """Recordings that a system leaves worse than the Wiener filter by more than LIMIT."""
        rows = [file["systems"] for file in self.evaluation.files]
        pairs = [(row[system][METRIC], row["wiener"][METRIC]) for row in rows]
        return sum(a is not None and b is not None and a - b < -LIMIT for a, b in pairs)

    def to_json(self) -> dict[str, Any]:
        names = [name for name in self.evaluation.names if name not in ("noisy", "wiener")]
        return {
            "snr_db": self.snr_db,
            "files": len(self.evaluation.files),
            "left_out": self.left_out,
            "systems": self.evaluation.systems,
            "against_wiener": {
                name: {**_verdict(self.against_wiener(name), below=True), "files_beyond": self.files_beyond(name)}
                for name in names
            },
            "limit": LIMIT,
        }


def within(change: Paired, below: bool = False) -> bool | None:
    """Does the mean keep to LIMIT: in both directions, or `below` only; None where it is not defined."""
    if change.mean is None:
        return None
    return change.mean >= -LIMIT if below else abs(change.mean) < LIMIT


def _verdict(change: Paired, below: bool = False) -> dict[str, Any]:
    return {**change.to_json(), "within": within(change, below)}


def level_check(scored: Scored, levels: Sequence[float]) -> LevelCheck:
    """PESQ and SI-SDR at each level, of the recordings that could be scored at all of them."""
    evaluations = [scored.by_condition[at_level(level)] for level in levels]
    everywhere = set.intersection(*({file["name"] for file in e.files} for e in evaluations))
    kept = [replace(e, files=[file for file in e.files if file["name"] in everywhere]) for e in evaluations]
    return LevelCheck(tuple(levels), kept)


def clean_check(scored: Scored, snr_db: float) -> CleanCheck:
    """PESQ and SI-SDR with the same noise at `snr_db`; raises StapesError where no recording has speech and noise."""
    if CLEAN not in scored.by_condition:
        raise StapesError("--clean-snr: no recording has both speech and noise; leave the option out")
    cleaner = scored.by_condition[CLEAN]
    return CleanCheck(snr_db, cleaner, len(scored.as_recorded.files) - len(cleaner.files))


def parse_levels(words: str) -> tuple[float, ...]:
    """Levels between commas in dBFS, at least two, none twice; raises StapesError for others.

    >>> parse_levels("-10, -40")
    (-10.0, -40.0)
    """
    try:
        levels = tuple(dict.fromkeys(float(word) for word in words.split(",")))
    except ValueError:
        levels = ()
    check_levels(levels, f"--levels {words}")
    return levels


def check_levels(levels: Sequence[float], what: str) -> None:
    """Raise StapesError for levels that are fewer than two, or out of reach; `what` says where they stand."""
    if len(set(levels)) < 2 or not all(QUIETEST_DBFS <= level <= LOUDEST_DBFS for level in levels):
        raise StapesError(
            f"{what}: give two or more levels between {QUIETEST_DBFS:g} and {LOUDEST_DBFS:g} dBFS, such as -10,-25,-40"
        )


def check_ratio(snr_db: float) -> None:
    """Raise StapesError for a ratio that is no number or makes no sense for nearly clean speech."""
    if not NOISIEST_DB <= snr_db <= CLEANEST_DB:
        raise StapesError(f"--clean-snr {snr_db:g}: give a ratio of {NOISIEST_DB:g} to {CLEANEST_DB:g} dB, such as 30")
