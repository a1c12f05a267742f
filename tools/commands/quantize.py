"""`stapes quantize`: what came out of a network, in a table."""

from __future__ import annotations

from pathlib import Path

from rich.table import Table

from ...quantize.pipeline import Quantised
from ..bundle import Bundle
from ..console import console
from ..library.networks import judged_by_sound
from ..library.quantize import quantize as quantize_network
from ..library.stream import parse_time_axes
from ..library.tflite_network import SOURCE
from ..proof_table import overflow_words, proof_table


def quantize(
    checkpoint: Path,
    output: Path,
    *,
    model: str,
    recipe: str,
    budget: float | None,
    calibration: list[Path] | None,
    front_end: Path | None,
    fitting: Path | None,
    states: list[str] | None,
    time_axis: list[str] | None,
    name: str | None,
    controls: list[str],
    programs: Path | None,
    steering: Path | None,
    workers: int,
    scheduler: str | None,
    proof: bool,
) -> None:
    """The command, whose options stand in `tools.cli.quantize`."""
    made = quantize_network(
        checkpoint,
        output,
        recipe=recipe or None,
        budget=budget,
        model=model,
        calibration=calibration or (),
        front_end=front_end,
        fitting=fitting,
        states=states or (),
        workers=workers,
        scheduler=scheduler,
        time_axis=parse_time_axes(time_axis or []),
        name=name,
        controls=controls,
        programs=programs,
        steering=steering,
    )
    if proof:
        console.print(proof_table(made.quantised.bounds))
    console.print(_summary_table(made.bundle, made.quantised))


def _summary_table(bundle: Bundle, result: Quantised) -> Table:
    """What came out, in a few lines."""
    graph = result.graph
    table = Table(title=str(bundle.folder), title_justify="left", show_header=False)
    dtypes = [tensor.dtype for tensor in graph.activations]
    saturated = max(result.saturation.items(), key=lambda item: item[1], default=("none", 0.0))
    table.add_row("recipe", f"{bundle.recipe.name}: {bundle.recipe.description}")
    table.add_row("operators", f"{len(graph.operators)} in {len(graph.regions)} regions, stock TFLite Micro builtins")
    table.add_row("activations", ", ".join(f"{dtypes.count(d)} {d}" for d in ("int8", "int16") if d in dtypes))
    table.add_row("constants", f"{sum(t.bytes for t in graph.constants):,} bytes")
    if bundle.manifest.get("source") == SOURCE:
        table.add_row("overflow", overflow_words(result.bounds))
        table.add_row("against float", f"{_against_float(bundle)}; float are the real numbers of its codes")
    else:
        count = len(bundle.manifest["calibration"]["files"])
        table.add_row("calibration", f"{result.frames} frames of {count} file(s)")
        table.add_row("overflow", overflow_words(result.bounds))
        table.add_row("saturation", f"worst {saturated[0]}: {100 * saturated[1]:.3f} % of values")
        table.add_row("against float", _against_float(bundle))
    table.add_row("bundle", bundle.hash[:16])
    return table


def _against_float(bundle: Bundle) -> str:
    """A mask that is free where there is no sound is named as what it is, and what is heard comes first."""
    quality = bundle.manifest["quality"]
    network = quality["vectors_snr_db"]
    if not judged_by_sound(bundle.sound_path):
        return f"{network:.1f} dB SNR of the network's output, golden vectors"
    sound = quality["vectors_output_snr_db"]
    return f"{sound:.1f} dB SNR of the sound, golden vectors ({network:.1f} dB of the mask, which is free where it is silent)"
