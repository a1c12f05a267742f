"""The emulated Cortex-M7: every size of the matrix kernels against numpy, and instructions beside those of the peers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from ...export.targets import PORTABLE
from ...firmware_sim.device import toolchain
from ...firmware_sim.device.qemu_device import run_in_qemu
from ..bundle import Bundle
from ..device_report import inspect_device
from ..engines import unavailable
from ..library.export import exported_c
from ..peer_costs import ELEMENTS, KERNELS, network_peers
from .elements import instructions_per_element
from .rows import COLUMNS, OUTPUTS, DeviceRows, HostRows, Rows, instructions_per_mac, sweep
from .scalars import instructions_per_number
from .transforms import instructions_per_transform, transform_rows

# All of them once with noise, whole and half zeros; those at which loops turn with the extremes and all ZEROS too.
ALL_COLUMNS, ALL_OUTPUTS = range(1, 258), range(1, 66)
FIGURES = ("hop_seconds", "instructions_per_hop", "instructions_network", "instructions_per_mac", "instructions_audio",
           "flash_bytes", "ram_bytes", "stack_bytes")  # fmt: skip
MEMORY = ("flash_bytes", "ram_bytes", "stack_bytes")


def device_costs(bundles: dict[str, Bundle], stream: np.ndarray) -> dict[str, Any]:
    """Cases that agree, instructions of the kernels, a value or a product, and of the networks; network -> bundle with an audio path.

    Memory is counted with the kernels in plain C too. Where there is QEMU, so is each hop of the stream (S,) int16.

    Raises AssertionError with the first case or operator that gives other integers than numpy.
    """
    with tempfile.TemporaryDirectory(prefix="stapes-bench-m7-") as work:
        bundle = next(iter(bundles.values()))
        with exported_c(bundle) as folder:
            elf = toolchain.build(folder, bundle.name, Path(work)).elf
        engines: list[Rows] = [DeviceRows(elf), HostRows()]
        cases = sweep(engines, COLUMNS, OUTPUTS) + sweep(engines, ALL_COLUMNS, ALL_OUTPUTS, ("noise",), (None, 0.5))
        kernels = instructions_per_mac(elf)
    networks = {}
    for recipe, bundle in bundles.items():
        found = inspect_device(bundle).to_json()
        networks[recipe] = {name: found[name] for name in FIGURES}
        plain = inspect_device(bundle, target=PORTABLE).to_json()
        networks[recipe]["portable"] = {name: plain[name] for name in ("instructions_network", *MEMORY)}
        if "cortex-m7-qemu" not in unavailable():
            networks[recipe]["stream"] = hop_counts(bundle, stream)
    return {
        "kernel_cases": cases,
        "kernels": {name: {**found, "peer_instructions_per_mac": _peer(name)} for name, found in kernels.items()},
        "elements": {
            name: {"instructions": taken, "peer_instructions": ELEMENTS.get(name)}
            for name, taken in (instructions_per_element() | instructions_per_number()).items()
        },
        "transforms": transform_rows(instructions_per_transform()),
        "networks": networks,
        "peers": network_peers(),
    }


def _peer(kernel: str) -> float:
    """CMSIS-NN multiplies zeros like other weights."""
    return next(per_mac for name, per_mac in KERNELS.items() if kernel.startswith(name))


def hop_counts(bundle: Bundle, stream: np.ndarray) -> dict[str, Any]:
    """Instructions of each hop of a stream (S,) int16, from reset, the loop around the program included."""
    hop = bundle.require_sound_path().hop
    with exported_c(bundle) as folder, tempfile.TemporaryDirectory(prefix="stapes-bench-m7-") as work:
        elf = toolchain.build(folder, bundle.name, Path(work)).elf
        counts = run_in_qemu(elf, stream[: len(stream) // hop * hop], counted=True).instructions
    longest = int(counts.argmax())
    return {
        "hops": len(counts),
        "longest": int(counts[longest]),
        "longest_hop": longest,
        "mean": round(float(counts.mean()), 1),
        "least": int(counts.min()),
    }


def stream_table(device: dict[str, Any]) -> Table | None:
    """The spread of the instructions of a hop over a whole stream; None where they were not counted."""
    counted = {recipe: found["stream"] for recipe, found in device["networks"].items() if "stream" in found}
    if not counted:
        return None
    table = Table(title="instructions of each hop of the stream, counted in QEMU", title_justify="left")
    for heading in ("", "hops", "longest", "at hop", "mean", "least"):
        table.add_column(heading, justify="left" if not heading else "right")
    for recipe, found in counted.items():
        cells = (found["hops"], found["longest"], found["longest_hop"], round(found["mean"]), found["least"])
        table.add_row(recipe, *(f"{cell:,}" for cell in cells))
    return table


def kernel_table(device: dict[str, Any]) -> Table:
    """Instructions per multiply-accumulate of the kernels beside CMSIS-NN."""
    title = f"matrix kernels on a Cortex-M7, {device['kernel_cases']:,} cases equal to numpy"
    table = Table(title=title, title_justify="left")
    for heading in ("int8 weights, requantised", "instructions", "per MAC", "CMSIS-NN per MAC"):
        table.add_column(heading, justify="left" if heading.startswith("int8") else "right")
    for name, found in device["kernels"].items():
        figures = (f"{found['instructions_per_mac']:.2f}", f"{found['peer_instructions_per_mac']:.2f}")
        table.add_row(name, f"{found['instructions']:,}", *figures)
    return table


def element_table(device: dict[str, Any]) -> Table:
    """Instructions a value of the kernels between the matrices and of functions of one number beside those of the peers."""
    title = "between the matrices and in the audio path on a Cortex-M7, instructions a value"
    table = Table(title=title, title_justify="left")
    for heading in ("", "here", "TFLite Micro, CMSIS-NN, CMSIS-DSP"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, found in device["elements"].items():
        peer = found["peer_instructions"]
        table.add_row(name, f"{found['instructions']:.1f}", f"{peer:.0f}" if peer else "")
    return table


def network_table(device: dict[str, Any]) -> Table:
    """Instructions of whole networks beside TFLite Micro with CMSIS-NN."""
    table = Table(title="networks on a Cortex-M7, longest hop", title_justify="left")
    for heading in ("", "network", "per MAC", "audio path", "a second", "flash", "RAM", "stack"):
        table.add_column(heading, justify="left" if not heading else "right")
    for recipe, found in device["networks"].items():
        bytes_of = [f"{found[name]:,}" for name in MEMORY]
        per_mac, second = f"{found['instructions_per_mac']:.2f}", f"{millions_a_second(found):.1f} M"
        counts = (f"{found['instructions_network']:,}", per_mac, f"{found['instructions_audio']:,}", second)
        table.add_row(recipe, *counts, *bytes_of)
        plain = found["portable"]
        bytes_of = [f"{plain[name]:,}" for name in MEMORY]
        table.add_row("  kernels in plain C", f"{plain['instructions_network']:,}", "", "", "", *bytes_of)
    for name, found in device["peers"].items():
        table.add_row(name, f"{found['instructions']:,}", f"{found['instructions_per_mac']:.2f}")
    return table


def millions_a_second(found: dict[str, Any]) -> float:
    """Millions of instructions of the whole pipeline for a second of audio: each hop as long as the longest."""
    return float(found["instructions_per_hop"] / found["hop_seconds"] / 1e6)
