"""The emulated Cortex-M7: every size of the matrix kernels against numpy, and instructions beside those of the peers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from rich.table import Table

from firmware_sim.cortex_m7 import toolchain
from tools.bench.rows import COLUMNS, OUTPUTS, DeviceRows, HostRows, Rows, instructions_per_mac, sweep
from tools.bundle import Bundle
from tools.commands.export import exported_c
from tools.device_report import PEER_KERNELS, PEERS, device_document

# All of them once with noise; those at which loops turn with the extremes too.
ALL_COLUMNS, ALL_OUTPUTS = range(1, 258), range(1, 66)
FIGURES = ("instructions_per_hop", "instructions_network", "instructions_per_mac", "instructions_audio", "flash_bytes",
           "ram_bytes", "stack_bytes")  # fmt: skip


def device_costs(bundles: dict[str, Bundle]) -> dict[str, Any]:
    """Cases that agree, instructions of the kernels and of the networks; recipe -> bundle with an audio path.

    Raises AssertionError with the first case of the kernels that gives other integers than numpy.
    """
    with tempfile.TemporaryDirectory(prefix="stapes-bench-m7-") as work:
        bundle = next(iter(bundles.values()))
        with exported_c(bundle) as folder:
            elf = toolchain.build(folder, bundle.name, Path(work)).elf
        engines: list[Rows] = [DeviceRows(elf), HostRows()]
        cases = sweep(engines, COLUMNS, OUTPUTS) + sweep(engines, ALL_COLUMNS, ALL_OUTPUTS, ("noise",))
        kernels = instructions_per_mac(elf)
    networks = {}
    for recipe, bundle in bundles.items():
        found = device_document(bundle)
        networks[recipe] = {name: found[name] for name in FIGURES}
    return {
        "kernel_cases": cases,
        "kernels": {
            name: {**found, "peer_instructions_per_mac": PEER_KERNELS[name]} for name, found in kernels.items()
        },
        "networks": networks,
        "peers": {name: {"instructions": n, "instructions_per_mac": m} for name, (n, m) in PEERS.items()},
    }


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


def network_table(device: dict[str, Any]) -> Table:
    """Instructions of whole networks beside TFLite Micro with CMSIS-NN."""
    table = Table(title="networks on a Cortex-M7, longest hop", title_justify="left")
    for heading in ("", "network", "per MAC", "audio path", "flash", "RAM", "stack"):
        table.add_column(heading, justify="left" if not heading else "right")
    for recipe, found in device["networks"].items():
        bytes_of = [f"{found[name]:,}" for name in ("flash_bytes", "ram_bytes", "stack_bytes")]
        per_mac = f"{found['instructions_per_mac']:.2f}"
        table.add_row(
            recipe, f"{found['instructions_network']:,}", per_mac, f"{found['instructions_audio']:,}", *bytes_of
        )
    for name, found in device["peers"].items():
        table.add_row(name, f"{found['instructions']:,}", f"{found['instructions_per_mac']:.2f}")
    return table
