"""The regression of a bundle with an audio path: every integer engine over recordings, piece by piece, here or in workers.

No process holds more than a piece of the recordings, and what of the pieces came too early.
"""

from __future__ import annotations

import hashlib
import math
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..firmware_sim.compare import Difference, first_difference, sha256_of
from ..firmware_sim.engines.audio import AudioEngine
from ..firmware_sim.engines.float_engine import FloatEngine
from ..firmware_sim.engines.pipeline import Pipeline
from ..models.audio import SoundPath
from ..models.errors import Remark, StapesError
from ..models.sound_files import list_audio, q15_to_float, read_audio
from .audio_files import Batch, read_batch, seconds_of
from .bundle import Bundle, load_bundle
from .defaults import DEVICE_ENGINE, DEVICE_SECONDS
from .engines import DEVICE, EXACT, make_engine, unavailable
from .metrics import aligned, measure
from .pairs import tell_once
from .progress import progress
from .regression import REFERENCE, EngineOutput, Output, Report, chosen, settle_lock
from .work import Crew, Lost

MASK_SNR, OUTPUT_SNR, PESQ_DROP = "mask_snr_db", "output_snr_db", "pesq_drop"
# Recordings a piece, and how much sound of them; and of how much another process is worth its start.
PIECE, PIECE_SECONDS, PROCESS_SECONDS = 16, 120.0, 60.0


@dataclass(frozen=True)
class Task:
    """What a worker must know of a regression. `run` names it: its engines are kept from piece to piece."""

    bundle: str
    bundle_sha256: str
    engines: tuple[str, ...]
    asked: bool
    wanted: tuple[str, ...]
    alone: bool
    run: str


@dataclass(frozen=True)
class Stretch:
    """Some recordings, of which the first has number `first` among all."""

    first: int
    paths: list[Path]


@dataclass
class Heard:
    """What an engine made of a piece: its `outputs` only where they are not all of the reference's.

    `place` is the sample and the number of the recording where it differs first, None where it does not.
    """

    seconds: float
    audio_seconds: float
    outputs: list[np.ndarray] | None = None
    place: tuple[int, int] | None = None
    difference: Difference | None = None


@dataclass
class Part:
    """What a piece came to: hashes of the inputs (S,), outputs of the reference (S,) q15, and what each engine made.

    `powers` has for each signal that is held to float the energies of it and of what the integers changed, one a recording.
    """

    paths: list[Path]
    hashes: list[str]
    seconds: float
    reference: list[np.ndarray]
    engines: dict[str, Heard] = field(default_factory=dict)
    powers: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    pesq_drops: list[float] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def run_regression(
    bundle: Bundle,
    audio: Sequence[Path],
    engines: Sequence[str] = (),
    update: bool = False,
    lock: bool = True,
    crew: Crew | None = None,
) -> Report:
    """Compare engines, lock and thresholds over recordings, files or folders of them.

    Raises StapesError for a recording that cannot be read, and where workers die of one.
    """
    files = list_audio(audio)
    report = Report(files=len(files))
    names = chosen(engines, (*EXACT, DEVICE_ENGINE), (*EXACT, *DEVICE), unavailable(), report)
    if lock:
        bundle.lock(update)  # what is no lock of this bundle is told before the work
    limits = _limits(bundle)
    whole = _Whole(names)
    pieces = in_pieces(files)
    crew = crew or Crew(1)
    crew.worth(int(sum(map(seconds_of, files)) / PROCESS_SECONDS))
    task = Task(
        str(bundle.folder),
        bundle.hash,
        tuple(names),
        bool(engines),
        tuple(limits),
        alone=len(pieces) == 1,
        run=uuid.uuid4().hex,
    )
    _held[:] = [(task.run, bundle, {})]
    crew.connect([bundle.folder, *files])
    try:
        for part in _in_order(crew, task, pieces):
            whole.add(part)
    finally:
        _held.clear()
    tell_once(whole.remarks)
    whole.report(report)
    if lock:
        settle_lock(bundle, whole.output(), whole.outputs, report, update)
    report.thresholds = _thresholds(limits, whole)
    return report


def in_pieces(files: Sequence[Path]) -> list[Stretch]:
    """Recordings that stand one behind the other; the pieces hang on them alone. Raises StapesError for one that cannot be read."""
    pieces: list[Stretch] = []
    filled = 0.0
    for place, path in enumerate(files):
        if not (seconds := seconds_of(path)):
            read_audio(path)  # which says why
        if pieces and len(pieces[-1].paths) < PIECE and filled + seconds <= PIECE_SECONDS:
            pieces[-1].paths.append(path)
            filled += seconds
        else:
            pieces.append(Stretch(place, [path]))
            filled = seconds
    return pieces


def _in_order(crew: Crew, task: Task, pieces: Sequence[Stretch]) -> Iterator[Part]:
    """The pieces as they stand, whoever was first."""
    early: dict[int, Part] = {}
    following = 0
    total = sum(len(piece.paths) for piece in pieces)
    with nullcontext(lambda _: None) if task.alone else progress("regression, recordings", total) as advance:
        for place, made in crew.each(run_piece, task, pieces):
            if isinstance(made, Lost):
                raise StapesError(f"{made.item.paths[0]}: could not be run, nor what comes after it: {made.reason}")
            advance(len(made.paths))
            early[place] = made
            while following in early:
                yield early.pop(following)
                following += 1


class _Whole:
    """What all pieces come to, one behind the other."""

    def __init__(self, engines: Sequence[str]) -> None:
        self.remarks: list[str] = []
        self.outputs: list[Output] = []
        self.powers: dict[str, list[tuple[float, float]]] = {}
        self.pesq_drops: list[float] = []
        self._inputs = hashlib.sha256()
        self._hashes = {name: hashlib.sha256() for name in engines}
        self._heard: dict[str, list[Heard]] = {name: [] for name in engines}

    def add(self, part: Part) -> None:
        """The next piece."""
        self.remarks += part.remarks
        for path, key, output in zip(part.paths, part.hashes, part.reference, strict=True):
            self._inputs.update(key.encode())
            alone = hashlib.sha256(key.encode()).hexdigest()
            self.outputs.append(Output(str(path), alone, sha256_of(output)))
        for name, heard in part.engines.items():
            for row in part.reference if heard.outputs is None else heard.outputs:
                self._hashes[name].update(row.astype("<i2").tobytes())
            heard.outputs = None
            self._heard[name].append(heard)
        for signal, pairs in part.powers.items():
            self.powers.setdefault(signal, []).extend(pairs)
        self.pesq_drops += part.pesq_drops

    def output(self) -> Output:
        """All as one."""
        return Output("the recordings", self._inputs.hexdigest(), self._hashes[REFERENCE].hexdigest())

    def report(self, report: Report) -> None:
        """Put the engines and the first difference into the report."""
        for name, pieces in self._heard.items():
            audio = sum(heard.audio_seconds for heard in pieces)
            entry = EngineOutput(
                self._hashes[name].hexdigest(),
                seconds=round(audio, 3),
                realtime_factor=round(audio / sum(heard.seconds for heard in pieces), 2),
            )
            differing = [(heard.place, heard.difference) for heard in pieces if heard.place is not None]
            if name != REFERENCE:
                entry.bits = "differ" if differing else "equal"
            report.engines[name] = entry
            if differing and report.first_difference is None:
                report.first_difference = min(differing, key=lambda found: found[0])[1]


# What this process last ran a piece of: name of the run, its bundle, its engines.
_held: list[tuple[str, Bundle, dict[str, AudioEngine]]] = []


def _bundle_of(task: Task) -> tuple[Bundle, dict[str, AudioEngine]]:
    if not _held or _held[0][0] != task.run:
        bundle = load_bundle(task.bundle)
        if bundle.hash != task.bundle_sha256:
            raise StapesError(f"{task.bundle}: is not the bundle that it was when the regression began; begin again")
        _held[:] = [(task.run, bundle, {})]
    return _held[0][1], _held[0][2]


def run_piece(task: Task, piece: Stretch) -> Part:
    """All engines over some recordings; those of the device over the first second of all, unless they were asked for."""
    bundle, made = _bundle_of(task)
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always")
        batch = read_batch(piece.paths, bundle.require_sound_path().sample_rate)
    rows = batch.trimmed(batch.audio_q15)
    said = [str(remark.message) for remark in remarks]
    part = Part(batch.paths, [sha256_of(row) for row in rows], batch.seconds, [], remarks=said)
    masks: list[dict[str, np.ndarray]] = []
    for name in task.engines:
        brief = not task.asked and name in DEVICE
        if brief and piece.first:
            continue
        if name not in made:
            made[name] = make_engine(name, bundle)
        over = _beginning(batch, bundle.require_sound_path()) if brief else batch
        kept = masks if name == REFERENCE and MASK_SNR in task.wanted else None
        begun = time.perf_counter()
        outputs = _run(made[name], over, task.alone, kept)
        heard = part.engines[name] = Heard(time.perf_counter() - begun, over.seconds)
        if name == REFERENCE:
            part.reference = outputs
        expected = [row[: len(got)] for row, got in zip(part.reference, outputs, strict=False)]
        differing = _first(expected, outputs)
        if brief or differing:
            heard.outputs = outputs
        if differing:
            sample, row = differing
            heard.place = sample, piece.first + row
            heard.difference = locate(made[REFERENCE], made[name], over, expected, outputs)
            heard.difference = replace(heard.difference, utterance=piece.first + row)
    if task.wanted:
        _measure(part, bundle, batch, masks, task.wanted)
    return part


def _run(engine: AudioEngine, batch: Batch, alone: bool, masks: list[dict[str, np.ndarray]] | None) -> list[np.ndarray]:
    """Outputs by file; what the network made by the names of `SoundPath.asked`, (T, size), goes into `masks`, where a list is given."""
    hop = engine.sound_path.hop
    shown = progress(f"{engine.name} engine, frames", batch.frames(hop)) if alone else nullcontext(lambda _: None)
    with shown as done:
        if masks is None:
            return batch.trimmed(engine.run(batch.audio_q15, progress=done).audio_q15)
        assert isinstance(engine, Pipeline)
        names = [quantity.name for quantity in engine.sound_path.asked]
        run = engine.run(batch.audio_q15, trace=names, progress=done)
    masks += [
        {asked: run.tensors[asked][row, : -(-length // hop)] for asked in names}
        for row, length in enumerate(batch.lengths)
    ]
    return batch.trimmed(run.audio_q15)


def _beginning(batch: Batch, sound_path: SoundPath) -> Batch:
    """The first whole hops of the first file: a stream's output does not depend on what comes after it."""
    hops = int(DEVICE_SECONDS * sound_path.sample_rate) // sound_path.hop
    length = min(batch.lengths[0], hops * sound_path.hop)
    return Batch(batch.paths[:1], batch.audio_q15[:1, :length], [length], batch.rate)


def _first(expected: Sequence[np.ndarray], got: Sequence[np.ndarray]) -> tuple[int, int] | None:
    """The earliest sample that differs, and the row that it is in."""
    found = [
        (int(np.argmax(a != b)), row) for row, (a, b) in enumerate(zip(expected, got, strict=True)) if (a != b).any()
    ]
    return min(found, default=None)


def locate(
    reference: AudioEngine, other: AudioEngine, batch: Batch, expected: Sequence[np.ndarray], got: Sequence[np.ndarray]
) -> Difference:
    """Run both engines again, traced, over the file that differs first, up to the end of the frame after the difference."""
    hop = reference.sound_path.hop
    first = _first(expected, got)
    assert first is not None
    sample, row = first
    audio = batch.audio_q15[row : row + 1, : (sample // hop + 1) * hop]
    found = first_difference(other.name, reference.run(audio, trace=True), other.run(audio, trace=True), hop)
    if found is not None:
        return replace(found, utterance=row)
    values = int(expected[row][sample]), int(got[row][sample])
    return Difference(other.name, "audio_q15", row, sample // hop, sample % hop, *values)


def _limits(bundle: Bundle) -> dict[str, float]:
    """What the recipe promises; of a mask that is judged by the sound the SNR says nothing."""
    limits = dict(bundle.recipe.thresholds)
    if bundle.require_sound_path().judged_by_sound:
        limits.pop(MASK_SNR, None)
    return limits


def _thresholds(limits: Mapping[str, float], whole: _Whole) -> dict[str, dict[str, Any]]:
    """What the recipe promises against what is."""
    table = {}
    values = _quality(whole)
    for name, limit in limits.items():
        value = values.get(name)
        if value is None:
            words = f"threshold {name} needs NAME_clean beside NAME_noisy; not checked"
            warnings.warn(words, Remark, stacklevel=3)
            continue
        ok = value <= limit if name == PESQ_DROP else value >= limit
        table[name] = {"value": round(value, 4) if np.isfinite(value) else value, "limit": limit, "ok": bool(ok)}
    return table


def _quality(whole: _Whole) -> dict[str, float]:
    """SNRs over all recordings together, and the mean loss of PESQ. Of a network with several outputs the SNR of the worst one."""
    snrs = {signal: _joined_snr(powers) for signal, powers in whole.powers.items()}
    values = {OUTPUT_SNR: snrs.pop(OUTPUT_SNR)} if OUTPUT_SNR in snrs else {}
    values |= {MASK_SNR: min(snrs.values())} if snrs else {}
    return values | ({PESQ_DROP: float(np.mean(whole.pesq_drops))} if whole.pesq_drops else {})


def _joined_snr(powers: Sequence[tuple[float, float]]) -> float:
    """As `snr_db` of all recordings one behind the other."""
    signal, error = (math.fsum(column) for column in zip(*powers, strict=True))
    return math.inf if error == 0.0 else 10.0 * math.log10(max(signal, 1e-300) / error)


def _measure(
    part: Part, bundle: Bundle, batch: Batch, masks: Sequence[dict[str, np.ndarray]], wanted: Sequence[str]
) -> None:
    """Energies of what is held to float, and the loss of PESQ where clean partners stand beside."""
    sound_path = bundle.require_sound_path()
    reference = FloatEngine(bundle.float_onnx, sound_path)
    for row, (path, output) in enumerate(zip(batch.paths, part.reference, strict=True)):
        out = reference.trace_float(q15_to_float(batch.audio_q15[row : row + 1, : batch.lengths[row]]))
        if MASK_SNR in wanted:
            for asked in sound_path.asked:
                real = masks[row][asked.name].ravel() / 2.0**asked.fraction_bits
                part.powers.setdefault(asked.name, []).append(_powers(out[asked.plain][0].ravel(), real))
        exact, made = out["output"][0], output / 32768.0
        part.powers.setdefault(OUTPUT_SNR, []).append(_powers(exact, made))
        clean = path.with_name(path.name.replace("_noisy", "_clean"))
        if PESQ_DROP in wanted and clean != path and clean.is_file():
            audio = read_audio(clean, rate=batch.rate)
            before, after = (measure(audio, aligned(x, sound_path.delay), batch.rate)["pesq_wb"] for x in (exact, made))
            if before is not None and after is not None:
                part.pesq_drops.append(before - after)


def _powers(exact: np.ndarray, made: np.ndarray) -> tuple[float, float]:
    """Energy of a signal, and of what the integers changed of it."""
    exact, made = np.asarray(exact, np.float64), np.asarray(made, np.float64)
    return float(np.sum(exact**2)), float(np.sum((exact - made) ** 2))
