"""Do all engines agree in every bit, with what was locked, and does the quality hold?"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Container, Sequence
from typing import Any

import numpy as np

from ...firmware_sim.compare import Difference, first_difference, sha256_of, snr_db
from ...firmware_sim.engines.audio import AudioEngine
from ...firmware_sim.engines.float_engine import FloatEngine
from ...firmware_sim.engines.pipeline import Pipeline
from ...models.audio import SoundPath
from ...models.errors import Remark, StapesError
from ...models.sound_files import q15_to_float, read_audio
from ..audio_files import Batch, demo_recordings, in_parts, read_batch
from ..bundle import Bundle, opened
from ..defaults import DEVICE_ENGINE, DEVICE_SECONDS
from ..engines import DEVICE, EXACT, make_engine, unavailable
from ..given import given, given_paths
from ..metrics import aligned, measure
from ..network_regression import refuse_sound, run_network_regression
from ..progress import progress
from ..regression import REFERENCE, EngineOutput, Output, Report, chosen, settle_lock

MASK_SNR = "mask_snr_db"


def regress(
    bundle: Bundle | str | os.PathLike[str],
    audio: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
    *,
    engine: str | Sequence[str] = (),
    update: bool = False,
    lock: bool = True,
) -> Report:
    """Run all integer engines over recordings and compare them bit by bit, with each other and with what was locked.

    bundle   a `Bundle`, or its folder
    audio    sound files (wav, flac, ogg, mp3, aiff), or folders of them; default: the demo recordings. For a network without an
             audio path .npz files of frames; default: its golden vectors
    engine   those to hold against numpy, over all of the audio; default: all that run here, `cortex-m7` over the first second
    update   lock the outputs in the bundle; what is locked of other recordings stays
    lock     hold the outputs to the lock, where there is one; False compares the engines alone

    The report's `passed` is False at the first disagreement, changed output, recording that a lock does not hold, or missed threshold; `to_json` is what
    `stapes regress --json` prints behind its schema. Raises StapesError: no bundle, audio that cannot be read, an engine that cannot be held to the
    bit or is not here, outputs to be locked while engines disagree.

    >>> report = regress(bundle, recording, engine="native")
    >>> report.passed, report.engines["native"].bits
    (True, 'equal')
    """
    of, files = opened(bundle), given_paths(audio)
    given(update, bool, "a choice, update")
    given(lock, bool, "a choice, lock")
    names = [engine] if isinstance(engine, str) else list(engine)
    if update and not lock:
        raise StapesError("--update and --no-lock are opposites: give one of them")
    if of.sound_path is None:
        refuse_sound(files)
        return run_network_regression(of, files, names, update, lock)
    return run_regression(of, read_batch(files or demo_recordings(), of.sound_path.sample_rate), names, update, lock)


def run_regression(
    bundle: Bundle, batch: Batch, engines: Sequence[str] = (), update: bool = False, lock: bool = True
) -> Report:
    """Compare engines, lock and thresholds over a batch."""
    report = Report(files=len(batch.paths))
    names = chosen(engines, (*EXACT, DEVICE_ENGINE), (*EXACT, *DEVICE), unavailable(), report)
    if lock:
        bundle.lock(update)  # what is no lock of this bundle is told before the work
    limits = _limits(bundle)
    outputs: dict[str, list[np.ndarray]] = {}
    masks: list[dict[str, np.ndarray]] = []
    made = {}
    for name in names:
        made[name] = make_engine(name, bundle)
        part = batch if engines or name not in DEVICE else _beginning(batch, bundle.require_sound_path())
        kept = masks if name == REFERENCE and MASK_SNR in limits else None
        outputs[name] = _timed(name, made[name], part, report, kept)
        expected = [row[: len(got)] for row, got in zip(outputs[REFERENCE], outputs[name], strict=False)]
        equal = all((a == b).all() for a, b in zip(expected, outputs[name], strict=True))
        if name != REFERENCE:
            report.engines[name].bits = "equal" if equal else "differ"
        if report.first_difference is None and not equal:
            report.first_difference = locate(made[REFERENCE], made[name], part, expected, outputs[name])
    if lock:
        whole = Output("the recordings", batch.sha256(), report.engines[REFERENCE].sha256)
        labels = map(str, batch.paths)
        rows = zip(labels, batch.hashes(), map(sha256_of, outputs[REFERENCE]), strict=True)
        settle_lock(bundle, whole, [Output(*row) for row in rows], report, update)
    report.thresholds = _thresholds(bundle, batch, limits, outputs[REFERENCE], masks)
    return report


def _beginning(batch: Batch, sound_path: SoundPath) -> Batch:
    """The first whole hops of the first file: a stream's output does not depend on what comes after it."""
    hops = int(DEVICE_SECONDS * sound_path.sample_rate) // sound_path.hop
    length = min(batch.lengths[0], hops * sound_path.hop)
    return Batch(batch.paths[:1], batch.audio_q15[:1, :length], [length])


def _timed(
    name: str, engine: AudioEngine, batch: Batch, report: Report, masks: list[dict[str, np.ndarray]] | None = None
) -> list[np.ndarray]:
    """Outputs by file; what their network made by the names of `SoundPath.asked`, (T, size), goes into `masks`, where a list is given."""
    parts = in_parts(batch)
    hop = engine.sound_path.hop
    total = sum(part.frames(hop) for part in parts)
    rows: list[np.ndarray] = []
    start = time.perf_counter()
    with progress(f"{name} engine, frames", total) as done:
        for part in parts:
            if masks is None:
                run = engine.run(part.audio_q15, progress=done)
            else:
                assert isinstance(engine, Pipeline)
                names = [quantity.name for quantity in engine.sound_path.asked]
                run = engine.run(part.audio_q15, trace=names, progress=done)
                masks += [
                    {asked: run.tensors[asked][row, : -(-length // hop)] for asked in names}
                    for row, length in enumerate(part.lengths)
                ]
            rows += part.trimmed(run.audio_q15)
    seconds = time.perf_counter() - start
    report.engines[name] = EngineOutput(
        sha256_of(np.concatenate(rows)),
        seconds=round(batch.seconds, 3),
        realtime_factor=round(batch.seconds / seconds, 2),
    )
    return rows


def locate(
    reference: AudioEngine, other: AudioEngine, batch: Batch, expected: list[np.ndarray], got: list[np.ndarray]
) -> Difference | None:
    """Run both engines again, traced, over the file that differs first, up to the end of the frame after the difference."""
    hop = reference.sound_path.hop
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
    """What the recipe promises; of a mask that is judged by the sound the SNR says nothing."""
    limits = dict(bundle.recipe.thresholds)
    if bundle.require_sound_path().judged_by_sound:
        limits.pop(MASK_SNR, None)
    return limits


def _thresholds(
    bundle: Bundle,
    batch: Batch,
    limits: dict[str, float],
    outputs: list[np.ndarray],
    masks: list[dict[str, np.ndarray]],
) -> dict[str, dict[str, Any]]:
    """What the recipe promises against what is."""
    if not limits:
        return {}
    values = _quality(bundle, batch, outputs, masks, wanted=limits)
    table = {}
    for name, limit in limits.items():
        value = values.get(name)
        if value is None:
            words = f"threshold {name} needs NAME_clean beside NAME_noisy; not checked"
            warnings.warn(words, Remark, stacklevel=3)
            continue
        ok = value <= limit if name == "pesq_drop" else value >= limit
        table[name] = {"value": round(value, 4) if np.isfinite(value) else value, "limit": limit, "ok": bool(ok)}
    return table


def _quality(
    bundle: Bundle,
    batch: Batch,
    outputs: list[np.ndarray],
    masks: list[dict[str, np.ndarray]],
    wanted: Container[str],
) -> dict[str, float]:
    """mask_snr_db, output_snr_db over all files together, and the mean loss of PESQ where clean partners stand beside.

    Of a network with several outputs mask_snr_db is that of the worst one.
    """
    sound_path = bundle.require_sound_path()
    reference = FloatEngine(bundle.float_onnx, sound_path)
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    floats, drops = [], []
    for row, (path, output) in enumerate(zip(batch.paths, outputs, strict=True)):
        audio = batch.audio_q15[row : row + 1, : batch.lengths[row]]
        out = reference.trace_float(q15_to_float(audio))
        if MASK_SNR in wanted:
            for asked in sound_path.asked:
                real = masks[row][asked.name].ravel() / 2.0**asked.fraction_bits
                pairs.setdefault(asked.name, []).append((out[asked.plain][0].ravel(), real))
        floats.append((out["output"][0], output / 32768.0))
        clean = path.with_name(path.name.replace("_noisy", "_clean"))
        if "pesq_drop" in wanted and clean != path and clean.is_file():
            reference_audio = read_audio(clean, rate=batch.rate)
            before, after = (
                measure(reference_audio, aligned(x, sound_path.delay), batch.rate)["pesq_wb"] for x in floats[-1]
            )
            if before is not None and after is not None:
                drops.append(before - after)
    values = {"output_snr_db": _joined_snr(floats)}
    values |= {MASK_SNR: min(map(_joined_snr, pairs.values()))} if pairs else {}
    return values | ({"pesq_drop": float(np.mean(drops))} if drops else {})


def _joined_snr(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    return snr_db(np.concatenate([a for a, _ in pairs]), np.concatenate([b for _, b in pairs]))
