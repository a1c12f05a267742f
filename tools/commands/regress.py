"""`stapes regress`: do all engines agree in every bit, with what was locked, and does the quality hold?"""

from __future__ import annotations

import time
from collections.abc import Container
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.table import Table

from ...firmware_sim.compare import Difference, first_difference, sha256_of, snr_db
from ...firmware_sim.engines.base import Engine
from ...firmware_sim.engines.float_engine import FloatEngine
from ...firmware_sim.engines.pipeline import PipelineEngine
from ...models.frontend import FrontEnd
from ...models.sound_files import q15_to_float, read_audio
from ..audio_files import DEMO, Batch, in_parts, read_batch
from ..bundle import Bundle, load_bundle
from ..console import err, print_json, progress
from ..defaults import DEVICE_ENGINE, DEVICE_SECONDS
from ..engines import DEVICE, EXACT, make_engine, unavailable
from ..metrics import aligned, measure
from ..network_regression import print_network_report, refuse_sound, run_network_regression
from ..regression import REFERENCE, Report, chosen, print_findings, settle_lock

MASK_SNR = "mask_snr_db"


def regress(bundle: Path, *, audio: list[Path] | None, engine: list[str] | None, update: bool, json: bool) -> None:
    """The command, whose options stand in `tools.cli.regress`."""
    opened = load_bundle(bundle)
    if opened.frontend is None:
        refuse_sound(audio or [])
        report = run_network_regression(opened, audio or [], engine, update)
        show = partial(print_network_report, report, audio or [])
    else:
        batch = read_batch(audio or sorted(DEMO.glob("*_noisy.flac")))
        report = run_regression(opened, batch, engine, update)
        show = partial(_print, report, batch)
    if json:
        print_json(report.to_json())
    else:
        show()
    if not report.passed:
        raise typer.Exit(1)


def run_regression(bundle: Bundle, batch: Batch, engines: list[str] | None = None, update: bool = False) -> Report:
    """Compare engines, lock and thresholds over a batch."""
    report = Report()
    names = chosen(engines, (*EXACT, DEVICE_ENGINE), (*EXACT, *DEVICE), unavailable(), report)
    if not update:
        bundle.lock()
    limits = _limits(bundle)
    outputs: dict[str, list[np.ndarray]] = {}
    masks: list[np.ndarray] = []
    made = {}
    for name in names:
        made[name] = make_engine(name, bundle)
        part = batch if engines or name not in DEVICE else _beginning(batch, bundle.require_frontend())
        kept = masks if name == REFERENCE and MASK_SNR in limits else None
        outputs[name] = _timed(name, made[name], part, report, kept)
        expected = [row[: len(got)] for row, got in zip(outputs[REFERENCE], outputs[name], strict=False)]
        equal = all((a == b).all() for a, b in zip(expected, outputs[name], strict=True))
        report.engines[name]["bits"] = "reference" if name == REFERENCE else "equal" if equal else "differ"
        if report.first_difference is None and not equal:
            report.first_difference = locate(made[REFERENCE], made[name], part, expected, outputs[name])
    settle_lock(bundle, batch.sha256(), report.engines[REFERENCE]["sha256"], report, update)
    report.thresholds = _thresholds(bundle, batch, limits, outputs[REFERENCE], masks)
    return report


def _beginning(batch: Batch, frontend: FrontEnd) -> Batch:
    """The first whole hops of the first file: a stream's output does not depend on what comes after it."""
    hops = int(DEVICE_SECONDS * frontend.sample_rate) // frontend.hop
    length = min(batch.lengths[0], hops * frontend.hop)
    return Batch(batch.paths[:1], batch.audio_q15[:1, :length], [length])


def _timed(
    name: str, engine: Engine, batch: Batch, report: Report, masks: list[np.ndarray] | None = None
) -> list[np.ndarray]:
    """Outputs by file; their masks (T, size) in q15 go into `masks`, where a list is given."""
    parts = in_parts(batch)
    hop = engine.frontend.hop
    total = sum(part.frames(hop) for part in parts)
    rows: list[np.ndarray] = []
    start = time.perf_counter()
    with progress(f"{name} engine, frames", total) as done:
        for part in parts:
            if masks is None:
                run = engine.run(part.audio_q15, progress=done)
            else:
                assert isinstance(engine, PipelineEngine)
                run = engine.run(part.audio_q15, trace=("mask_q15",), progress=done)
                traced = run.tensors["mask_q15"]
                masks += [mask[: -(-length // hop)] for mask, length in zip(traced, part.lengths, strict=True)]
            rows += part.trimmed(run.audio_q15)
    seconds = time.perf_counter() - start
    report.engines[name] = {
        "sha256": sha256_of(np.concatenate(rows)),
        "seconds": round(batch.seconds, 3),
        "realtime_factor": round(batch.seconds / seconds, 2),
    }
    return rows


def locate(
    reference: Engine, other: Engine, batch: Batch, expected: list[np.ndarray], got: list[np.ndarray]
) -> Difference | None:
    """Run both engines again, traced, over the file that differs first, up to the end of the frame after the difference."""
    hop = reference.frontend.hop
    places = [
        (int(np.argmax(a != b)), row) for row, (a, b) in enumerate(zip(expected, got, strict=True)) if (a != b).any()
    ]
    if not places:
        return None
    sample, row = min(places)
    audio = batch.audio_q15[row : row + 1, : (sample // hop + 1) * hop]
    found = first_difference(other.name, reference.run(audio, trace=True), other.run(audio, trace=True), hop)
    if found is None:
        return Difference(
            other.name, "audio_q15", row, sample // hop, sample % hop, int(expected[row][sample]), int(got[row][sample])
        )
    return Difference(found.engine, found.tensor, row, found.frame, found.index, found.expected, found.got)


def _limits(bundle: Bundle) -> dict[str, float]:
    """What the recipe promises. A complex mask is free where there is no sound: its SNR says nothing, the output's does."""
    limits = dict(bundle.recipe.thresholds)
    if bundle.require_frontend().complex_mask:
        limits.pop(MASK_SNR, None)
    return limits


def _thresholds(
    bundle: Bundle, batch: Batch, limits: dict[str, float], outputs: list[np.ndarray], masks: list[np.ndarray]
) -> dict[str, dict[str, Any]]:
    """What the recipe promises against what is."""
    if not limits:
        return {}
    values = _quality(bundle, batch, outputs, masks, wanted=limits)
    table = {}
    for name, limit in limits.items():
        value = values.get(name)
        if value is None:
            err.print(f"stapes: note: threshold {name} needs NAME_clean beside NAME_noisy; not checked")
            continue
        ok = value <= limit if name == "pesq_drop" else value >= limit
        table[name] = {"value": round(value, 4) if np.isfinite(value) else value, "limit": limit, "ok": bool(ok)}
    return table


def _quality(
    bundle: Bundle, batch: Batch, outputs: list[np.ndarray], masks_q15: list[np.ndarray], wanted: Container[str]
) -> dict[str, float]:
    """mask_snr_db, output_snr_db over all files together, and the mean loss of PESQ where clean partners stand beside."""
    frontend = bundle.require_frontend()
    reference = FloatEngine(bundle.float_onnx, frontend)
    masks, floats, drops = [], [], []
    for row, (path, output) in enumerate(zip(batch.paths, outputs, strict=True)):
        audio = batch.audio_q15[row : row + 1, : batch.lengths[row]]
        out = reference.trace_float(q15_to_float(audio))
        if MASK_SNR in wanted:
            masks.append((out["mask"][0].ravel(), masks_q15[row].ravel() / 32768.0))
        floats.append((out["output"][0], output / 32768.0))
        clean = path.with_name(path.name.replace("_noisy", "_clean"))
        if "pesq_drop" in wanted and clean != path and clean.is_file():
            reference_audio = read_audio(clean)
            before, after = (measure(reference_audio, aligned(x, frontend.delay))["pesq_wb"] for x in floats[-1])
            if before is not None and after is not None:
                drops.append(before - after)
    values = {"output_snr_db": _joined_snr(floats)} | ({MASK_SNR: _joined_snr(masks)} if masks else {})
    return values | ({"pesq_drop": float(np.mean(drops))} if drops else {})


def _joined_snr(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    return snr_db(np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs]))


def _print(report: Report, batch: Batch) -> None:
    table = Table(title=f"{len(batch.paths)} file(s), {batch.seconds:.1f} s", title_justify="left")
    for heading in ("engine", "output sha256", "x real time", "bits"):
        table.add_column(heading, justify="right" if heading == "x real time" else "left")
    whole = report.engines[REFERENCE]["seconds"]
    for name, entry in report.engines.items():
        bits = "DIFFER" if entry["bits"] == "differ" else entry["bits"]
        if entry["seconds"] < whole:
            bits += f", first {entry['seconds']:g} s (all with --engine {name})"
        table.add_row(name, entry["sha256"][:16], f"{entry['realtime_factor']:.1f}", bits)
    print_findings(report, table)
