"""`stapes evaluate`: what does the pipeline do for speech, and what did the integers cost?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...models.errors import StapesError
from ..bundle import Bundle, load_bundle
from ..console import console, err, print_json
from ..evaluation.checks import CleanCheck, LevelCheck, check_ratio, clean_check, level_check, parse_levels
from ..evaluation.choice import chosen_metrics
from ..evaluation.page import check_examples, check_target, write_page
from ..evaluation.recordings import read_recordings
from ..evaluation.run import Evaluation, evaluate_recordings, make_contest
from ..evaluation.tables import clean_words, group_tables, level_table, level_words, overall_tables
from ..metrics import LABELS, METRICS
from ..pairs import find_pairs
from ..scoring import available_cores

SLOW_EXAMPLE = "fast,dnsmos,haspi_moderate,hasqi_moderate"


def evaluate(
    bundle: Path,
    *,
    corpus: Path,
    engine: str,
    metrics: str,
    against: list[str] | None,
    levels: str | None,
    clean_snr: float | None,
    html: Path | None,
    example: list[str] | None,
    jobs: int,
    json: bool,
) -> None:
    """The command, whose options stand in `tools.cli.evaluate`."""
    names, missing = chosen_metrics(metrics)
    wanted_levels = parse_levels(levels) if levels is not None else ()
    if clean_snr is not None:
        check_ratio(clean_snr)
    if html is not None:
        check_target(html)
    opened = load_bundle(bundle)
    recordings = read_recordings(find_pairs(corpus), corpus)
    contest = make_contest(opened, engine, against or ())
    if example and not html:
        raise StapesError("--example: names what --html shows; give --html too")
    check_examples(example or (), [recording.name for recording in recordings], len(contest.systems))
    for reason in missing.values():
        err.print(f"stapes: note: left out: {reason}")
    cores = jobs or available_cores()
    result = evaluate_recordings(contest, recordings, cores, names)
    level = level_check(contest, recordings, wanted_levels, cores) if wanted_levels else None
    clean = clean_check(contest, recordings, clean_snr, cores) if clean_snr is not None else None
    page = write_page(html, opened, corpus, engine, result, level, clean, example or ()) if html is not None else None
    if json:
        print_json(_document(opened, corpus, engine, result, level, clean))
        return
    _print(corpus, engine, result, level, clean)
    if page is not None:
        console.print(f"report: {page}")


def _document(
    bundle: Bundle, corpus: Path, engine: str, result: Evaluation, level: LevelCheck | None, clean: CleanCheck | None
) -> dict[str, Any]:
    return {
        "bundle_sha256": bundle.hash,
        "recipe": bundle.recipe.name,
        "corpus": str(corpus),
        "engine": engine,
        "metrics": list(result.metrics),
        **result.to_json(),
        "level_check": level.to_json() if level else None,
        "clean_check": clean.to_json() if clean else None,
    }


def _print(corpus: Path, engine: str, result: Evaluation, level: LevelCheck | None, clean: CleanCheck | None) -> None:
    minutes = sum(file["seconds"] for file in result.files) / 60.0
    title = f"{corpus}: {len(result.files)} recording(s), {minutes:.1f} min, means ± standard errors, paired t-tests"
    for table in (*overall_tables(result, title), *group_tables(result)):
        console.print(table)
    console.print(f"integer ({engine} engine) against float output: {result.output_snr_db:.1f} dB SNR")
    if level:
        console.print(level_table(level))
    for line in (*(level_words(level) if level else ()), *(clean_words(clean) if clean else ())):
        console.print(line)
    if set(result.metrics) <= set(METRICS):
        console.print(f"slow metrics, seconds a recording and system: --metrics {SLOW_EXAMPLE}")
    for file in result.files:
        for system, names in file["unmeasured"].items():
            for name, reason in names.items():
                console.print(f"left out of the means: {file['name']}, {system}, {LABELS[name]}: {reason}")
