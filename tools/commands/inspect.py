"""`stapes inspect`: what is in a bundle and what it will cost, as tables or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from ...models.errors import StapesError
from ...models.files import check_file, made_folders, write_whole
from ...quantize.proof import prove
from ..bundle import Bundle, load_bundle, refuse_inside
from ..console import console, print_json
from ..defaults import INSTRUCTIONS_PER_CYCLE
from ..device_report import print_device
from ..library.inspect import inspect as inspect_bundle
from ..library.simulate import PNG
from ..proof_table import overflow_words, proof_table
from ..targets import Processor

# Agnew and Thornton, Just noticeable and objectionable group delays in digital hearing aids (2000): what lags by more disturbs the wearer.
OBJECTIONABLE_MS = 10.0
# The schema of the answer with --device, which holds another one with --compare.
ON_DEVICE = "stapes-inspect-device-1"


def inspect(
    bundle: Path,
    *,
    proof: bool,
    device: bool,
    compare: Path | None,
    target: Processor,
    instructions_per_cycle: float | None,
    acoustics: bool,
    plot: Path | None,
    calibration_db: float | None,
    json: bool,
) -> None:
    """The command, whose options stand in `tools.cli.inspect`."""
    if plot is not None and not acoustics:
        raise StapesError("--plot draws the acoustics: give --acoustics too")
    if calibration_db is not None and not acoustics:
        raise StapesError("--calibration-db ties the acoustics to dB SPL: give --acoustics too")
    if acoustics and (device or proof or compare is not None):
        raise StapesError("--acoustics tells of the sound alone: leave --device, --proof and --compare out")
    if instructions_per_cycle is not None and not device:
        raise StapesError("--instructions-per-cycle is of the time on the device: give --device too")
    opened = load_bundle(bundle)
    if acoustics:
        _inspect_acoustics(opened, plot, calibration_db, json)
        return
    if compare is not None and not device:
        raise StapesError("--compare sets two bundles side by side on the device: give --device too")
    if device:
        assumed = INSTRUCTIONS_PER_CYCLE if instructions_per_cycle is None else instructions_per_cycle
        _inspect_device([opened, *([load_bundle(compare)] if compare else [])], assumed, target, json)
        return
    document = inspect_bundle(opened, target=target).to_json()
    if json:
        print_json("stapes-inspect-1", document)
        return
    console.print(_operators_table(document))
    if proof:
        console.print(proof_table(prove(opened.graph)))
    console.print(_summary_table(opened, document))


def _inspect_acoustics(bundle: Bundle, plot: Path | None, calibration_db: float | None, json: bool) -> None:
    from ..acoustics_report import picture, tables  # what draws costs a second
    from ..library.acoustics import acoustics as measure

    if plot is not None:
        if plot.suffix.lower() != ".png":
            raise StapesError(f"{plot}: pictures are PNG files; give a name that ends in .png")
        refuse_inside(bundle, plot)
        check_file(plot, begins=PNG)
    found = measure(bundle, calibration_db=calibration_db)
    if plot is not None:
        with made_folders([plot.parent]):
            write_whole(plot, picture(found))
    if json:
        print_json("stapes-inspect-acoustics-1", found.to_json())
        return
    for table in tables(found):
        console.print(table)


def _inspect_device(bundles: list[Bundle], instructions_per_cycle: float, target: Processor, json: bool) -> None:
    documents = [
        inspect_bundle(bundle, device=True, target=target, instructions_per_cycle=instructions_per_cycle).to_json()
        for bundle in bundles
    ]
    if json:
        first, *others = documents
        compared = {"compare": {"schema": ON_DEVICE, **others[0]}} if others else {}
        print_json(ON_DEVICE, {**first, **compared})
    else:
        print_device(documents)


def _operators_table(document: dict[str, Any]) -> Table:
    table = Table(title=f"{document['name']}: operators", title_justify="left")
    for heading in ("operator", "kind", "dtype", "shape", "scale", "zero point", "saturated", "MACs", "by"):
        justify: Literal["left", "right"] = "left" if heading in ("operator", "kind", "dtype", "by") else "right"
        table.add_column(heading, justify=justify, overflow="fold")
    for op in document["operators"]:
        scale = f"{op['scale']:.6g}" if op["scale"] is not None else ""
        shape = "x".join(map(str, op["shape"]))
        saturated = f"{100 * op['saturation']:.3f} %" if op["saturation"] else ""
        macs, kernel = (f"{op['macs']:,}", op["kernel"]) if op["macs"] else ("", "")
        cells = (op["kind"], op["dtype"], shape, scale, str(op["zero_point"]), saturated, macs, kernel)
        table.add_row(op["name"], *cells)
    return table


def _by_kernel(operators: list[dict[str, Any]]) -> list[str]:
    """How many multiply-accumulates each kernel does, a line each."""
    lines = []
    for kernel in dict.fromkeys(op["kernel"] for op in operators if op["macs"]):
        using = [op for op in operators if op["kernel"] == kernel]
        macs, stored, blocks = (sum(op[name] for op in using) for name in ("macs", "blocks_stored", "blocks"))
        rest = f": {stored:,} of {blocks:,} blocks stored" if stored < blocks else ""
        lines.append(f"{macs:,} by {kernel}{rest}")
    return lines


def _parts(parts: dict[str, int]) -> str:
    return ", ".join(f"{name} {size:,}" for name, size in parts.items() if size)


def _verdict(build: dict[str, Any]) -> str:
    """What a build does with the graph, as far as it was measured."""
    if build["runs"] is False:
        return "refuses"
    bits = {True: "same bits", False: "other bits", None: "bits not measured"}[build["same_bits"]]
    return f"runs, {bits}" if build["runs"] else bits


def _summary_table(bundle: Bundle, document: dict[str, Any]) -> Table:
    table = Table(show_header=False)
    table.add_row("recipe", f"{bundle.recipe.name}: {bundle.recipe.description}")
    table.add_row("parameters", f"{document['parameters']:,}")
    table.add_row("MACs a frame", f"{document['macs_per_frame']:,}")
    table.add_row(f"of them for {document['target']}", Text("\n".join(_by_kernel(document["operators"]))))
    table.add_row(
        "flash, constants",
        f"{document['flash_bytes']:,} bytes ({_parts(document['flash_by_part'])}); code comes on top",
    )
    table.add_row("RAM, context", f"{document['ram_bytes']:,} bytes ({_parts(document['ram_by_part'])})")
    if document["ears_bytes"] is not None:
        table.add_row("RAM of two ears", f"{document['ears_bytes']:,} bytes: states twice, scratch once")
    if document["hop_ms"] is not None:
        table.add_row(
            "latency",
            f"{document['latency_ms']:g} ms algorithmic, a new hop each {document['hop_ms']:g} ms; compute time comes on top"
            + (": too long for a hearing aid" if document["latency_ms"] > OBJECTIONABLE_MS else ""),
        )
    table.add_row("overflow", overflow_words(prove(bundle.graph)))
    for build in document["tflm_builds"]:
        reason = f": {build['reason']}" if build["reason"] else ""
        table.add_row(f"TFLM, {build['name']}", f"{_verdict(build)}{reason} ({build['measured_with']})")
    table.add_row("bundle", document["bundle_sha256"][:16])
    return table
