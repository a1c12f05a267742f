"""A bundle scored: what does the pipeline do for speech, and what did the integers cost?"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...models.errors import Remark, StapesError
from ..audio import DEMO
from ..bundle import Bundle, opened
from ..enhance import SYSTEMS
from ..evaluation.checks import CleanCheck, LevelCheck, check_levels, check_ratio, clean_check, level_check
from ..evaluation.choice import chosen_metrics
from ..evaluation.contest import check_contest
from ..evaluation.fitted import fitting_json
from ..evaluation.page import check_examples, check_target, write_page
from ..evaluation.pieces import Task
from ..evaluation.recordings import read_noises
from ..evaluation.run import Evaluation, score_corpus
from ..given import given_path
from ..pairs import find_pairs
from ..work import ALL_CORES, Crew
from ..work.rows import check_results


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What `evaluate` found: figures of every recording and system, the two checks where they were asked for, the report's page."""

    bundle: Bundle
    corpus: Path
    engine: str
    evaluation: Evaluation
    level_check: LevelCheck | None = None
    clean_check: CleanCheck | None = None
    page: Path | None = None

    @property
    def systems(self) -> dict[str, dict[str, float | None]]:
        """System (`noisy`, `wiener`, `float`, `integer`, peers) -> metric -> mean over the recordings."""
        return self.evaluation.systems

    def to_json(self) -> dict[str, Any]:
        """What `stapes evaluate --json` prints behind its schema."""
        return {
            "bundle_sha256": self.bundle.hash,
            "recipe": self.bundle.recipe.name,
            "corpus": str(self.corpus),
            "engine": self.engine,
            "metrics": list(self.evaluation.metrics),
            "fitting": fitting_json(self.bundle.fitting),
            **self.evaluation.to_json(),
            "level_check": self.level_check.to_json() if self.level_check else None,
            "clean_check": self.clean_check.to_json() if self.clean_check else None,
        }


def evaluate(
    bundle: Bundle | str | os.PathLike[str],
    corpus: str | os.PathLike[str] = DEMO,
    *,
    engine: str = "numpy",
    metrics: str | Sequence[str] = "fast",
    against: Sequence[str] = (),
    levels: Sequence[float] = (),
    clean_snr: float | None = None,
    html: str | os.PathLike[str] | None = None,
    examples: Sequence[str] = (),
    workers: int = ALL_CORES,
    scheduler: str | None = None,
    results: str | os.PathLike[str] | None = None,
) -> Evaluated:
    """Score noisy, Wiener-filtered, float and integer output against clean speech, with standard errors and paired tests.

    bundle    a `Bundle`, or its folder
    corpus    a folder of pairs: NAME_noisy.* beside NAME_clean.*, or the subfolders noisy/ and clean/; default: the demo recordings
    engine    of the integer pipeline: `numpy`, `native` or `tflm`
    metrics   names or groups, one after another or between commas: `fast`, `pesq`, `stoi`, `dnsmos`, ..., `all`
    against   other noise suppressors, run over the same recordings: `rnnoise`
    levels    at least two, in dBFS: PESQ again with the noisy recordings' peaks there
    clean_snr in dB: PESQ again with the same noises at this SNR
    html      where a report is written: NAME.html holds everything, a folder has the sound beside it
    examples  recordings to listen to in the report; default: best, median and worst
    workers   processes on this machine; 0 takes all cores; few recordings are scored in this one
    scheduler of Dask, `tcp://HOST:PORT`, whose workers on many machines are used instead
    results   NAME.parquet: a row for each recording, written as they come; a run that was stopped goes on there

    Of a bundle with a fitting `haspi` and `hasqi` are for the listener of its audiogram, who hears the equaliser; all other metrics are of
    the sound without it.

    A recording that cannot be read or scored is named in `evaluation.failed`, with the reason, and left out of all figures.
    Metrics whose package is not installed are left out of `all` with a warning, a `Remark`. Raises StapesError: no bundle or no
    pairs, an unknown word, a bundle without an audio path, a report that cannot be written, a scheduler that does not answer,
    `results` of something else; all that before the work. And where no recording can be scored.

    >>> found = evaluate(bundle, pairs, metrics="stoi", workers=1)
    >>> found.evaluation.names
    ('noisy', 'wiener', 'float', 'integer')
    >>> 0.0 < found.systems["integer"]["stoi"] <= 1.0
    True
    """
    of = opened(bundle)
    fitted = of.fitting is not None
    names, missing = chosen_metrics(metrics if isinstance(metrics, str) else ",".join(metrics), fitted)
    if levels:
        check_levels(levels, "--levels")
    if clean_snr is not None:
        check_ratio(clean_snr)
    folder, target = given_path(corpus, "a corpus"), Path(html) if html is not None else None
    if target is not None:
        check_target(target)
    kept = Path(results) if results is not None else None
    if kept is not None:
        check_results(kept)
    rate = of.require_sound_path().sample_rate
    check_contest(engine, against)
    systems = (*SYSTEMS, *dict.fromkeys(against))
    pairs = find_pairs(folder)
    noises = read_noises(folder)
    if examples and target is None:
        raise StapesError("--example: names what --html shows; give --html too")
    check_examples(examples, [pair.name for pair in pairs], len(systems))
    for reason in missing.values():
        warnings.warn(f"left out: {reason}", Remark, stacklevel=2)
    where = Path(of.folder).absolute()
    task = Task(str(where), of.hash, engine, systems[len(SYSTEMS) :], tuple(names), tuple(levels), clean_snr)
    with Crew(workers, scheduler) as crew:
        crew.connect([where, folder])
        scored = score_corpus(task, [pair.absolute() for pair in pairs], noises, systems, rate, crew, kept)
    result = scored.as_recorded
    level = level_check(scored, levels) if levels else None
    clean = clean_check(scored, clean_snr) if clean_snr is not None else None
    page = write_page(target, of, folder, engine, result, level, clean, examples) if target is not None else None
    return Evaluated(of, folder, engine, result, level, clean, page)
