"""`stapes evaluate`: what does the pipeline do for speech, and what did the integers cost?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from firmware_sim.compare import snr_db
from firmware_sim.engines.float_engine import FloatEngine
from models.audio import as_q15
from models.errors import StapesError
from models.frontend import SAMPLE_RATE
from tools.audio_files import DEMO
from tools.bundle import Bundle, load_bundle
from tools.console import console, print_json, progress
from tools.engines import EXACT, make_engine
from tools.enhance import SYSTEMS, enhance, frames_to_do
from tools.metrics import DECIMALS, LABELS, METRICS, means
from tools.pairs import Pair, find_pairs, read_pairs
from tools.scoring import available_cores, score_all

DIGITS = {"pesq_wb": 3, "stoi": 4, "estoi": 4, "si_sdr": 2}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures of a corpus: `files` as in the JSON, `systems` their means.

    For each file: `outputs` system -> samples (S,) in time with the input, and `cleans`, the clean partner (S,).
    """

    files: list[dict[str, Any]]
    systems: dict[str, dict[str, float | None]]
    outputs: list[dict[str, np.ndarray]]
    cleans: list[np.ndarray]

    @property
    def integer_minus_float(self) -> dict[str, float | None]:
        """Difference of the means, metric by metric; None where one is not defined."""
        pairs = {name: (self.systems["integer"][name], self.systems["float"][name]) for name in METRICS}
        return {name: None if a is None or b is None else round(a - b, DECIMALS) for name, (a, b) in pairs.items()}

    @property
    def output_snr_db(self) -> float:
        """SNR of the integer output against the float output over all files together."""
        joined = [np.concatenate([outputs[system] for outputs in self.outputs]) for system in ("float", "integer")]
        return round(snr_db(*joined), DECIMALS)


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Bundle made by `stapes quantize`.")],
    corpus: Annotated[
        Path,
        typer.Option(
            help="Folder with NAME_noisy and NAME_clean files, or with the subfolders noisy and clean. Default: the demo recordings.",
            show_default=False,
        ),
    ] = DEMO,
    engine: Annotated[str, typer.Option(help="Engine of the integer pipeline: numpy, native or tflm.")] = "numpy",
    jobs: Annotated[int, typer.Option(min=0, help="Processes for the metrics; 0 takes all cores.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result on standard output.")] = False,
) -> None:
    """Score noisy, Wiener-filtered, float and integer output against clean speech: PESQ, STOI, ESTOI, SI-SDR.

    Examples:

    `stapes evaluate build/mask --corpus voicebank/`

    `stapes evaluate build/mask --corpus pairs/ --engine native --json`
    """
    opened = load_bundle(bundle)
    pairs = find_pairs(corpus)
    result = evaluate_pairs(opened, pairs, engine, jobs or available_cores())
    if json:
        print_json(_document(opened, corpus, engine, result))
    else:
        _print(corpus, engine, result)


def evaluate_pairs(bundle: Bundle, pairs: list[Pair], engine: str, jobs: int) -> Evaluation:
    """Run all systems over the pairs and score them; raises StapesError for audio or engines that cannot be used."""
    if engine not in EXACT:
        raise StapesError(f"engine {engine!r} is not an integer engine; choose from {', '.join(EXACT)}")
    frontend = bundle.require_frontend()
    float_engine, integer_engine = FloatEngine(bundle.float_onnx, frontend), make_engine(engine, bundle)
    recordings = read_pairs(pairs)
    noisy = [as_q15(pair.noisy, noisy) for pair, (noisy, _) in zip(pairs, recordings, strict=True)]
    with progress("enhancing, frames", frames_to_do(noisy, frontend)) as done:
        outputs = enhance(noisy, float_engine, integer_engine, done)
    tasks = [(clean, made[system]) for (_, clean), made in zip(recordings, outputs, strict=True) for system in SYSTEMS]
    with progress("scoring, recordings", len(tasks)) as done:
        scored = iter(score_all(tasks, jobs, done))
    files: list[dict[str, Any]] = []
    for pair, made in zip(pairs, outputs, strict=True):
        by_system = {system: next(scored) for system in SYSTEMS}
        reasons = {
            system: {name: score.reason for name, score in row.items() if score.value is None}
            for system, row in by_system.items()
        }
        files.append(
            {
                "name": pair.name,
                "seconds": len(made["noisy"]) / SAMPLE_RATE,
                "systems": {s: {name: score.value for name, score in row.items()} for s, row in by_system.items()},
                "output_snr_db": round(snr_db(made["float"], made["integer"]), DECIMALS),
                "unmeasured": {system: names for system, names in reasons.items() if names},
            }
        )
    return Evaluation(files, means([file["systems"] for file in files]), outputs, [clean for _, clean in recordings])


def _document(bundle: Bundle, corpus: Path, engine: str, result: Evaluation) -> dict[str, Any]:
    return {
        "bundle_sha256": bundle.hash,
        "recipe": bundle.recipe.name,
        "corpus": str(corpus),
        "engine": engine,
        "systems": result.systems,
        "integer_minus_float": result.integer_minus_float,
        "output_snr_db": result.output_snr_db,
        "files": result.files,
    }


def _print(corpus: Path, engine: str, result: Evaluation) -> None:
    minutes = sum(file["seconds"] for file in result.files) / 60.0
    console.print(
        scores_table(result, f"{escape(str(corpus))}: {len(result.files)} recording(s), {minutes:.1f} min, means")
    )
    console.print(f"integer ({engine} engine) against float output: {result.output_snr_db:.1f} dB SNR")
    for file in result.files:
        for system, names in file["unmeasured"].items():
            for name, reason in names.items():
                console.print(
                    f"left out of the means: {file['name']}, {system}, {LABELS[name]}: {reason}", markup=False
                )


def scores_table(result: Evaluation, title: str) -> Table:
    """Means, one line a system, and what the integers cost."""
    table = Table(title=title, title_justify="left")
    table.add_column("system")
    for label in LABELS.values():
        table.add_column(label, justify="right")
    for system, row in result.systems.items():
        table.add_row(system, *(figure(row[name], name) for name in LABELS), end_section=system == SYSTEMS[-1])
    difference = result.integer_minus_float
    table.add_row("integer - float", *(figure(difference[name], name, sign="+") for name in LABELS))
    return table


def figure(value: float | None, metric: str, sign: str = "") -> str:
    """A metric's value with its usual number of digits.

    >>> figure(1.0, "pesq_wb"), figure(-0.00012, "stoi", sign="+"), figure(None, "si_sdr")
    ('1.000', '-0.0001', 'none')
    """
    return "none" if value is None else f"{value:{sign}z.{DIGITS[metric]}f}"
