"""The benchmark's figures for people: tables, and the goals with their limits."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from ..console import console
from .deepfilternet import AUTHORS, FLOAT, NATIVE, NETWORK_FLOAT, NETWORK_NATIVE
from .device import element_table, kernel_table, millions_a_second, network_table, stream_table
from .transforms import transform_table

# What the project promises: (figure, limit, whether more is better).
REALTIME_NATIVE, REALTIME_NUMPY_64, QUANTIZE_SECONDS = 300.0, 25.0, 60.0
REALTIME_DEEPFILTERNET = 20.0
# The whole pipeline in C beside the one around the tflite-micro interpreter.
NATIVE_TO_TFLM = 20.0
# With states in int8, features in int16 bring the masks nothing.
MASK_SNR_DB = {"w8a16": 50.0, "w8a8_features16": 28.0, "w8a8": 28.0}
OUTPUT_SNR_DB = {"w8a16": 35.0}
# On the emulated Cortex-M7: instructions per multiply-accumulate, of the audio path a hop, of the whole pipeline a second;
# bytes over those with the kernels in plain C.
KERNEL_PER_MAC = {"int16 activations, 128->384": 1.20, "int8 activations, 128->384": 1.05}
# Of the network with half of its weights; MACs are those of the whole one.
SPARSE = {"w8a16": "w8a16, half the blocks zeros", "w8a8": "w8a8, half the blocks zeros"}
NETWORK_PER_MAC = {"w8a16": 1.27, "w8a8": 1.17, SPARSE["w8a16"]: 0.80}
AUDIO_INSTRUCTIONS, MILLIONS_A_SECOND, GROWTH = 60_000, 80.0, 1.05
# Parts of a result that tell of equal bits: in which engines, over how long a stream.
EQUALITIES = ("equality", "hearing_aid", "drift")
GTCRN, GTCRN_INSTRUCTIONS = "gtcrn_w8a16", 900_000


def goals(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every promised figure: value, limit, ok."""
    found: dict[str, dict[str, Any]] = {}

    def at_least(name: str, value: float, limit: float) -> None:
        found[name] = {"value": value, "limit": limit, "ok": value >= limit}

    for recipe, speeds in document["pipeline"].items():
        if "native" in speeds:
            at_least(f"{recipe}: native, x real time", speeds["native"]["realtime_factor"], REALTIME_NATIVE)
        if {"native", "tflm"} <= set(speeds):
            ratio = speeds["native"]["realtime_factor"] / speeds["tflm"]["realtime_factor"]
            at_least(f"{recipe}: native, x tflm", ratio, NATIVE_TO_TFLM)
        many = next(entry for name, entry in speeds.items() if name.startswith("numpy, "))
        at_least(f"{recipe}: numpy with 64 utterances, x real time", many["realtime_factor"], REALTIME_NUMPY_64)
    for recipe, seconds in document["quantize_seconds"].items():
        found[f"{recipe}: quantize, s of one core"] = {
            "value": seconds,
            "limit": QUANTIZE_SECONDS,
            "ok": seconds <= QUANTIZE_SECONDS,
        }
    for recipe, snr in document["closeness"].items():
        at_least(f"{recipe}: mask against float, dB SNR", snr["mask_snr_db"], MASK_SNR_DB[recipe])
        if recipe in OUTPUT_SNR_DB:
            at_least(f"{recipe}: output against float, dB SNR", snr["output_snr_db"], OUTPUT_SNR_DB[recipe])
    for recipe, speeds in document.get("deepfilternet", {}).items():
        at_least(f"{recipe}: native, x real time", speeds[NATIVE]["realtime_factor"], REALTIME_DEEPFILTERNET)
        for mine, other in ((NATIVE, AUTHORS), (NATIVE, FLOAT), (NETWORK_NATIVE, NETWORK_FLOAT)):
            ratio = speeds[mine]["realtime_factor"] / speeds[other]["realtime_factor"]
            at_least(f"{recipe}: {mine}, x {other}", ratio, 1.0)
    if "device" in document:
        _device_goals(document["device"], found)
    return found


def _device_goals(device: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
    def at_most(name: str, value: float, limit: float) -> None:
        found[name] = {"value": value, "limit": limit, "ok": value <= limit}

    for name, limit in KERNEL_PER_MAC.items():
        at_most(f"{name}, instructions per MAC", device["kernels"][name]["instructions_per_mac"], limit)
    for recipe, network in device["networks"].items():
        if recipe in NETWORK_PER_MAC:
            per_mac = network["instructions_per_mac"]
            at_most(f"{recipe}: network, instructions per MAC", per_mac, NETWORK_PER_MAC[recipe])
        if recipe == GTCRN:
            at_most(f"{recipe}: network, instructions a frame", network["instructions_network"], GTCRN_INSTRUCTIONS)
        else:
            at_most(f"{recipe}: audio path, instructions a hop", network["instructions_audio"], AUDIO_INSTRUCTIONS)
            at_most(f"{recipe}: pipeline, million instructions a second", millions_a_second(network), MILLIONS_A_SECOND)
        for memory in ("flash", "ram"):
            grown = network[f"{memory}_bytes"] / network["portable"][f"{memory}_bytes"]
            at_most(f"{recipe}: {memory}, x that of plain C", round(grown, 3), GROWTH)


def print_report(document: dict[str, Any]) -> None:
    """All tables on standard output."""
    machine = document["machine"]
    console.print(f"{machine['processor']}, processor time of one core, Python {machine['python']}")
    console.print(_speed_table("whole pipeline: audio in, audio out", document["pipeline"]))
    console.print(_speed_table("network alone, one call a frame from Python", document["network"]))
    if "deepfilternet" in document:
        console.print(_speed_table("DeepFilterNet3, official weights, 48 kHz", document["deepfilternet"]))
    if "device" in document:
        console.print(kernel_table(document["device"]))
        console.print(element_table(document["device"]))
        console.print(transform_table(document["device"]["transforms"]))
        console.print(network_table(document["device"]))
        if (table := stream_table(document["device"])) is not None:
            console.print(table)
    for recipe, entry in document["fuzz"].items():
        verdict = f"FAULT: {entry['failure']} (input {entry['failing_input']})" if entry["failure"] else "no fault"
        reached = f"{entry['seconds']} s, {entry['inputs']:,} inputs, {entry['edges']} edges"
        console.print(f"fuzzing {recipe}: {verdict}; {reached}")
    console.print(_equality_table(document))
    console.print(_goal_table(document["goals"]))
    for name, reason in document["skipped"].items():
        console.print(f"left out: {name}: {reason}")


def _speed_table(title: str, by_recipe: dict[str, dict[str, dict[str, Any]]]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in ("recipe", "engine", "us a frame", "x real time", "time, native = 1"):
        table.add_column(heading, justify="left" if heading in ("recipe", "engine") else "right")
    for recipe, entries in by_recipe.items():
        native = entries.get("native", {}).get("microseconds_a_frame")
        for name, entry in entries.items():
            last = name == list(entries)[-1]
            if "skipped" in entry:
                table.add_row(recipe, name, "", "", entry["skipped"], end_section=last)
                continue
            ratio = f"{entry['microseconds_a_frame'] / native:.2f}" if native else ""
            cells = (f"{entry['microseconds_a_frame']:.1f}", f"{entry['realtime_factor']:.1f}", ratio)
            table.add_row(recipe, name, *cells, end_section=last)
    return table


def _equality_table(document: dict[str, Any]) -> Table:
    table = Table(title="bits, one stream of speech in noise from one reset", title_justify="left")
    for heading in ("recipe", "stream", "engines", "output"):
        table.add_column(heading)
    for kind in EQUALITIES:
        for recipe, entry in document[kind].items():
            verdict = (
                "equal in every bit" if entry["identical"] else f"DIFFER from sample {entry['first_differing_sample']}"
            )
            table.add_row(recipe, f"{entry['seconds']:g} s", ", ".join(entry["sha256"]), verdict)
    return table


def _goal_table(entries: dict[str, dict[str, Any]]) -> Table:
    table = Table(title="goals", title_justify="left")
    for heading in ("figure", "value", "limit", ""):
        table.add_column(heading, justify="right" if heading in ("value", "limit") else "left")
    for name, entry in entries.items():
        digits = 0 if isinstance(entry["value"], int) else 1 if entry["limit"] >= 10 else 2
        table.add_row(name, f"{entry['value']:,.{digits}f}", f"{entry['limit']:,g}", "ok" if entry["ok"] else "MISSED")
    return table
