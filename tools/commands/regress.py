"""`stapes regress`: what the engines did, as a table or JSON; exit code 1 where it is not as it should be."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.table import Table

from ...models.text import in_short
from ..console import console, print_json
from ..library.regress import regress as regress_bundle
from ..network_regression import GOLDEN
from ..regression import REFERENCE, UNLOCKED, Report


def regress(
    bundle: Path,
    *,
    audio: list[Path] | None,
    engine: list[str] | None,
    update: bool,
    lock: bool,
    workers: int,
    scheduler: str | None,
    json: bool,
) -> None:
    """The command, whose options stand in `tools.cli.regress`."""
    report = regress_bundle(
        bundle, audio or (), engine=engine or (), update=update, lock=lock, workers=workers, scheduler=scheduler
    )
    if json:
        print_json("stapes-regress-1", report.to_json())
    else:
        _print_findings(
            report,
            _of_frames(report) if report.engines[REFERENCE].frames is not None else _of_sound(report),
            lock,
        )
    if not report.passed:
        raise typer.Exit(1)


def _of_sound(report: Report) -> Table:
    whole = report.engines[REFERENCE].seconds or 0.0
    table = Table(title=f"{report.files} file(s), {whole:.1f} s", title_justify="left")
    for heading in ("engine", "output sha256", "x real time", "bits"):
        table.add_column(heading, justify="right" if heading == "x real time" else "left")
    for name, entry in report.engines.items():
        bits = "DIFFER" if entry.bits == "differ" else entry.bits
        if (heard := entry.seconds or 0.0) < whole:
            bits += f", first {heard:g} s (all with --engine {name})"
        table.add_row(name, entry.sha256[:16], f"{entry.realtime_factor:.1f}", bits)
    return table


def _of_frames(report: Report) -> Table:
    frames = report.engines[REFERENCE].frames
    table = Table(
        title=f"{f'{report.files} file(s)' if report.files else GOLDEN}, {frames} frames", title_justify="left"
    )
    for heading in ("engine", "output sha256", "us a frame", "bits"):
        table.add_column(heading, justify="right" if heading == "us a frame" else "left")
    for name, entry in report.engines.items():
        bits = "DIFFER" if entry.bits == "differ" else entry.bits
        table.add_row(name, entry.sha256[:16], f"{entry.microseconds_a_frame:,.0f}", bits)
    return table


def _of_lock(report: Report) -> str:
    """How the outputs stand to the lock, and what to do about it."""
    if report.locked == UNLOCKED:
        return f"{UNLOCKED}; to lock it, so that a change is seen: the same command with --update"
    told = f"differs: {in_short(report.changed)}; " if report.changed else ""
    if report.not_locked:
        told += (
            f"not of {in_short(report.not_locked)}: --update adds what is missing, --no-lock compares the engines only"
        )
    return told.removesuffix("; ") or report.locked


def _print_findings(report: Report, table: Table, lock: bool) -> None:
    """The table of engines, those that were skipped under it; the first difference, the lock, the thresholds, the verdict."""
    for name, reason in report.skipped.items():
        table.add_row(name, "skipped", "", reason)
    console.print(table)
    if report.first_difference:
        console.print(f"first difference: {report.first_difference}")
    if lock:
        console.print(f"locked output: {_of_lock(report)}")
    for name, entry in report.thresholds.items():
        sign = "<=" if name == "pesq_drop" else ">="
        console.print(
            f"{'ok    ' if entry['ok'] else 'MISSED'} {name}: {entry['value']} (must be {sign} {entry['limit']})",
        )
    console.print("passed" if report.passed else "FAILED")
