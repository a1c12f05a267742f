"""All recordings of a corpus, scored: what does the pipeline do for speech, and what did the integers cost?"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ...models.errors import StapesError
from ...models.files import sha256_of_file
from ..bundle import Bundle
from ..enhance import SYSTEMS
from ..metrics import DECIMALS, METRICS
from ..pairs import Pair, read_pair, tell_once
from ..progress import progress
from ..work import Crew, Lost
from ..work.rows import Row, Rows, rows_in
from ..work.worker import stamp
from .contest import check_contest
from .pieces import (
    AS_RECORDED,
    Entry,
    Sound,
    Task,
    columns,
    contest_of,
    heard_piece,
    in_pieces,
    lost_rows,
    remarks_of,
    score_piece,
    scores_of,
    worth,
)
from .recordings import Labels, by_level, by_noise, by_snr, recording_of
from .statistics import Mean, Paired, means, paired

# The questions of a table of differences; a peer is held against the integers as well.
QUESTIONS = (("float", "noisy"), ("float", "wiener"), ("integer", "wiener"), ("integer", "float"))


def _silent(place: int) -> Sound:
    raise KeyError(place)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures of a corpus: `files` as in the JSON, one a recording, and `failed`, name and reason of those without any figure.

    `output_snr_db` is the SNR of the integer output against the float output over all files together; `sound` makes the sound
    of the file at a place.
    """

    files: list[dict[str, Any]]
    names: tuple[str, ...]
    metrics: tuple[str, ...]
    rate: int
    output_snr_db: float
    failed: list[dict[str, str]] = field(default_factory=list)
    sound: Callable[[int], Sound] = _silent

    @cached_property
    def means(self) -> dict[str, dict[str, Mean]]:
        """System -> metric -> mean over all recordings."""
        return self.means_of(range(len(self.files)))

    def means_of(self, places: Sequence[int]) -> dict[str, dict[str, Mean]]:
        """The same over some of the recordings."""
        return means([self.files[place]["systems"] for place in places], self.names, self.metrics)

    @property
    def systems(self) -> dict[str, dict[str, float | None]]:
        """System -> metric -> mean."""
        return {system: {name: mean.mean for name, mean in row.items()} for system, row in self.means.items()}

    @property
    def integer_minus_float(self) -> dict[str, float | None]:
        """Mean difference, metric by metric; None where one is not defined."""
        return {name: self.paired("integer", "float", name).mean for name in self.metrics}

    def paired(self, system: str, against: str, metric: str) -> Paired:
        """What `system` gained over `against`, recording by recording."""
        rows = [file["systems"] for file in self.files]
        return paired(rows, [file["name"] for file in self.files], system, against, metric)

    @property
    def questions(self) -> list[tuple[str, str]]:
        """Pairs of systems whose difference is told."""
        return [*QUESTIONS, *(("integer", peer) for peer in self.names if peer not in SYSTEMS)]

    @property
    def groups(self) -> dict[str, dict[str, list[int]]]:
        """What the recordings are grouped by -> group -> their places."""
        labels = [Labels(file["snr_db"], file["noise"], file["level_dbfs"]) for file in self.files]
        return {"by_snr": by_snr(labels), "by_noise": by_noise(labels), "by_level": by_level(labels)}

    def to_json(self) -> dict[str, Any]:
        """Means, standard errors, paired differences, groups, files, and those that could not be scored."""
        return {
            "systems": self.systems,
            "standard_errors": {
                system: {name: mean.standard_error for name, mean in row.items()} for system, row in self.means.items()
            },
            "integer_minus_float": self.integer_minus_float,
            "output_snr_db": self.output_snr_db,
            "paired": [self.paired(a, b, name).to_json() for a, b in self.questions for name in self.metrics],
            **{what: [self._group(name, places) for name, places in g.items()] for what, g in self.groups.items()},
            "files": self.files,
            "failed": self.failed,
        }

    def _group(self, name: str, places: list[int]) -> dict[str, Any]:
        rows = self.means_of(places)
        return {
            "group": name,
            "files": len(places),
            "systems": {system: {m: mean.mean for m, mean in row.items()} for system, row in rows.items()},
            "standard_errors": {
                system: {m: mean.standard_error for m, mean in row.items()} for system, row in rows.items()
            },
        }


class Scored(NamedTuple):
    """Condition -> its evaluation, where any recording could be scored in it."""

    by_condition: dict[str, Evaluation]

    @property
    def as_recorded(self) -> Evaluation:
        return self.by_condition[AS_RECORDED]


def score_corpus(
    task: Task,
    pairs: Sequence[Pair],
    noises: Mapping[str, str],
    systems: tuple[str, ...],
    rate: int,
    crew: Crew,
    results: Path | None = None,
) -> Scored:
    """Score the pairs in all conditions of the task. With `results` the rows stay there, and a run that was stopped goes on.

    Raises StapesError where no recording can be scored, with the first reason, and as `Rows` does.
    """
    entries = [Entry(place, pair, noises.get(pair.name, "")) for place, pair in enumerate(pairs)]
    pieces = in_pieces(entries, task.metrics)
    about = _about(task, systems, entries if results else ())
    with rows_in(results, about, columns(systems, task.metrics), len(pieces)) as (rows, done):
        crew.worth(worth(entries, task.metrics))
        _fill(rows, task, pieces, done, crew)
        rows.finish()
        return _scored(rows, task, pairs, systems, rate)


def evaluate_pairs(bundle: Bundle, pairs: list[Pair], engine: str) -> Evaluation:
    """Run a bundle over a few pairs, in this process, and score it; their sound is kept.

    Raises StapesError for audio or engines that cannot be used.
    """
    check_contest(engine)
    rate = bundle.require_sound_path().sample_rate
    task = Task(str(bundle.folder), bundle.hash, engine, (), tuple(METRICS))
    entries = [Entry(place, pair, "") for place, pair in enumerate(pairs)]
    with progress("scoring, recordings", len(pairs)) as advance:
        heard = heard_piece(task, entries)
        advance(len(pairs))
    sounds = [sound for _, sound in heard if sound is not None]
    scored = _scored([row for row, _ in heard], task, pairs, SYSTEMS, rate)
    return replace(scored.as_recorded, sound=sounds.__getitem__)


def _fill(rows: Rows, task: Task, pieces: Sequence[list[Entry]], done: set[int], crew: Crew) -> None:
    """Score what has no rows yet. A piece whose workers died is tried again, one recording at a time."""
    missing = [number for number in range(len(pieces)) if number not in done]
    total = sum(map(len, pieces))
    alone: dict[int, list[Row]] = {}
    with progress("scoring, recordings", total) as advance:
        advance(total - sum(len(pieces[number]) for number in missing))
        for place, made in crew.each(score_piece, task, [pieces[number] for number in missing]):
            if isinstance(made, Lost):
                alone[missing[place]] = []
                continue
            rows.add(missing[place], made)
            advance(len(pieces[missing[place]]))
        singles = [(number, entry) for number in alone for entry in pieces[number]]
        for place, made in crew.each(score_piece, task, [[entry] for _, entry in singles]):
            number, entry = singles[place]
            alone[number] += lost_rows([entry], made.reason) if isinstance(made, Lost) else made
            advance(1)
        for number, found in alone.items():
            rows.add(
                number, sorted(found, key=lambda row: (list(task.conditions).index(row["condition"]), row["place"]))
            )


def _about(task: Task, systems: Sequence[str], entries: Iterable[Entry]) -> dict[str, str]:
    """What the rows are results of, in the words of an error."""
    return {
        "bundle": task.bundle_sha256,
        "engine": task.engine,
        "list of systems": ", ".join(systems),
        "list of metrics": ", ".join(task.metrics),
        "list of conditions": ", ".join(filter(None, task.conditions)) + f" {task.clean_snr or ''}",
        "corpus": _hash_of(entries),
        "version of stapes": stamp(),
    }


def _hash_of(entries: Iterable[Entry]) -> str:
    """Of names, noises and content: another mixture of the same names is another corpus."""
    whole = hashlib.sha256()
    for entry in entries:
        hashes = [_hash_of_file(path) for path in (entry.pair.noisy, entry.pair.clean)]
        whole.update(json.dumps([entry.pair.name, entry.noise, *hashes]).encode())
    return whole.hexdigest()


def _hash_of_file(path: Path) -> str:
    try:
        return sha256_of_file(path)
    except OSError:
        return ""  # told where it is read


def _scored(rows: Iterable[Row], task: Task, pairs: Sequence[Pair], systems: tuple[str, ...], rate: int) -> Scored:
    """The tables, from the file."""
    found: dict[str, list[Row]] = {condition: [] for condition in task.conditions}
    for row in rows:
        found[row["condition"]].append(row)
    for at_one in found.values():
        at_one.sort(key=lambda row: row["place"])
    tell_once(list(remarks_of(found[AS_RECORDED])))
    failed = [{"name": row["name"], "reason": row["reason"]} for row in found[AS_RECORDED] if row["reason"]]
    if len(failed) == len(found[AS_RECORDED]):
        raise StapesError(failed[0]["reason"])

    def sound(place: int) -> Sound:
        name = made[AS_RECORDED].files[place]["name"]
        return _sound_of(task, next(pair for pair in pairs if pair.name == name))

    made = {}
    for condition, metrics in task.conditions.items():
        scored = [row for row in found[condition] if not row["reason"]]
        if scored:
            files = list(_files(scored, systems, metrics))
            made[condition] = Evaluation(files, systems, metrics, rate, _joined_snr(scored), failed, sound)
    return Scored(made)


def _sound_of(task: Task, pair: Pair) -> Sound:
    contest = contest_of(task)
    recording = recording_of(pair, *read_pair(pair, contest.rate), "", contest.rate)
    return Sound(recording.clean, contest.run([recording])[0])


def _files(rows: Sequence[Row], systems: Sequence[str], metrics: Sequence[str]) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {
            "name": row["name"],
            "seconds": row["seconds"],
            "snr_db": row["snr_db"],
            "noise": row["noise"],
            "level_dbfs": row["level_dbfs"],
            "systems": scores_of(row, systems, metrics),
            "output_snr_db": row["output_snr_db"],
            "unmeasured": json.loads(row["unmeasured"] or "{}"),
        }


def _joined_snr(rows: Sequence[Row]) -> float:
    """As `snr_db` of all outputs one behind the other."""
    signal, error = (math.fsum(row[name] for row in rows) for name in ("signal_power", "error_power"))
    return math.inf if error == 0.0 else round(10.0 * math.log10(max(signal, 1e-300) / error), DECIMALS)
