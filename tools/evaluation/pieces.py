"""One piece of an evaluation: a few recordings through all systems, scored, as rows. It runs here or in a worker.

A row is one recording in one condition: as it was recorded, with its peak at another level, or with its noise at another SNR.
B recordings a piece, S samples.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...firmware_sim.compare import snr_db
from ...models.errors import StapesError
from ..audio_files import seconds_of
from ..bundle import load_bundle
from ..metrics import DECIMALS, FITTED, METRICS, Score, scores
from ..pairs import Pair, read_pair
from ..work.rows import Columns, Row
from .contest import Contest, make_contest
from .fitted import Heard
from .recordings import Recording, recording_of

# Recordings a piece: as many as the float engine runs at once. What is slow to score comes in smaller pieces.
PIECE, SLOW_PIECE = 8, 2
# A recording of many minutes is a piece of its own: what the engines keep of it fills the memory.
PIECE_SECONDS = 120.0
# Of audio: less is scored sooner than another process has started.
PROCESS_SECONDS, SLOW_PROCESS_SECONDS = 24.0, 4.0
AS_RECORDED, CLEAN = "", "clean"
# Of the checks: PESQ is what they are about.
CHECK_METRICS = ("pesq_wb", "si_sdr")


class Entry(NamedTuple):
    """A recording to be scored: its place in the corpus, its files, and the noise that the corpus names, or ""."""

    place: int
    pair: Pair
    noise: str


class Sound(NamedTuple):
    """A recording to listen to: clean (S,), and system -> output (S,) in time with it."""

    clean: np.ndarray
    outputs: dict[str, np.ndarray]


@dataclass(frozen=True)
class Task:
    """What a worker must know of an evaluation: all but the recordings."""

    bundle: str
    bundle_sha256: str
    engine: str
    peers: tuple[str, ...]
    metrics: tuple[str, ...]
    levels: tuple[float, ...] = ()
    clean_snr: float | None = None

    @property
    def conditions(self) -> dict[str, tuple[str, ...]]:
        """Condition -> its metrics."""
        checks = [*map(at_level, self.levels), *([CLEAN] if self.clean_snr is not None else [])]
        return {AS_RECORDED: self.metrics, **dict.fromkeys(checks, CHECK_METRICS)}

    def changed(self, recording: Recording, condition: str) -> Recording | None:
        """A recording in a condition; None where it cannot be made."""
        if condition == CLEAN and self.clean_snr is not None:
            return recording.at_snr(self.clean_snr)
        for level in self.levels:
            if condition == at_level(level):
                return recording.at_level(level)
        return recording


def at_level(level_dbfs: float) -> str:
    """The condition of a level.

    >>> at_level(-25.0)
    'peak at -25 dBFS'
    """
    return f"peak at {level_dbfs:g} dBFS"


def columns(systems: Sequence[str], metrics: Sequence[str]) -> Columns:
    """The columns of a row. `reason` says why a recording has no figures, `unmeasured` why some are missing (JSON)."""
    first = {
        "condition": "text",
        "place": "place",
        "name": "text",
        "seconds": "number",
        "snr_db": "number",
        "noise": "text",
        "level_dbfs": "number",
    }
    powers = dict.fromkeys(("output_snr_db", "signal_power", "error_power"), "number")
    figures = {f"{system}.{metric}": "number" for system in systems for metric in every_metric(metrics)}
    return first | figures | powers | {"unmeasured": "text", "reason": "text", "remarks": "text"}


def every_metric(metrics: Sequence[str]) -> tuple[str, ...]:
    """Those of the recordings and those of the checks."""
    return tuple(dict.fromkeys((*metrics, *CHECK_METRICS)))


def in_pieces(entries: Sequence[Entry], metrics: Sequence[str]) -> list[list[Entry]]:
    """Recordings of similar length together. The pieces hang on the corpus and the metrics alone, not on who runs them."""
    most = PIECE if set(metrics) <= set(METRICS) else SLOW_PIECE
    lengths = {entry.place: seconds_of(entry.pair.noisy) for entry in entries}
    pieces: list[list[Entry]] = []
    for entry in sorted(entries, key=lambda entry: (lengths[entry.place], entry.place)):
        last = pieces[-1] if pieces else []
        if last and len(last) < most and (len(last) + 1) * lengths[entry.place] <= PIECE_SECONDS:
            last.append(entry)
        else:
            pieces.append([entry])
    return pieces


def worth(entries: Sequence[Entry], metrics: Sequence[str]) -> int:
    """How many processes are worth their start, which takes some seconds."""
    a_process = PROCESS_SECONDS if set(metrics) <= set(METRICS) else SLOW_PROCESS_SECONDS
    return int(sum(seconds_of(entry.pair.noisy) for entry in entries) / a_process)


# The one that this process used last: a worker makes the engines of a bundle once.
_last: list[tuple[tuple[object, ...], Contest]] = []


def contest_of(task: Task) -> Contest:
    """The engines of a task; raises StapesError where the bundle has become another one, or an engine cannot be made."""
    key = (task.bundle, task.bundle_sha256, task.engine, task.peers, task.metrics)
    if not _last or _last[0][0] != key:
        _last.clear()
        bundle = load_bundle(task.bundle)
        if bundle.hash != task.bundle_sha256:
            raise StapesError(f"{task.bundle}: is not the bundle that it was when the evaluation began; begin again")
        _last.append((key, make_contest(bundle, task.engine, task.peers, task.metrics)))
    return _last[0][1]


def score_piece(task: Task, entries: Sequence[Entry]) -> list[Row]:
    """The rows of a piece, condition by condition. A recording that cannot be read or scored is a row with the reason."""
    return [row for row, _ in heard_piece(task, entries)]


def heard_piece(task: Task, entries: Sequence[Entry]) -> list[tuple[Row, Sound | None]]:
    """As `score_piece`, each row with the sound that was scored; None where there is none."""
    contest = contest_of(task)
    rows: list[tuple[Row, Sound | None]] = []
    read: list[tuple[Entry, Recording, str]] = []
    for entry in entries:
        with warnings.catch_warnings(record=True) as remarks:
            warnings.simplefilter("always")
            try:
                recording = recording_of(entry.pair, *read_pair(entry.pair, contest.rate), entry.noise, contest.rate)
            except (StapesError, OSError) as error:
                rows.append((_row(AS_RECORDED, entry, reason=str(error)), None))
                continue
        read.append((entry, recording, "\n".join(str(remark.message) for remark in remarks)))
    for condition, metrics in task.conditions.items():
        changed = [(entry, task.changed(recording, condition), said) for entry, recording, said in read]
        made = [(entry, recording, said) for entry, recording, said in changed if recording is not None]
        if made:
            outputs = contest.run([recording for _, recording, _ in made])
            heard: list[Heard | None] = [None] * len(made)
            if contest.fitted and not set(metrics).isdisjoint(FITTED):
                heard = [*contest.fitted.run([recording for _, recording, _ in made])]
            for (entry, recording, said), output, ears in zip(made, outputs, heard, strict=True):
                row = _scored(condition, entry, recording, output, metrics, contest, ears)
                row |= {"remarks": said} if condition == AS_RECORDED else {}
                rows.append((row, Sound(recording.clean, output)))
    return rows


def lost_rows(entries: Sequence[Entry], reason: str) -> list[Row]:
    """The rows of recordings whose workers died."""
    return [_row(AS_RECORDED, entry, reason=reason) for entry in entries]


def _row(condition: str, entry: Entry, **figures: Any) -> Row:
    about = {
        "condition": condition,
        "place": entry.place,
        "name": entry.pair.name,
        "noise": entry.noise,
        "reason": None,
    }
    return about | figures


def _scored(
    condition: str,
    entry: Entry,
    recording: Recording,
    outputs: dict[str, np.ndarray],
    metrics: Sequence[str],
    contest: Contest,
    heard: Heard | None,
) -> Row:
    exact, made = (np.asarray(outputs[system], np.float64) for system in ("float", "integer"))
    figures: dict[str, float | None] = {}
    unmeasured: dict[str, dict[str, str]] = {}
    for system in contest.systems:
        found = _scores(recording, outputs[system], [name for name in metrics if name not in FITTED])
        if contest.fitted and heard:
            found |= _guarded(contest.fitted.scores, heard, system, [name for name in FITTED if name in metrics])
        for name, score in found.items():
            figures[f"{system}.{name}"] = score.value
            if score.value is None:
                unmeasured.setdefault(system, {})[name] = score.reason
    return _row(
        condition,
        entry,
        seconds=len(recording.noisy_q15) / recording.rate,
        snr_db=recording.snr_db,
        level_dbfs=recording.level_dbfs,
        output_snr_db=round(snr_db(exact, made), DECIMALS),
        signal_power=float(math.fsum(exact**2)),
        error_power=float(math.fsum((exact - made) ** 2)),
        unmeasured=json.dumps(unmeasured) if unmeasured else "",
        **figures,
    )


def _scores(recording: Recording, output: np.ndarray, metrics: Sequence[str]) -> dict[str, Score]:
    return _guarded(
        lambda clean, made, names: scores(clean, made, names, recording.rate), recording.clean, output, metrics
    )


def _guarded(
    measure: Callable[[Any, Any, Sequence[str]], dict[str, Score]], of: Any, what: Any, metrics: Sequence[str]
) -> dict[str, Score]:
    """A library that fails on one recording takes its figures, not the run."""
    try:
        return measure(of, what, metrics)
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return {name: Score(None, f"cannot be measured ({said[:200]})") for name in metrics}


def scores_of(row: Row, systems: Sequence[str], metrics: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """System -> metric -> figure of a row."""
    return {system: {name: row[f"{system}.{name}"] for name in metrics} for system in systems}


def remarks_of(rows: Sequence[Row]) -> Iterator[str]:
    """What was said while the recordings were read, in the order of the corpus."""
    for row in rows:
        yield from filter(None, (row.get("remarks") or "").split("\n"))
