"""`stapes evaluate`: what the pipeline does for speech and what the integers cost, as tables or JSON."""

from __future__ import annotations

from pathlib import Path

from ...models.errors import StapesError
from ..audio import DEMO
from ..console import console, print_json
from ..evaluation.benchmarks import benchmark_of
from ..evaluation.checks import parse_levels
from ..evaluation.fitted import fitting_words
from ..evaluation.tables import clean_words, group_tables, level_table, level_words, overall_tables
from ..library.evaluate import Evaluated
from ..library.evaluate import evaluate as evaluate_bundle
from ..metrics import LABELS, METRICS

SLOW_EXAMPLE = "fast,dnsmos,haspi_moderate,hasqi_moderate"


def evaluate(
    bundle: Path,
    *,
    corpus: Path,
    benchmark: tuple[str, Path] | None,
    engine: str,
    metrics: str,
    against: list[str] | None,
    levels: str | None,
    clean_snr: float | None,
    html: Path | None,
    example: list[str] | None,
    workers: int,
    scheduler: str | None,
    results: Path | None,
    json: bool,
) -> None:
    """The command, whose options stand in `tools.cli.evaluate`."""
    if benchmark is not None:
        if corpus != DEMO or metrics != "fast":
            raise StapesError("--benchmark brings its own recordings and metrics; leave --corpus and --metrics out")
        name, corpus = benchmark
        metrics = benchmark_of(name, corpus).metrics
    result = evaluate_bundle(
        bundle,
        corpus,
        engine=engine,
        metrics=metrics,
        against=against or (),
        levels=parse_levels(levels) if levels is not None else (),
        clean_snr=clean_snr,
        html=html,
        examples=example or (),
        workers=workers,
        scheduler=scheduler,
        results=results,
    )
    if json:
        print_json("stapes-evaluate-1", result.to_json())
        return
    _print(result)
    if result.page is not None:
        console.print(f"report: {result.page}")


def _print(evaluated: Evaluated) -> None:
    result, level, clean = evaluated.evaluation, evaluated.level_check, evaluated.clean_check
    minutes = sum(file["seconds"] for file in result.files) / 60.0
    title = f"{evaluated.corpus}: {len(result.files)} recording(s), {minutes:.1f} min, means ± standard errors, paired t-tests"
    for table in (*overall_tables(result, title), *group_tables(result)):
        console.print(table)
    console.print(f"integer ({evaluated.engine} engine) against float output: {result.output_snr_db:.1f} dB SNR")
    if evaluated.bundle.fitting is not None:
        console.print(fitting_words(evaluated.bundle.fitting, result.metrics))
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
    for failed in result.failed:
        console.print(f"not scored: {failed['name']}: {failed['reason']}")
