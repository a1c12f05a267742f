"""`stapes quantize`: a checkpoint or a streaming ONNX file becomes a bundle."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from rich.table import Table

from ...export.c.names import free_name, require_name
from ...export.tflite import to_bytes
from ...firmware_sim.compare import snr_db
from ...firmware_sim.engines.float_engine import FloatEngine
from ...firmware_sim.engines.numpy_engine import NumpyEngine
from ...firmware_sim.engines.pipeline import network_ends
from ...firmware_sim.network import NetworkSimulator
from ...models import checkpoint as checkpoints
from ...models.errors import Remark, StapesError
from ...models.files import check_folder, whole_folder
from ...models.frontend import FrontEnd
from ...models.gtcrn.official_onnx import is_gtcrn
from ...models.onnx_export import FRONT_END_KEY, export_onnx
from ...models.schema import parse_json, read_toml
from ...models.sound_files import q15_to_float
from ...quantize.against_source import hold_to_source, output_error
from ...quantize.audio_params import AUDIO_IN, AUDIO_OUT, audio_params, require_free_tensors
from ...quantize.calibrate import Observations, calibrate, run_float
from ...quantize.float_graph import FloatGraph
from ...quantize.graph import DTYPES, to_codes, to_real
from ...quantize.long_run import frames_to_run, leaves
from ...quantize.lowering import lower, require_supported
from ...quantize.onnx_reader import StreamingOnnx, check_model, load_onnx, read_onnx, with_states
from ...quantize.pipeline import Quantised, assemble
from ...quantize.recipe import Recipe, builtin_recipes, load_recipe
from ..bundle import LOCK, MANIFEST, SEALED, Bundle, load_bundle, seal, sha256, written_files
from ..calibration import Calibration, read_calibration
from ..console import console, progress
from ..frames import npz_bytes
from ..proof_table import overflow_words, proof_table

VECTOR_SAMPLES = 16_000
VECTOR_FRAMES = 250

# Of tensors that leave their ranges so many are named; the others mostly follow from these.
SHOWN = 4

AUTO = "auto"
# An SNR beyond which two signals are equal for all purposes, and one below which something is wrong.
MOST_DB, FAR_DB = 200.0, 10.0


def quantize(
    checkpoint: Path,
    output: Path,
    *,
    model: str,
    recipe: str,
    budget: float | None,
    calibration: list[Path] | None,
    front_end: Path | None,
    states: list[str] | None,
    name: str,
    proof: bool,
) -> None:
    """The command, whose options stand in `tools.cli.quantize`."""
    if (recipe == AUTO) != (budget is not None):
        raise StapesError("--recipe auto and --budget belong together: give both, such as --recipe auto --budget 0.03")
    bundle, result = make_bundle(
        checkpoint,
        output,
        recipe=budget if budget is not None else load_recipe(recipe) if recipe else None,
        model=model,
        calibration=calibration,
        front_end=front_end,
        states=states,
        name=name,
    )
    if proof:
        console.print(proof_table(result.bounds))
    console.print(summary_table(bundle, result))


def make_bundle(
    checkpoint: Path,
    output: Path,
    *,
    recipe: Recipe | float | None = None,
    model: str = "auto",
    calibration: list[Path] | None = None,
    front_end: Path | None = None,
    states: list[str] | None = None,
    name: str = "",
) -> tuple[Bundle, Quantised]:
    """What `stapes quantize` does, without the tables.

    `recipe`: a number is the PESQ that the one to be found may lose; None is the default for the network. `states`: those of an ONNX
    file, `INPUT=OUTPUT` each; None finds them.
    Raises StapesError for every fault of the input.
    """
    if model not in ("auto", *checkpoints.NETWORKS):
        raise StapesError(
            f"--model {model!r}: unknown; give {', '.join(checkpoints.NETWORKS)}, or auto, which finds it"
        )
    if not checkpoint.is_file():
        raise StapesError(f"{checkpoint}: no such file; give a checkpoint (.pt, .pth, .tar) or a streaming .onnx file")
    name = name or free_name(checkpoint.stem)
    require_name(name, "--name")
    read = [checkpoint, *(calibration or ()), *([front_end] if front_end else ())]
    check_folder(output, (*SEALED, MANIFEST), known=written_files, alone=True, inputs=read)
    with whole_folder(output, known=written_files) as folder:
        onnx_path = folder / "float.onnx"
        float_model, source, whole = _float_onnx(checkpoint, model, states, onnx_path)
        for note in source.notes:
            warnings.warn(f"{checkpoint}: {note}", Remark, stacklevel=2)
        require_supported(source)
        frontend_used = _front_end(source, front_end, checkpoint)
        if recipe is None:
            recipe = load_recipe("gtcrn_w8a16" if frontend_used is not None and frontend_used.complex_mask else "w8a16")
        data = read_calibration(calibration, frontend_used, source, VECTOR_SAMPLES)
        frames = sum(len(next(iter(sequence.values()))) for sequence in data.sequences)
        lowered = lower(source)
        require_free_tensors(lowered.tensors, frontend_used is not None)
        hold_to_source(float_model, source, lowered, data.sequences, str(checkpoint))
        with progress("calibrating, frames", frames) as done:
            seen = calibrate(lowered, data.sequences, done)
        given = isinstance(recipe, Recipe)
        if not isinstance(recipe, Recipe):
            recipe = _found_recipe(lowered, seen, frontend_used, recipe)
        result = assemble(lowered, seen, recipe)
        if given:
            _tell_unmatched(recipe, result.unmatched)
        error = output_error(float_model, source, result.lowered, data.sequences, str(checkpoint))
        _warn_of_long_runs(result, data, str(checkpoint))
        (folder / "model.tflite").write_bytes(to_bytes(result.graph))
        (folder / "recipe.toml").write_text(recipe.to_toml(), encoding="utf-8")
        vectors, quality = _vectors(result, frontend_used, data, source, float_model)
        if frontend_used is not None:
            quality["vectors_output_snr_db"] = _sound_snr(FloatEngine(onnx_path, frontend_used), vectors)
        (folder / "vectors.npz").write_bytes(npz_bytes(vectors))
        seal(
            folder,
            _manifest(
                name, checkpoint.name, whole, recipe, frontend_used, data, result, {**quality, "lowering_error": error}
            ),
        )
        _keep_lock(output, folder)
        made = load_bundle(folder)  # before it takes its place: what cannot be opened is not written
        _warn_of_distance(made)
    return replace(made, folder=output), result


def _warn_of_distance(bundle: Bundle) -> None:
    """A network whose integers are far from it is told of; a complex mask by its sound, as it is free where it is silent."""
    quality = bundle.manifest["quality"]
    heard = bundle.frontend is not None and bundle.frontend.complex_mask
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
    """The same bundle, made again, keeps its lock."""
    former, lock = output / MANIFEST, output / LOCK
    if lock.is_file() and former.is_file() and former.read_bytes() == (made / MANIFEST).read_bytes():
        (made / LOCK).write_bytes(lock.read_bytes())


def _found_recipe(lowered: FloatGraph, seen: Observations, frontend: FrontEnd | None, budget: float) -> Recipe:
    # Metrics load slowly, and no other recipe needs them.
    from ..auto_recipe import search, steps

    if frontend is None:
        raise StapesError("--recipe auto judges by sound, and this network has no front end: name a recipe")
    with progress("trying recipes", steps(lowered)) as done:
        return search(lowered, seen, frontend, budget, done).recipe


def _warn_of_long_runs(result: Quantised, data: Calibration, label: str) -> None:
    """Tell of states that the calibration was too short for."""
    with progress("running on, frames", frames_to_run(result.lowered, data.sequences)) as done:
        left = leaves(result, data.sequences, done)
    longest = max(len(next(iter(sequence.values()))) for sequence in data.sequences)
    for tensor in left[:SHOWN]:
        warnings.warn(f"{label}: {tensor.told(longest)}", Remark, stacklevel=2)
    if len(left) > SHOWN:
        warnings.warn(f"{label}: so do {len(left) - SHOWN} more tensors", Remark, stacklevel=2)


def _float_onnx(
    checkpoint: Path, model: str, states: list[str] | None, path: Path
) -> tuple[onnx.ModelProto, StreamingOnnx, bytes]:
    """Write the streaming float graph of a network to `path`. An ONNX file is kept as it is, except the official one of GTCRN,
    whose weights go into the same graph as a checkpoint's. The bytes are those of the checkpoint, with what stands beside it.
    """
    if checkpoint.suffix.lower() != ".onnx":
        if states:
            raise StapesError(
                f"{checkpoint}: a checkpoint's states are known; leave out --state, which is for ONNX files"
            )
        whole = checkpoint.read_bytes()
        network, frontend, _ = checkpoints.load(checkpoint, model)
    else:
        file = load_onnx(checkpoint)
        whole = file.whole
        if model == "gru-mask" or states or not is_gtcrn(file.model):
            file = with_states(file, states) if states else file
            path.write_bytes(file.content)
            return file.model, check_model(file.model, str(checkpoint)), whole
        network, frontend = checkpoints.gtcrn_from_onnx(file.model, str(checkpoint))
    export_onnx(network, frontend, path)
    return *read_onnx(path), whole


def _front_end(source: StreamingOnnx, given: Path | None, label: Path) -> FrontEnd | None:
    """The front end of a network, whose ends it fits and whose fixed-point formats hold it."""
    text = source.metadata.get(FRONT_END_KEY)
    try:
        if given is not None:
            label = given
            frontend = FrontEnd.from_dict(read_toml(given, "its keys are the fields of a front end, such as hop = 64"))
        elif text:
            frontend = FrontEnd.from_dict(parse_json(text, f"metadata {FRONT_END_KEY!r}", "export the model again"))
        else:
            return None
        audio_params(frontend)
    except StapesError as error:
        message = str(error)
        raise StapesError(message if message.startswith(f"{label}: ") else f"{label}: {message}") from None
    for what, names, size in (
        ("input", source.inputs, frontend.feature_size),
        ("output", source.outputs, frontend.mask_size),
    ):
        for name in names if len(names) == 1 else ():
            if math.prod(source.shapes[name]) != size:
                raise StapesError(
                    f"{label}: this front end has {size} values for the network's {what} {name!r}, which has "
                    f"{math.prod(source.shapes[name])}; give the front end that it was trained with"
                )
    return frontend


def _tell_unmatched(recipe: Recipe, unmatched: tuple[str, ...]) -> None:
    """A pattern of one's own that matches nothing is a slip; the recipes that come along serve networks with and without a part."""
    built_in = recipe.name in builtin_recipes() and recipe == load_recipe(recipe.name)
    if unmatched and not built_in:
        patterns = ", ".join(repr(pattern) for pattern in unmatched)
        warnings.warn(
            f"recipe {recipe.name!r}: no tensor matches {patterns}; see stapes inspect for names", Remark, stacklevel=3
        )


def _vectors(
    result: Quantised, frontend: FrontEnd | None, data: Calibration, source: StreamingOnnx, float_model
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Golden arrays, and the output's SNR against float over them.

    With an audio path: `audio_in_q15`, `audio_out_q15` (S,), and codes by tensor name (T, size); else codes alone.
    """
    graph = result.graph
    if frontend is None:
        codes = {name: to_codes(graph.tensors[name], data.sequences[0][name][:VECTOR_FRAMES]) for name in graph.inputs}
        simulator = NetworkSimulator(graph, 1)
        frames = len(next(iter(codes.values())))
        rows = [simulator.step({name: values[t][None] for name, values in codes.items()}) for t in range(frames)]
        out = {name: np.stack([row[name].ravel() for row in rows]) for name in graph.outputs}
        arrays = {name: values.reshape(frames, -1) for name, values in codes.items()} | out
    else:
        audio = data.audio_q15[:1, :VECTOR_SAMPLES]
        run = NumpyEngine(graph, frontend).run(audio, trace=True)
        ends = network_ends(graph, frontend)
        arrays = {AUDIO_IN: audio[0], AUDIO_OUT: run.audio_q15[0]}
        arrays |= {tensor.name: run.tensors[tensor.name][0] for tensor in ends}
    typed = {
        name: values.astype(DTYPES[graph.tensors[name].dtype] if name in graph.tensors else np.int16)
        for name, values in arrays.items()
    }
    return typed, {"vectors_snr_db": _output_snr(result, typed, source, float_model)}


def _output_snr(result: Quantised, vectors: dict[str, np.ndarray], source: StreamingOnnx, float_model) -> float:
    """SNR of the integer network's outputs against the float network fed with the same, dequantised, inputs."""
    graph = result.graph

    def real(name: str) -> np.ndarray:
        return to_real(graph.tensors[name], vectors[name])

    fed = [{name: real(name).astype(np.float32) for name in graph.inputs}]
    expected = run_float(float_model, source.states, fed, list(source.outputs))[0]
    return _finite(min(snr_db(expected[name], real(name)) for name in source.outputs))


def _sound_snr(reference: FloatEngine, vectors: dict[str, np.ndarray]) -> float:
    """SNR of the pipeline's output against the float pipeline's over the golden audio."""
    expected = reference.trace_float(q15_to_float(vectors[AUDIO_IN][None]))["output"][0]
    return _finite(snr_db(expected, q15_to_float(vectors[AUDIO_OUT])))


def _finite(snr: float) -> float:
    """In dB; JSON has no infinity, which equal signals give, nor what two silent ones give."""
    return MOST_DB if math.isnan(snr) else round(min(max(snr, -MOST_DB), MOST_DB), 2)


def _manifest(
    name: str,
    file: str,
    content: bytes,
    recipe: Recipe,
    frontend: FrontEnd | None,
    data: Calibration,
    result: Quantised,
    quality: dict[str, float],
) -> dict[str, object]:
    graph = result.graph
    return {
        "name": name,
        "checkpoint": {"file": file, "sha256": sha256(content)},
        "calibration": {"files": [{"file": f, "sha256": h} for f, h in data.files], "frames": result.frames},
        "recipe": recipe.name,
        "frontend": frontend.to_dict() if frontend else None,
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "states": [[state.input, state.output] for state in graph.states],
        "saturation": _counted(result.saturation),
        "planned_saturation": _counted(result.planned_saturation),
        "quality": quality,
    }


def _counted(saturation: dict[str, float]) -> dict[str, float]:
    return {tensor: round(fraction, 8) for tensor, fraction in saturation.items() if fraction > 0}


def summary_table(bundle: Bundle, result: Quantised) -> Table:
    """What came out, in a few lines."""
    graph = result.graph
    table = Table(title=str(bundle.folder), title_justify="left", show_header=False)
    dtypes = [tensor.dtype for tensor in graph.activations]
    saturated = max(result.saturation.items(), key=lambda item: item[1], default=("none", 0.0))
    table.add_row("recipe", f"{bundle.recipe.name}: {bundle.recipe.description}")
    table.add_row("operators", f"{len(graph.operators)} in {len(graph.regions)} regions, stock TFLite Micro builtins")
    table.add_row("activations", ", ".join(f"{dtypes.count(d)} {d}" for d in ("int8", "int16") if d in dtypes))
    table.add_row("constants", f"{sum(t.bytes for t in graph.constants):,} bytes")
    table.add_row("calibration", f"{result.frames} frames of {len(bundle.manifest['calibration']['files'])} file(s)")
    table.add_row("overflow", overflow_words(result.bounds))
    table.add_row("saturation", f"worst {saturated[0]}: {100 * saturated[1]:.3f} % of values")
    table.add_row("against float", _against_float(bundle))
    table.add_row("bundle", bundle.hash[:16])
    return table


def _against_float(bundle: Bundle) -> str:
    """A complex mask is free where there is no sound, so what is heard comes first there, and the mask is named as what it is."""
    quality = bundle.manifest["quality"]
    network = quality["vectors_snr_db"]
    if bundle.frontend is None or not bundle.frontend.complex_mask:
        return f"{network:.1f} dB SNR of the network's output, golden vectors"
    sound = quality["vectors_output_snr_db"]
    return f"{sound:.1f} dB SNR of the sound, golden vectors ({network:.1f} dB of the mask, which is free where it is silent)"
