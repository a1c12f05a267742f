"""`stapes evaluate`: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..audio import DEMO
from .crew import Scheduler, Workers
from .loading import loading


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
    benchmark: Annotated[
        tuple[str, Path] | None,
        typer.Option(
            metavar="NAME FOLDER",
            help="A published test set as its authors hand it out, in place of --corpus and --metrics: voicebank-demand.",
            show_default=False,
        ),
    ] = None,
    metrics: Annotated[
        str,
        typer.Option(
            help="Metrics between commas: fast (pesq, stoi, estoi, si_sdr); composite (csig, cbak, covl); dnsmos, haspi and hasqi are slow, seconds a recording "
            "and system, one listener alone with haspi_moderate, or with a fitting its own; all."
        ),
    ] = "fast",
    against: Annotated[
        list[str] | None, typer.Option(help="Another noise suppressor, run over the same recordings: rnnoise.")
    ] = None,
    levels: Annotated[
        str | None,
        typer.Option(help="Score PESQ again with the peaks of the noisy recordings at these levels in dBFS: -10,-40."),
    ] = None,
    clean_snr: Annotated[
        float | None,
        typer.Option(
            help="Score PESQ again with the same noises at this SNR in dB: is clean speech left alone? Try 30."
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Write a report with pictures and sound: NAME.html holds everything, a folder has the sound beside it."
        ),
    ] = None,
    example: Annotated[
        list[str] | None,
        typer.Option(help="Recording to listen to in the report; may be repeated. Default: best, median and worst."),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            help="NAME.parquet: a row for each recording, written as they come. The same command goes on where it was stopped."
        ),
    ] = None,
    workers: Workers = 0,
    scheduler: Scheduler = None,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result on standard output.")] = False,
) -> None:
    """Score noisy, Wiener-filtered, float and integer output against clean speech, with standard errors and paired tests.

    Examples:

    `stapes evaluate build/mask --corpus voicebank/`

    `stapes evaluate build/mask --corpus pairs/ --engine native --json`

    `stapes evaluate build/mask --corpus pairs/ --against rnnoise --metrics fast,dnsmos,haspi_moderate,hasqi_moderate`

    `stapes evaluate build/mask --corpus pairs/ --levels -10,-25,-40 --clean-snr 30`

    `stapes evaluate build/mask --corpus pairs/ --results pairs.parquet --scheduler tcp://lab:8786`

    `stapes evaluate build/mask --benchmark voicebank-demand voicebank/`

    `stapes evaluate build/mask --corpus pairs/ --html report.html --example test-00007`
    """
    with loading():
        from ..commands import evaluate as command
    command.evaluate(
        bundle,
        corpus=corpus,
        benchmark=benchmark,
        engine=engine,
        metrics=metrics,
        against=against,
        levels=levels,
        clean_snr=clean_snr,
        html=html,
        example=example,
        workers=workers,
        scheduler=scheduler,
        results=results,
        json=json,
    )
