"""`stapes demo`: the whole road on the shipped network and recordings, from checkpoint to sound, in one table."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.table import Table

from ...firmware_sim.compare import sha256_of, snr_db
from ...models.errors import StapesError
from ...models.files import whole_folder, write_whole
from ...models.sound_files import float_to_q15, write_audio
from ...quantize.recipe import load_recipe
from ..audio_files import DEMO, Batch, read_batch
from ..bundle import Bundle, canonical_json
from ..console import console, print_json
from ..engines import EXACT, make_engine, unavailable
from ..evaluation.run import Evaluation, evaluate_pairs
from ..evaluation.tables import figure
from ..library.export import write_c
from ..library.inspect import inspect
from ..library.quantize import quantize
from ..metrics import LABELS
from ..pairs import Pair, find_pairs
from ..pictures import draw_comparison
from ..progress import progress
from ..zoo import network_for

REPORT = "demo.json"
PICTURE = "spectrograms.png"
SHOWN = ("noisy", "float", "integer")
COSTS = ("flash_bytes", "ram_bytes", "macs_per_frame", "latency_ms", "hop_ms")


def demo(*, output: Path, recipe: str, json: bool) -> None:
    """The command, whose options stand in `tools.cli.demo`."""
    start = time.perf_counter()
    with whole_folder(output, part="demo") as folder:
        chosen = load_recipe(recipe)
        bundle = quantize(network_for(chosen), folder / "bundle", recipe=chosen).bundle
        write_c(bundle, folder / "c" / bundle.name)
        pairs = find_pairs(DEMO)
        rate = bundle.require_sound_path().sample_rate
        engines = run_engines(bundle, read_batch([pair.noisy for pair in pairs], rate))
        result = evaluate_pairs(bundle, pairs, "numpy")
        _write_sound(folder, pairs, result)
        document = _document(bundle, engines, result, folder)
        write_whole(folder / REPORT, canonical_json(_without_times(document)))
    document["seconds"] = time.perf_counter() - start
    if json:
        print_json("stapes-demo-1", document)
    else:
        console.print(_table(document, recipe))
        console.print(f"in {document['seconds']:.0f} s, everything in {output}:")
        for name in document["files"]:
            console.print(f"  {output / name}")
    if not document["identical"]:
        raise typer.Exit(1)


def run_engines(bundle: Bundle, batch: Batch) -> dict[str, dict[str, Any]]:
    """Each engine over the recordings: bits (reference, equal, differ), hash, speed on one core; or why it was skipped.

    `litert` may differ: its SNR against the reference and the fraction of other samples are given.
    """
    missing = unavailable()
    entries: dict[str, dict[str, Any]] = {}
    reference: np.ndarray | None = None
    for name in (*EXACT, "litert"):
        try:
            if name in missing:
                raise StapesError(missing[name])
            engine = make_engine(name, bundle)
        except StapesError as error:
            # An exact engine that is there but cannot be made is a fault, not a gap of this machine.
            if name in EXACT and name not in missing:
                raise
            entries[name] = {"skipped": str(error)}
            continue
        start = time.process_time()
        with progress(f"{name} engine, frames", batch.frames(engine.sound_path.hop)) as done:
            audio_q15 = engine.run(batch.audio_q15, progress=done).audio_q15
        seconds = time.process_time() - start
        joined = np.concatenate(batch.trimmed(audio_q15))
        if reference is None:
            reference = joined
        entries[name] = {
            "bits": "reference" if joined is reference else "equal" if np.array_equal(joined, reference) else "differ",
            "sha256": sha256_of(joined),
            "realtime_factor": batch.seconds / seconds,
            "snr_db": snr_db(reference, joined),
            "differing_samples": float(np.mean(joined != reference)),
        }
    return entries


def _write_sound(folder: Path, pairs: Sequence[Pair], result: Evaluation) -> None:
    """NAME_noisy.wav, NAME_float.wav and NAME_integer.wav, and a picture of the first recording."""
    (folder / "audio").mkdir()
    sounds = [result.sound(place) for place in range(len(pairs))]
    for pair, (_, outputs) in zip(pairs, sounds, strict=True):
        for system in SHOWN:
            write_audio(folder / "audio" / f"{pair.name}_{system}.wav", float_to_q15(outputs[system]), result.rate)
    pair, (clean, outputs) = pairs[0], sounds[0]
    signals = {"noisy": outputs["noisy"], "float pipeline": outputs["float"], "integer pipeline": outputs["integer"]}
    signals["clean"] = clean
    draw_comparison(
        folder / PICTURE,
        f"{pair.name}: speech in noise, before and after",
        signals,
        "float pipeline",
        "integer pipeline",
    )


def _document(bundle: Bundle, engines: dict[str, dict[str, Any]], result: Evaluation, folder: Path) -> dict[str, Any]:
    cost = inspect(bundle)
    return {
        "bundle_sha256": bundle.hash,
        "recipe": bundle.recipe.name,
        "recordings": len(result.files),
        "seconds_of_audio": sum(file["seconds"] for file in result.files),
        "identical": all(engines[name].get("bits", "equal") != "differ" for name in EXACT),
        "engines": engines,
        "systems": result.systems,
        "integer_minus_float": result.integer_minus_float,
        "output_snr_db": result.output_snr_db,
        **{name: getattr(cost, name) for name in COSTS},
        "files": [
            "bundle",
            f"c/{bundle.name}",
            PICTURE,
            *sorted(f"audio/{path.name}" for path in (folder / "audio").iterdir()),
        ],
    }


def _without_times(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what a second run would not repeat, nor JSON hold."""
    engines = {
        name: {key: value for key, value in entry.items() if key in ("bits", "sha256", "skipped")}
        for name, entry in document["engines"].items()
    }
    snr = document["output_snr_db"]
    return {**document, "engines": engines, "output_snr_db": snr if np.isfinite(snr) else None}


def _table(document: dict[str, Any], recipe: str) -> Table:
    title = f"stapes demo: recipe {recipe}, {document['recordings']} recordings, {document['seconds_of_audio']:.1f} s"
    table = Table(title=title, title_justify="left", show_header=False)
    engines = list(document["engines"].items())
    for name, entry in engines:
        table.add_row(f"engine {name}", *_engine_cells(name, entry), end_section=name == engines[-1][0])
    for system in (*SHOWN, "difference"):
        row = document["integer_minus_float"] if system == "difference" else document["systems"][system]
        sign = "+" if system == "difference" else ""
        cells = [f"{LABELS[m].removesuffix(' dB')} {figure(row[m], m, sign)}" for m in ("pesq_wb", "stoi", "si_sdr")]
        cells[-1] += " dB"
        table.add_row("integer - float" if system == "difference" else system, *cells)
    table.add_row("integer against float", f"{document['output_snr_db']:.1f} dB SNR", end_section=True)
    table.add_row("flash, RAM", f"{document['flash_bytes']:,} bytes", f"{document['ram_bytes']:,} bytes")
    table.add_row("MACs", f"{document['macs_per_frame']:,} a frame", _macs_a_second(document))
    table.add_row("latency", f"{document['latency_ms']:g} ms algorithmic", f"hop {document['hop_ms']:g} ms")
    return table


def _engine_cells(name: str, entry: dict[str, Any]) -> list[str]:
    if "skipped" in entry:
        return ["skipped", entry["skipped"]]
    differ = "BITS DIFFER" if name in EXACT else "other bits, as it may"
    words = {"reference": "the reference", "equal": "bits equal", "differ": differ}[entry["bits"]]
    speed = f"{entry['realtime_factor']:.1f} x real time"
    if entry["bits"] != "differ":
        return [words, speed]
    return [words, speed, f"{entry['snr_db']:.1f} dB SNR, {100 * entry['differing_samples']:.1f} % of samples"]


def _macs_a_second(document: dict[str, Any]) -> str:
    return f"{document['macs_per_frame'] * 1000 / document['hop_ms'] / 1e6:.1f} million a second"
