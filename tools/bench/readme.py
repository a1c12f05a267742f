"""The short table of the README, written by the benchmark between two marks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...models.errors import StapesError
from ...models.files import write_whole
from ..peer_costs import RNNOISE_MILLIONS
from .device import millions_a_second
from .report import GTCRN, SPARSE

BEGIN, END = "<!-- made by python -m stapes.tools.bench --readme README.md -->", "<!-- end of what the bench made -->"
# The peers' figures of the same kernels and networks, by the recipe that they are held against.
PEERS_OF = {
    "w8a16": [
        "TFLite Micro + CMSIS-NN, 16x8, one scale a matrix",
        "TFLite Micro + CMSIS-NN, 16x8, as 1x1 convolutions",
    ],
    "w8a8": ["TFLite Micro + CMSIS-NN, int8"],
}
KERNEL_OF = {"w8a16": "int16 activations, 128->384", "w8a8": "int8 activations, 128->384"}
ELEMENTS_OF = {
    recipe: [f"{kind} {dtype}" for kind in ("add", "mul", "logistic", "tanh")]
    for recipe, dtype in (("w8a16", "int16"), ("w8a8", "int8"))
}
NETWORKS = {
    "native": "C",
    "tflm": "tflite-micro",
    "litert": "LiteRT (XNNPACK)",
    "onnxruntime, float": "onnxruntime in float",
}
PIPELINES = {
    "native": "C on the host",
    "numpy, 64 utterances": "numpy, 64 utterances at once",
    "cortex-m7": "emulated Cortex-M7",
    "tflm": "around tflite-micro",
    "litert (XNNPACK)": "around LiteRT (XNNPACK), other bits",
    "float (onnxruntime)": "in float, around onnxruntime",
}


def write_readme(path: Path, document: dict[str, Any]) -> None:
    """Put the table of a result between the marks; raises StapesError where they are missing."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StapesError(f"{path}: cannot be read ({error}); give the README") from None
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise StapesError(
            f"{path}: has no place for the table; put these two lines where it belongs: {BEGIN} and {END}"
        )
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    write_whole(path, (before + BEGIN + "\n" + readme_table(document) + END + after).encode())


def readme_table(document: dict[str, Any]) -> str:
    """The result as Markdown: one column a recipe; rows whose figures were left out are not there."""
    recipes = list(document["pipeline"])
    lines = [_row("", recipes), "|" + "---|" * (len(recipes) + 1)]

    def heading(label: str) -> None:
        lines.append(_row(f"**{label}**", [""] * len(recipes)))

    def add(label: str, cells: list[str | None]) -> None:
        if any(cells):
            lines.append(_row(label, [cell or "-" for cell in cells]))

    heading("whole pipeline, times real time")
    for engine, label in PIPELINES.items():
        add(label, [_realtime(document["pipeline"][recipe].get(engine)) for recipe in recipes])
    known = [name for name in NETWORKS if any(_micro(document["network"][r].get(name)) for r in recipes)]
    cells = [" / ".join(_micro(document["network"][r].get(name)) or "-" for name in known) for r in recipes]
    heading("network alone, us a frame")
    add(" / ".join(NETWORKS[name] for name in known), list(cells))
    if "device" in document:
        heading("Cortex-M7, instructions, counted in an emulator")
        for label, figures in _device_rows(document["device"], recipes):
            add(label, figures)
    heading("bits")
    snr = [f"{document['closeness'][recipe]['mask_snr_db']:.0f}" for recipe in recipes]
    add("mask against float on speech not calibrated on, dB SNR", list(snr))
    equal = ["yes" if document["equality"][recipe]["identical"] else "NO" for recipe in recipes]
    engines = ", ".join(document["equality"][recipes[0]]["sha256"])
    seconds = document["equality"][recipes[0]]["seconds"]
    add(f"engines equal in every bit over {seconds:g} s: {engines}", list(equal))
    aid = document["hearing_aid"]
    verdicts = [("yes" if aid[recipe]["identical"] else "NO") if recipe in aid else None for recipe in recipes]
    told = next(iter(aid.values()))
    engines, seconds = ", ".join(told["sha256"]), told["seconds"]
    around = f"a fitting of {told['sections']} sections, {told['bands']} steered bands and random controls"
    add(f"the same over {seconds:g} s with {around}: {engines}", verdicts)
    machine = f"{document['machine']['processor']}, processor time of one core"
    return f"{machine}:\n\n" + "".join(f"{line}\n" for line in lines)


def _device_rows(device: dict[str, Any], recipes: list[str]) -> list[tuple[str, list[str | None]]]:
    kernels, networks, peers = device["kernels"], device["networks"], device["peers"]
    of_kernels = [kernels[KERNEL_OF[recipe]] for recipe in recipes]
    of_networks = [networks[recipe] for recipe in recipes]
    of_peers = [[peers[name] for name in PEERS_OF[recipe]] for recipe in recipes]
    rnnoise = ", ".join(f"{version}: {millions:,}" for version, millions in RNNOISE_MILLIONS.items())
    return [
        (
            "matrix 128 -> 384, a multiply-accumulate (CMSIS-NN)",
            [f"{k['instructions_per_mac']:.2f} ({k['peer_instructions_per_mac']:.2f})" for k in of_kernels],
        ),
        (
            "ADD / MUL / LOGISTIC / TANH, a value (TFLite Micro with CMSIS-NN)",
            [" / ".join(_element(device["elements"][name]) for name in ELEMENTS_OF[recipe]) for recipe in recipes],
        ),
        (
            "network, a frame (per multiply-accumulate)",
            [_count(n) for n in of_networks],
        ),
        (
            "the same network by TFLite Micro with CMSIS-NN (w8a16: one scale a matrix / 1x1 convolutions)",
            [" / ".join(f"{p['instructions']:,} ({p['instructions_per_mac']:.2f})" for p in row) for row in of_peers],
        ),
        (
            "network with half of its blocks of 4 x 4 weights at zero",
            [_count(networks.get(SPARSE[recipe])) for recipe in recipes],
        ),
        ("audio path, a hop", [f"{n['instructions_audio']:,}" for n in of_networks]),
        (
            f"whole pipeline, millions a second of audio (RNNoise {rnnoise})",
            [f"{millions_a_second(n):.0f}" for n in of_networks],
        ),
        ("flash / RAM, beside the kernels in plain C", [_growth(n) for n in of_networks]),
        (
            "network of GTCRN, a frame of 16 ms",
            [_count(networks.get(GTCRN)) if GTCRN.endswith(recipe) else None for recipe in recipes],
        ),
    ]


def _count(network: dict[str, Any] | None) -> str | None:
    """Instructions of a network, per multiply-accumulate behind them."""
    return f"{network['instructions_network']:,} ({network['instructions_per_mac']:.2f})" if network else None


def _element(found: dict[str, Any]) -> str:
    peer = found["peer_instructions"]
    return f"{found['instructions']:.0f} ({peer:.0f})" if peer else f"{found['instructions']:.0f}"


def _growth(network: dict[str, Any]) -> str:
    grown = (network[name] / network["portable"][name] - 1 for name in ("flash_bytes", "ram_bytes"))
    return " / ".join(f"{100 * growth:+.1f} %" for growth in grown)


def _row(label: str, cells: list[str]) -> str:
    return f"| {' | '.join([label, *cells])} |"


def _realtime(entry: dict[str, Any] | None) -> str | None:
    return f"{entry['realtime_factor']:.0f}" if entry and "realtime_factor" in entry else None


def _micro(entry: dict[str, Any] | None) -> str | None:
    return f"{entry['microseconds_a_frame']:.0f}" if entry and "microseconds_a_frame" in entry else None
