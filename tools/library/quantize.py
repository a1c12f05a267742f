"""A network becomes a bundle: integer graph, float graph, recipe, manifest and golden vectors."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...export.c.names import require_name
from ...export.tflite import to_bytes
from ...firmware_sim.engines.float_engine import FloatEngine
from ...models.audio import SoundPath
from ...models.errors import Remark, StapesError
from ...models.files import check_folder, whole_folder
from ...models.fitting import Fitting
from ...quantize.against_source import hold_to_source, output_error, require_running
from ...quantize.audio import require_free_tensors
from ...quantize.calibrate import Observations, calibrate
from ...quantize.float_graph import COPIES, FloatGraph
from ...quantize.long_run import frames_to_run, leaves
from ...quantize.lowering import lower, require_supported
from ...quantize.pipeline import Quantised, assemble
from ...quantize.recipe import Recipe, builtin_recipes, load_recipe
from ...quantize.unread import without_unread
from ..bundle import LOCK, MANIFEST, SEALED, Bundle, is_lock, load_bundle, seal, sha256, written_files
from ..calibration import Calibration, has_frames, read_calibration
from ..frames import npz_bytes
from ..given import given, given_path, given_sounds, several
from ..progress import progress
from ..work import ALL_CORES, Crew
from . import golden
from .networks import MODELS, Network, Read, judged_by_sound, named, narrowed, read_network, require_whole
from .sound import given_sound
from .stream import TimeAxis
from .tflite_network import AS_IN_THE_FILE, SOURCE, as_quantised, random_frames

# Of tensors that leave their ranges so many are named; the others mostly follow from these.
SHOWN = 4

AUTO = "auto"
Recording = str | os.PathLike[str] | np.ndarray
# An SNR below which something is wrong.
FAR_DB = 10.0


@dataclass(frozen=True, eq=False)
class QuantizedBundle:
    """A bundle that was made, and what its making found: the integer and the float graph, the overflow proof, saturation."""

    bundle: Bundle
    quantised: Quantised


def quantize(
    network: Network,
    output: str | os.PathLike[str],
    *,
    recipe: Recipe | str | os.PathLike[str] | None = None,
    budget: float | None = None,
    model: str = "auto",
    calibration: Recording | Sequence[Recording] = (),
    front_end: SoundPath | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    fitting: Fitting | str | os.PathLike[str] | None = None,
    states: Sequence[str] = (),
    time_axis: TimeAxis = None,
    name: str | None = None,
    controls: Sequence[str] = (),
    programs: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    steering: Bundle | str | os.PathLike[str] | None = None,
    workers: int = ALL_CORES,
    scheduler: str | None = None,
) -> QuantizedBundle:
    """Quantise a network and write a bundle.

    network      a checkpoint (.pt, .pth, .tar, .safetensors) or an .onnx file, of one frame a call or of whole recordings; a torch module in memory (a GRU mask or GTCRN,
                 ours or one with the same state dict); an `onnx.ModelProto` of one frame a call; DeepFilterNet3's official archive
                 (DeepFilterNet3_onnx.tar.gz), or the folder that it unpacks to; a .tflite that is quantised already, whose formats stay
    output       the folder; only a bundle that was made there before, and is as it was, is replaced
    recipe       a built-in recipe, a TOML file, a `Recipe`, or `auto`, which finds one; default: `w8a16`, `gtcrn_w8a16` for
                 GTCRN, `dfn3_w8a16` for DeepFilterNet3
    budget       with `auto`: how much PESQ the integers may lose against float
    model        network of a checkpoint: `auto`, `gru-mask`, `gtcrn` or `deepfilternet3`
    calibration  recordings like the device's own, or folders of them, or samples (S,) at the rate of the path, int16 or float in
                 [-1, 1); .npz with one array (T, ...) an input for a network without an
                 audio path. Default: eleven clips of speech in noise; random frames for a .tflite without a front end
    front_end    a `SoundPath`, the table of one, such as `{"hop": 64}`, or a TOML file with it, in place of the one that the network names
    fitting      a `Fitting`, or the file of one: its equaliser stands behind the network
    states       of an ONNX network or a .tflite, `INPUT=OUTPUT` each; default: found by wiring and names
    time_axis    of an ONNX network for whole recordings that leaves no axis open, as of `stream`; one that leaves it open needs none
    name         in the C code, a C identifier; default: from the file, the class, or the ONNX graph
    workers      with `auto`: processes on this machine, 0 for all cores; a small network is tried in this one
    scheduler    with `auto`: of Dask, `tcp://HOST:PORT`, whose workers are used instead
    controls     what may change while the device runs: some of `strength`, `mask_floor`, `steered_equaliser`, `bypass`,
                 `volume`, or `all`, which is all but the equaliser; `steered_equaliser:10` has 10 bands, of 1 to 10, 5 without a number
    programs     a TOML file of what controls are in programs that the device has ready, or its table:
                 `{"program": [{"strength": {"mix": 0.5}}]}` is program 1; program 0 is at rest

    steering     the bundle of a white-box network's decoder: its network becomes part of the path, in the stage `neural_equaliser`, whose
                 control is the latent

    What the user should know of an input that is taken is a warning, a `Remark`. Raises StapesError for every fault of the input;
    nothing is written then.

    >>> made = quantize(network, folder / "bundle", recipe="w8a16", calibration=recordings)
    >>> made.bundle.recipe.name, made.bundle.graph.states != ()
    ('w8a16', True)
    """
    crew = Crew(workers, scheduler)
    chosen = _chosen_recipe(recipe, budget, crew)
    if model not in ("auto", *MODELS):
        raise StapesError(f"--model {model!r}: unknown; give {', '.join(MODELS)}, or auto, which finds it")
    called, place, recordings = named(network), given_path(output, "a folder"), given_sounds(calibration)
    pairs = _given_states(states)
    name = called.name if name is None else given(name, str, "a name")
    require_name(name, "--name")
    sound = given_sound(front_end, fitting, controls, programs, steering)
    files = [
        Path(given)
        for given in (*recordings, network, front_end, fitting, programs)
        if isinstance(given, str | os.PathLike)
    ]
    check_folder(place, (*SEALED, MANIFEST), known=written_files, alone=True, inputs=files)
    with whole_folder(place, known=written_files) as folder:
        read = read_network(network, model, pairs, time_axis)
        if read.integers is not None and chosen is not None:
            raise StapesError(f"{called.label}: its formats are taken as they are; leave out --recipe")
        if sound.front_end is None and not any(has_frames(recording) for recording in recordings):
            require_whole(read.source, called.label)
        for note in read.source.notes:
            warnings.warn(f"{called.label}: {note}", Remark, stacklevel=2)
        if read.integers is None:
            require_supported(read.source)
        sound_path = sound.path(read.source, called.label)
        unread: tuple[str, ...] = ()
        if isinstance(chosen, Recipe) and chosen.leave_out_unread and sound_path is not None:
            read, sound_path, unread = narrowed(read, sound_path, called.label)
        for part in unread:
            warnings.warn(f"{called.label}: {part}: left out, with what works for it alone", Remark, stacklevel=2)
        data = _calibration(read, recordings, sound_path, called.label)
        try:
            used, result, error = _integers(read, called.label, sound_path, data, chosen)
            result = replace(result, left_out=(*unread, *result.left_out))
        except StapesError as fault:
            raise StapesError("; ".join(filter(None, (data.outlier, str(fault))))) from None
        if data.outlier:
            warnings.warn(data.outlier, Remark, stacklevel=2)
        quality = _write_parts(folder, read, used, result, sound_path, data)
        if read.integers is None:
            quality["lowering_error"] = error
        checkpoint = {"file": called.file, "sha256": sha256(read.whole)}
        manifest = _manifest(name, checkpoint, used, sound_path, data, result, quality, sound.fitting)
        seal(folder, manifest | ({} if read.integers is None else {"source": SOURCE}))
        _keep_lock(place, folder)
        made = load_bundle(folder)  # before it takes its place: what cannot be opened is not written
        if read.integers is None:
            _warn_of_distance(made)
    return QuantizedBundle(replace(made, folder=place), result)


@dataclass(frozen=True)
class _ToBeFound:
    """A recipe that loses at most `budget` PESQ, tried by the crew."""

    budget: float
    crew: Crew


def _chosen_recipe(
    recipe: Recipe | str | os.PathLike[str] | None, budget: float | None, crew: Crew
) -> Recipe | _ToBeFound | None:
    """A recipe, one to be found, or None for the network's own; raises StapesError for what is none."""
    if (recipe == AUTO) != (budget is not None):
        raise StapesError("--recipe auto and --budget belong together: give both, such as --recipe auto --budget 0.03")
    if budget is not None and not (isinstance(budget, int | float) and math.isfinite(budget)):
        raise StapesError(f"--budget {budget!r}: give a finite number of PESQ, such as 0.03")
    if budget is not None:
        return _ToBeFound(budget, crew)
    if recipe is None or isinstance(recipe, Recipe):
        return recipe
    return load_recipe(recipe if isinstance(recipe, str) else given_path(recipe, "a recipe"))


def _given_states(states: Sequence[str]) -> list[str]:
    """Pairs INPUT=OUTPUT; raises StapesError for what is no text."""
    return [given(pair, str, "a state INPUT=OUTPUT") for pair in several(states)]


def _calibration(
    read: Read, recordings: list[Path | np.ndarray], sound_path: SoundPath | None, label: str
) -> Calibration:
    """The frames of a network; random ones for a file that is quantised already, where none are given."""
    if read.integers is not None and sound_path is None and not recordings:
        return random_frames(read.integers)
    return read_calibration(recordings, sound_path, read.source, golden.samples(sound_path), label)


def _write_parts(
    folder: Path, read: Read, recipe: Recipe, result: Quantised, sound_path: SoundPath | None, data: Calibration
) -> dict[str, float]:
    """Both graphs, the recipe and the golden vectors into the folder of a bundle -> how far the vectors are from float."""
    (folder / "float.onnx").write_bytes(read.content)
    (folder / "model.tflite").write_bytes(to_bytes(result.graph))
    (folder / "recipe.toml").write_text(recipe.to_toml(), encoding="utf-8")
    vectors, quality = golden.golden_vectors(result, sound_path, data, read.source, read.model)
    if sound_path is not None:
        quality["vectors_output_snr_db"] = golden.sound_snr(FloatEngine(folder / "float.onnx", sound_path), vectors)
    (folder / "vectors.npz").write_bytes(npz_bytes(vectors))
    return quality


def _integers(
    read: Read, label: str, sound_path: SoundPath | None, data: Calibration, wanted: Recipe | _ToBeFound | None
) -> tuple[Recipe, Quantised, float]:
    """The recipe, what it makes of a network, and the lowering's error; a file that is quantised already stays as it is."""
    if read.integers is not None:
        return AS_IN_THE_FILE, as_quantised(read.integers, data), 0.0
    if wanted is None:
        wanted = load_recipe(read.recipe or ("gtcrn_w8a16" if judged_by_sound(sound_path) else "w8a16"))
    frames = sum(len(next(iter(sequence.values()))) for sequence in data.sequences)
    require_running(read.model, read.source)
    lowered = lower(read.source)
    if isinstance(wanted, Recipe) and wanted.leave_out_unread:
        lowered = without_unread(lowered)
    require_free_tensors(lowered.tensors, sound_path)
    hold_to_source(read.model, read.source, lowered, data.sequences, label)
    with progress("calibrating, frames", frames) as done:
        seen = calibrate(lowered, data.sequences, done)
    _warn_of_initial_states(lowered, seen, label)
    recipe = wanted if isinstance(wanted, Recipe) else _found_recipe(lowered, seen, sound_path, wanted)
    result = assemble(lowered, seen, recipe)
    for tensor in result.left_out:
        warnings.warn(
            f"{label}: {tensor}: left out, with what works for it alone",
            Remark,
            stacklevel=3,
        )
    if isinstance(wanted, Recipe):
        _tell_unmatched(recipe, result.unmatched)
    error = output_error(read.model, read.source, result.lowered, data.sequences, label)
    _warn_of_long_runs(result, data, label)
    return recipe, result, error


def _warn_of_initial_states(lowered: FloatGraph, seen: Observations, label: str) -> None:
    """What a GRU makes lies in [-1, 1], and so does its state in integers; what it is given for one may not."""
    for region in lowered.regions:
        if region.kind != "gru":
            continue
        name = region.roles["h"]
        while (made := lowered.producer(name)) is not None and made.kind in COPIES:
            name = made.inputs[COPIES[made.kind]]
        reach = max(map(abs, seen.extremes.get(name, (0.0, 0.0))))
        if reach > 1.0 + 2.0**-10:
            layer = lowered.tensors[region.roles["h_out"]].layer or region.name
            warnings.warn(
                f"{label}: {layer}: its initial_h reaches {reach:.3g}, in integers it saturates at 1: bring it into [-1, 1], "
                "by a Tanh for instance",
                Remark,
                stacklevel=3,
            )


def _warn_of_distance(bundle: Bundle) -> None:
    """A network whose integers are far from it is told of."""
    quality = bundle.manifest["quality"]
    heard = judged_by_sound(bundle.sound_path)
    snr = quality["vectors_output_snr_db" if heard else "vectors_snr_db"]
    if snr < FAR_DB:
        worst, fraction = max(bundle.manifest["saturation"].items(), key=lambda item: item[1], default=("none", 0.0))
        warnings.warn(
            f"the output of the integers is only {snr:.1f} dB from that of float over the golden vectors; worst saturated "
            f"is tensor {worst!r}, {100 * fraction:.1f} % of its values: try another recipe, or smaller values there",
            Remark,
            stacklevel=3,
        )


def _keep_lock(output: Path, made: Path) -> None:
    """A bundle that takes the place of another one keeps the lock: `stapes regress` then says that it is not its own."""
    former, lock = output / MANIFEST, output / LOCK
    if not (former.is_file() and lock.is_file() and is_lock(lock.read_bytes())):
        return
    (made / LOCK).write_bytes(lock.read_bytes())
    if former.read_bytes() != (made / MANIFEST).read_bytes():
        words = f"{lock}: the lock is of the bundle before; stapes regress --update makes it new"
        warnings.warn(words, Remark, stacklevel=3)


def _found_recipe(lowered: FloatGraph, seen: Observations, sound_path: SoundPath | None, wanted: _ToBeFound) -> Recipe:
    # Metrics load slowly, and no other recipe needs them.
    from ..auto_recipe import search, steps

    if sound_path is None:
        raise StapesError("--recipe auto judges by sound, and this network has no front end: name a recipe")
    with wanted.crew as crew, progress("trying recipes", steps(lowered)) as done:
        crew.connect()
        return search(lowered, seen, sound_path, wanted.budget, done, crew).recipe


def _warn_of_long_runs(result: Quantised, data: Calibration, label: str) -> None:
    """Tell of states that the calibration was too short for."""
    with progress("running on, frames", frames_to_run(result.lowered, data.sequences)) as done:
        left = leaves(result, data.sequences, done)
    longest = max(len(next(iter(sequence.values()))) for sequence in data.sequences)
    for tensor in left[:SHOWN]:
        warnings.warn(f"{label}: {tensor.told(longest)}", Remark, stacklevel=2)
    if len(left) > SHOWN:
        warnings.warn(f"{label}: so do {len(left) - SHOWN} more tensors", Remark, stacklevel=2)


def _tell_unmatched(recipe: Recipe, unmatched: tuple[str, ...]) -> None:
    """A pattern of one's own that matches nothing is a slip; the recipes that come along serve networks with and without a part."""
    built_in = recipe.name in builtin_recipes() and recipe == load_recipe(recipe.name)
    if unmatched and not built_in:
        patterns = ", ".join(repr(pattern) for pattern in unmatched)
        warnings.warn(
            f"recipe {recipe.name!r}: no tensor matches {patterns}; see stapes inspect for names", Remark, stacklevel=3
        )


def _manifest(
    name: str,
    checkpoint: dict[str, str],
    recipe: Recipe,
    sound_path: SoundPath | None,
    data: Calibration,
    result: Quantised,
    quality: dict[str, float],
    fitting: Fitting | None,
) -> dict[str, object]:
    graph = result.graph
    return {
        "name": name,
        "checkpoint": checkpoint,
        "calibration": {"files": [{"file": f, "sha256": h} for f, h in data.files], "frames": result.frames},
        "recipe": recipe.name,
        "stages": sound_path.to_tables() if sound_path else None,
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "states": [[state.input, state.output] for state in graph.states],
        "saturation": _counted(result.saturation),
        "planned_saturation": _counted(result.planned_saturation),
        "quality": quality,
        **({"left_out": list(result.left_out)} if result.left_out else {}),
        **({"fitting": fitting.to_table()} if fitting is not None else {}),
    }


def _counted(saturation: dict[str, float]) -> dict[str, float]:
    return {tensor: round(fraction, 8) for tensor, fraction in saturation.items() if fraction > 0}
