"""The benchmark: quantise, time, compare, print, and write what came out."""

from __future__ import annotations

import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from ...firmware_sim.engines.audio import AudioEngine
from ...firmware_sim.fuzz import fuzz
from ...models.audio.steered_equaliser import steered_bands
from ...models.audio.transform import SAMPLE_RATE
from ...models.errors import StapesError
from ...models.files import write_whole
from ...models.fitting import STANDARD, make_fitting
from ...quantize.recipe import load_recipe
from ..bundle import Bundle, canonical_json
from ..console import err
from ..engines import DEVICE, EXACT, make_engine, unavailable
from ..library.export import exported_c
from ..library.quantize import quantize
from ..zoo import GRU_MASK_SPARSE, network_for
from . import network
from .checks import closeness, equality
from .deepfilternet import deepfilternet_speeds
from .device import device_costs
from .material import random_controls, speech_in_noise
from .readme import write_readme
from .report import EQUALITIES, GTCRN, SPARSE, goals, print_report
from .timing import Speed, fastest

COMPARED = ("w8a16", "w8a8")
RECIPES = (*COMPARED, "w8a8_features16")
# Engines of the bits whose time is that of this process, and engines of others around the same audio path.
TIMED = (*EXACT, "cortex-m7")
PEERS = {"float": "float (onnxruntime)", "litert": "litert (XNNPACK)"}
REPEATS = 5
UTTERANCES, UTTERANCE_SECONDS = 64, 4.0
SHORT_SECONDS = 20.0
# The whole hearing aid: N3's fitting by CAMFIT, all controls, an equaliser of as many bands as there are; in one recipe, as the
# path around the network is the same in all. Controls jump so seldom that some glides of 100 ms come to their end.
HEARING_AID = "w8a16"
FITTING = ("N3", "camfit")
CONTROLS = ("all", "steered_equaliser:10")
JUMPS = 0.02


def bench(
    seconds: Annotated[float, typer.Option(help="Length of the stream on which all engines must agree.")] = 60.0,
    minutes: Annotated[float, typer.Option(help="Length of the stream of the drift check.")] = 10.0,
    fuzz_minutes: Annotated[float, typer.Option(help="Fuzzing of the exported C, of all recipes together.")] = 10.0,
    gtcrn: Annotated[
        Path | None, typer.Option(help="A trained checkpoint of GTCRN, to be counted on the device too.")
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", help="JSON file to write.")] = Path("build/bench.json"),
    readme: Annotated[
        Path | None, typer.Option(help="File whose table, between the bench's two marks, is written anew.")
    ] = None,
    result: Annotated[
        Path | None, typer.Option(help="With --readme: the JSON file of an earlier run, instead of a run.")
    ] = None,
) -> None:
    """Time every engine and runtime on one core, and compare their bits; exit 1 when bits differ or the fuzzer finds a fault."""
    if result is not None:
        if readme is None:
            raise StapesError("--result: is what --readme takes its table from; give --readme README.md too")
        write_readme(readme, _read_result(result))
        return
    with tempfile.TemporaryDirectory(prefix="stapes-bench-") as work:
        document = measure_all(Path(work), seconds, minutes, fuzz_minutes, gtcrn)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StapesError(f"{output.parent}: cannot be made ({error.strerror}); choose another output") from None
    write_whole(output, canonical_json(document))
    if readme is not None:
        write_readme(readme, document)
    print_report(document)
    equal = all(entry["identical"] for kind in EQUALITIES for entry in document[kind].values())
    if not equal or any(entry["failure"] for entry in document["fuzz"].values()):
        raise typer.Exit(1)


def _read_result(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StapesError(f"{path}: is no result of the bench ({error}); write one with --output") from None
    if not isinstance(document, dict) or not {"pipeline", "network", "closeness", "equality", "hearing_aid"} <= set(
        document
    ):
        raise StapesError(f"{path}: is no result of the bench; write one with --output")
    return document


def main() -> None:
    """Run it; faults of the user are one line and exit code 2."""
    try:
        typer.run(bench)
    except StapesError as error:
        err.print(f"bench: error: {error}")
        sys.exit(2)


def measure_all(
    work: Path, seconds: float, minutes: float, fuzz_minutes: float, gtcrn: Path | None = None
) -> dict[str, Any]:
    """Everything that the benchmark says, as plain values."""
    bundles, quantize_seconds = {}, {}
    for recipe in RECIPES:
        start = time.process_time()
        chosen = load_recipe(recipe)
        bundles[recipe] = quantize(network_for(chosen), work / recipe, recipe=chosen).bundle
        quantize_seconds[recipe] = time.process_time() - start
    stream = speech_in_noise(seconds)
    engines = {recipe: _engines(bundles[recipe]) for recipe in COMPARED}
    document: dict[str, Any] = {
        "machine": _machine(),
        "skipped": {name: reason for name, reason in unavailable().items() if name in (*EXACT, *DEVICE)},
        "quantize_seconds": quantize_seconds,
        "equality": {recipe: equality(engines[recipe], stream, f"{recipe}, 1 stream") for recipe in COMPARED},
    }
    document["pipeline"] = {
        recipe: _pipeline_speeds(bundles[recipe], engines[recipe], stream, document["equality"][recipe])
        for recipe in COMPARED
    }
    document["network"] = {recipe: _network_speeds(bundles[recipe]) for recipe in COMPARED}
    try:
        document["deepfilternet"] = {"dfn3_w8a16": deepfilternet_speeds(work / "deepfilternet")}
    except StapesError as error:
        document["skipped"]["DeepFilterNet3"] = str(error)
    document["closeness"] = {recipe: closeness(bundles[recipe], _unseen()) for recipe in RECIPES}
    document["hearing_aid"] = {HEARING_AID: hearing_aid(work / "hearing_aid", stream)}
    document["drift"] = _drift(engines, minutes)
    if "cortex-m7" not in unavailable():
        document["device"] = device_costs(_counted(bundles, work, gtcrn), stream)
    document["fuzz"] = _fuzz({recipe: bundles[recipe] for recipe in COMPARED}, fuzz_minutes, document["skipped"])
    document["goals"] = goals(document)
    return document


def _counted(bundles: dict[str, Bundle], work: Path, gtcrn: Path | None) -> dict[str, Bundle]:
    """Network -> bundle of all that is counted on the device."""
    counted = {recipe: bundles[recipe] for recipe in COMPARED}
    wanted = [(SPARSE[recipe], GRU_MASK_SPARSE, recipe) for recipe in COMPARED]
    wanted += [(GTCRN, gtcrn, GTCRN)] if gtcrn is not None else []
    for index, (name, checkpoint, recipe) in enumerate(wanted):
        counted[name] = quantize(checkpoint, work / f"counted{index}", recipe=recipe).bundle
    return counted


def _engines(bundle: Bundle) -> dict[str, AudioEngine]:
    missing = unavailable()
    return {name: make_engine(name, bundle) for name in (*EXACT, *DEVICE) if name not in missing}


def _fuzz(bundles: dict[str, Bundle], minutes: float, skipped: dict[str, str]) -> dict[str, dict[str, Any]]:
    """What the fuzzer found in the C of each bundle; without one, its reason goes to `skipped`."""
    results = {}
    seconds = round(60.0 * minutes / len(bundles))
    for recipe, bundle in bundles.items() if seconds else ():
        try:
            with exported_c(bundle) as folder:
                found = fuzz(folder, bundle.name, seconds)
        except StapesError as error:
            skipped["fuzzing"] = str(error)
            return {}
        results[recipe] = asdict(found) | {"failing_input": found.failing_input.hex()}
    return results


def _utterances(count: int, seconds: float) -> np.ndarray:
    return speech_in_noise(count * seconds, seed=1).reshape(count, -1)


def _unseen() -> np.ndarray:
    return _utterances(16, UTTERANCE_SECONDS)


def _frames(samples: int, hop: int) -> int:
    return -(-samples // hop)


def _pipeline_speeds(
    bundle: Bundle, engines: dict[str, AudioEngine], stream: np.ndarray, measured: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    hop = bundle.require_sound_path().hop
    long = (len(stream) / SAMPLE_RATE, _frames(len(stream), hop))
    speeds = {name: Speed(seconds, *long) for name, seconds in measured["compute_seconds"].items() if name in TIMED}
    if "native" in engines:
        speeds["native"] = Speed(fastest(lambda: engines["native"].run(stream[None]), REPEATS), *long)
    many = _utterances(UTTERANCES, UTTERANCE_SECONDS)
    taken = fastest(lambda: engines["numpy"].run(many), 1)
    speeds[f"numpy, {UTTERANCES} utterances"] = Speed(
        taken, many.size / SAMPLE_RATE, UTTERANCES * _frames(many.shape[1], hop)
    )
    results: dict[str, dict[str, Any]] = {name: speed.to_json() for name, speed in speeds.items()}
    short = stream[: int(SHORT_SECONDS * SAMPLE_RATE)]
    for name, label in PEERS.items():
        try:
            taken = fastest(partial(make_engine(name, bundle).run, short[None]), 1)
        except StapesError as error:
            results[label] = {"skipped": str(error)}
        else:
            results[label] = Speed(taken, len(short) / SAMPLE_RATE, _frames(len(short), hop)).to_json()
    return results


def _network_speeds(bundle: Bundle) -> dict[str, dict[str, Any]]:
    """Speed of each runtime over the same frames, or the reason why it was left out."""
    codes, floats = network.feature_codes(bundle, speech_in_noise(SHORT_SECONDS, seed=2))
    results: dict[str, dict[str, Any]] = {}

    def add(name: str, make: Callable[[], network.Step], frames: np.ndarray, repeats: int = REPEATS) -> None:
        try:
            taken = fastest(network.over_frames(make(), frames), repeats)
        except StapesError as error:
            results[name] = {"skipped": str(error)}
            return
        hop = bundle.require_sound_path().hop
        results[name] = Speed(taken, len(frames) * hop / SAMPLE_RATE, len(frames)).to_json()

    with ExitStack() as stack:
        add("native", lambda: stack.enter_context(network.native_step(bundle)), codes)
        add("tflm", lambda: network.tflm_step(bundle), codes)
        add("litert", lambda: network.litert_step(bundle), codes)
        add("onnxruntime, float", lambda: network.onnxruntime_step(bundle), floats)
        add("numpy, 1 utterance", lambda: network.numpy_step(bundle), codes[:1000], 1)
    return results


def hearing_aid(work: Path, stream: np.ndarray) -> dict[str, Any]:
    """The network with a fitting, a steered equaliser and controls that jump at random, over the stream (S,) int16: `equality`."""
    name, rule = FITTING
    fitting = make_fitting(STANDARD[name], rule)
    chosen = load_recipe(HEARING_AID)
    bundle = quantize(network_for(chosen), work, recipe=chosen, fitting=fitting, controls=CONTROLS).bundle
    sound_path = bundle.require_sound_path()
    track = random_controls(sound_path, _frames(len(stream), sound_path.hop), share=JUMPS)
    counts = {"sections": len(fitting.equaliser.sections), "bands": steered_bands(sound_path)}
    return {**counts, **equality(_engines(bundle), stream, "fitting and controls, 1 stream", track)}


def _drift(engines: dict[str, dict[str, AudioEngine]], minutes: float) -> dict[str, dict[str, Any]]:
    """One long stream, natively and in numpy, from one reset on."""
    audio = speech_in_noise(60.0 * minutes, seed=3)
    results = {}
    for recipe, named in engines.items():
        pair: dict[str, AudioEngine] = {name: engine for name, engine in named.items() if name in ("numpy", "native")}
        if len(pair) == 2:
            results[recipe] = {"minutes": minutes, **equality(pair, audio, f"{recipe}, {minutes:g} min")}
    return results


def _machine() -> dict[str, str]:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {
        "processor": model,
        "system": platform.system(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }
