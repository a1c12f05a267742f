"""`stapes inspect`: what is in a bundle and what it will cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from ...export.c.costs import costs
from ...export.c.kernels import Kernel
from ...export.c.program import multiplies
from ...models.errors import StapesError
from ...quantize.graph import Graph, Operator
from ...quantize.proof import prove
from ...quantize.tflm_builds import tflm_builds
from ..bundle import Bundle, load_bundle
from ..console import console, print_json
from ..device_report import device_document, print_device
from ..proof_table import overflow_words, proof_table

# Agnew and Thornton, Just noticeable and objectionable group delays in digital hearing aids (2000): what lags by more disturbs the wearer.
OBJECTIONABLE_MS = 10.0


def inspect(
    bundle: Path,
    *,
    proof: bool,
    device: bool,
    compare: Path | None,
    portable: bool,
    instructions_per_cycle: float,
    json: bool,
) -> None:
    """The command, whose options stand in `tools.cli.inspect`."""
    opened = load_bundle(bundle)
    if compare is not None and not device:
        raise StapesError("--compare sets two bundles side by side on the device: give --device too")
    if portable and not device:
        raise StapesError("--portable chooses the kernels that are counted on the device: give --device too")
    if device:
        _inspect_device([opened, *([load_bundle(compare)] if compare else [])], instructions_per_cycle, portable, json)
        return
    document = describe(opened)
    if json:
        print_json(document)
        return
    console.print(_operators_table(document))
    if proof:
        console.print(proof_table(prove(opened.graph)))
    console.print(_summary_table(opened, document))


def _inspect_device(bundles: list[Bundle], instructions_per_cycle: float, portable: bool, json: bool) -> None:
    documents = [device_document(bundle, instructions_per_cycle, portable=portable) for bundle in bundles]
    if json:
        first, *others = documents
        print_json({**first, "compare": others[0]} if others else first)
    else:
        print_device(documents)


def describe(bundle: Bundle) -> dict[str, Any]:
    """Everything `inspect` knows; sizes in bytes, times in ms."""
    graph, frontend = bundle.graph, bundle.frontend
    bounds = prove(graph)
    saturation = {**bundle.manifest["saturation"], **bundle.manifest["planned_saturation"]}
    cost = costs(graph, bundle.name, frontend)
    rate = frontend.sample_rate / 1000.0 if frontend else None
    return {
        "name": bundle.name,
        "bundle_sha256": bundle.hash,
        "recipe": bundle.recipe.name,
        "macs_per_frame": cost.macs,
        "parameters": sum(_parameters(graph, op) for op in graph.operators),
        "flash_bytes": cost.flash_bytes,
        "flash_by_part": cost.flash_by_part,
        "ram_bytes": cost.ram_bytes,
        "ram_by_part": cost.ram_by_part,
        "latency_ms": frontend.latency / rate if frontend and rate else None,
        "hop_ms": frontend.hop / rate if frontend and rate else None,
        "operators": [
            {**_operator(graph, op, saturation), **_kernel(cost.kernels.get(op.name))} for op in graph.operators
        ],
        "states": [[state.input, state.output] for state in graph.states],
        "overflow_free": all(bound.holds for bound in bounds),
        "overflow_bounds": [{**vars(bound), "bits": bound.bits} for bound in bounds],
        "saturation": bundle.manifest["saturation"],
        "planned_saturation": bundle.manifest["planned_saturation"],
        "tflm_builds": [vars(build) for build in tflm_builds(graph)],
    }


def _parameters(graph: Graph, op: Operator) -> int:
    """Trained numbers of an operator: weights, biases and elementwise constants."""
    constants = [graph.tensors[name] for name in op.inputs if name and graph.tensors[name].is_constant]
    return sum(tensor.size for tensor in constants if tensor.scale is not None)


def _operator(graph: Graph, op: Operator, saturation: dict[str, float]) -> dict[str, Any]:
    out = graph.tensors[op.outputs[0]]
    weights = graph.tensors[op.inputs[1]] if op.kind in ("FULLY_CONNECTED", "CONV_2D") else None
    return {
        "name": op.name,
        "kind": op.kind,
        "region": op.region,
        "dtype": out.dtype,
        "shape": list(out.shape),
        "scale": float(out.scale[0]) if out.scale is not None else None,
        "zero_point": out.zero_point,
        "macs": multiplies(graph, op),
        "weight_scales": int(weights.scale.size) if weights and weights.scale is not None else 0,
        "saturation": saturation.get(op.outputs[0], 0.0),
    }


def _kernel(kernel: Kernel | None) -> dict[str, Any]:
    """What multiplies an operator's matrix, and how many of its blocks of 4 x 4 weights are stored."""
    if kernel is None:
        return {"kernel": None, "blocks_stored": None, "blocks": None}
    return {"kernel": kernel.form, "blocks_stored": kernel.stored, "blocks": kernel.groups}


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
    table.add_row("of them on a Cortex-M7", Text("\n".join(_by_kernel(document["operators"]))))
    table.add_row(
        "flash, constants",
        f"{document['flash_bytes']:,} bytes ({_parts(document['flash_by_part'])}); code comes on top",
    )
    table.add_row("RAM, context", f"{document['ram_bytes']:,} bytes ({_parts(document['ram_by_part'])})")
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
