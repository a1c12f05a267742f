"""What a bundle costs on a Cortex-M7, as figures and as tables: instructions by stage, memory, time at several clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from ..export.targets import CORTEX_M7, Target
from ..firmware_sim.cortex_m7.calls import Calls, Frames, Hops
from ..firmware_sim.cortex_m7.measure import DeviceReport, measure
from ..models.audio import SoundPath
from ..models.errors import StapesError
from ..models.text import printable
from ..quantize.audio.controls import limits, places, rest_words
from ..quantize.graph import DTYPES, Graph
from .audio_files import demo_recordings, read_batch
from .bundle import Bundle
from .console import console
from .defaults import INSTRUCTIONS_PER_CYCLE
from .library.export import exported_c
from .peer_costs import network_peers

SECONDS = 2.0
GOLDEN_FRAMES = 500
HOPS_AT_FULL_SCALE = 60
CLOCKS_MHZ = (216, 400, 480, 600)


@dataclass(frozen=True)
class DeviceInspection:
    """What a bundle costs on the device: `report` as counted over `audio`, or of a network without an audio path over `frames`,
    the time and the load at several clocks, and what others take.
    """

    name: str
    bundle_sha256: str
    recipe: str
    target: str
    audio: str | None
    frames: str | None
    report: DeviceReport
    instructions_per_cycle: float
    deadline: list[dict[str, float | None]]
    peers: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """What `stapes inspect --device --json` prints behind its schema."""
        fields: dict[str, Any] = {}
        for name, value in vars(self).items():
            fields |= value.to_json() if isinstance(value, DeviceReport) else {name: value}
        return fields


def inspect_device(
    bundle: Bundle, instructions_per_cycle: float = INSTRUCTIONS_PER_CYCLE, *, target: Target = CORTEX_M7
) -> DeviceInspection:
    """Figures of a bundle, counted over the first seconds of a demo recording; without an audio path over frames of its golden
    vectors. The same on every run.

    `target` chooses the kernels; what is counted runs on the emulated Cortex-M7. Raises StapesError where the machine lacks
    the compiler or the emulator.
    """
    if not 0.1 <= instructions_per_cycle <= 2.0:
        raise StapesError(
            f"instructions per cycle {instructions_per_cycle:g}: a Cortex-M7 starts two at most; give 0.1 to 2"
        )
    calls, material = _frames(bundle) if bundle.sound_path is None else _sound(bundle.graph, bundle.sound_path)
    with exported_c(bundle, target) as folder:
        report = measure(folder, calls, kernels=target.kernels)
    return DeviceInspection(
        name=bundle.name,
        bundle_sha256=bundle.hash,
        recipe=bundle.recipe.name,
        target=target.name,
        audio=material if bundle.sound_path else None,
        frames=None if bundle.sound_path else material,
        report=report,
        instructions_per_cycle=instructions_per_cycle,
        deadline=deadline(report, instructions_per_cycle),
        peers=network_peers(),
    )


def _sound(graph: Graph, sound_path: SoundPath) -> tuple[Calls, str]:
    """What is counted of a bundle with an audio path, and its name."""
    recording = demo_recordings()[:1]
    speech = read_batch(recording, sound_path.sample_rate).audio_q15[0, : int(SECONDS * sound_path.sample_rate)]
    audio = np.concatenate([speech, *_loudest(HOPS_AT_FULL_SCALE, sound_path.hop)])
    words = f"first {SECONDS:g} s of {recording[0].name}, then noise and squares at full scale"
    return Hops(graph, sound_path, audio, _with_work(sound_path)), words


def _with_work(sound_path: SoundPath) -> np.ndarray | None:
    """Controls int32 (1, W) that give work to what rests until it is told something, such as a latent; None where nothing does."""
    row = rest_words(sound_path)
    apart = [place for place in places(sound_path) if place.control.apart]
    for place in apart:
        _, high = limits(place.control)
        row[place.words] = np.random.default_rng(0).integers(-high // 32, high // 32, place.control.size)
    return row[None] if apart else None


def _frames(bundle: Bundle) -> tuple[Calls, str]:
    """What is counted of a network alone: golden frames, then codes at the ends of their range, by chance and all alike."""
    graph, vectors = bundle.graph, bundle.vectors()
    rng, codes = np.random.default_rng(0), {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        low, high = tensor.limits
        chance = np.where(rng.random((HOPS_AT_FULL_SCALE, tensor.size)) < 0.5, low, high)
        alike = np.where(np.arange(HOPS_AT_FULL_SCALE)[:, None] % 2 == 0, low, high).repeat(tensor.size, axis=1)
        golden = vectors[name].reshape(-1, tensor.size)[:GOLDEN_FRAMES]
        joined = np.concatenate([golden, chance, alike]).astype(DTYPES[tensor.dtype])
        codes[name] = joined.reshape(-1, *tensor.shape)
    count = len(golden)
    return Frames(graph, codes), f"first {count} frames of the golden vectors, then inputs at the ends of their range"


def _loudest(hops: int, hop: int) -> list[np.ndarray]:
    """int16 at which the arithmetic of the audio path takes its longest ways: random signs, and a square of the hop."""
    signs = np.where(np.random.default_rng(0).random(hops * hop) < 0.5, -32768, 32767)
    square = np.where(np.arange(hops * hop) // hop % 2 == 0, -32768, 32767)
    return [signs.astype(np.int16), square.astype(np.int16)]


def deadline(report: DeviceReport, instructions_per_cycle: float) -> list[dict[str, float | None]]:
    """Time of the longest hop at each clock, and the load of the processor: that over the time between two hops, None where the
    network is alone and nobody knows how often it is called.
    """
    rows: list[dict[str, float | None]] = []
    for clock in CLOCKS_MHZ:
        seconds = report.instructions_per_hop / instructions_per_cycle / (clock * 1e6)
        load = round(seconds / report.hop_seconds, 4) if report.hop_seconds else None
        rows.append({"mhz": clock, "ms": round(1e3 * seconds, 4), "load": load})
    return rows


def print_device(documents: Sequence[dict[str, Any]]) -> None:
    """Tables of one bundle, or of several side by side."""
    for table in (_figures(documents), _stages(documents), _objects(documents), _deadlines(documents)):
        console.print(table)
    first = documents[0]
    varies = "a hop's way depends on the sound, the shortest is" if first["audio"] else "the shortest is"
    rest = " `make bench` counts each hop of a minute." if first["audio"] else ""
    console.print(
        f"Counted on an emulated Cortex-M7 with the {first['kernels']} kernels, {first['audio'] or first['frames']}: the longest of "
        f"{first['counted_hops']} {_hop(first)}s, spread evenly over {first['hops']}; {varies} "
        f"{first['instructions_per_hop_least']:,}.{rest} {first['compiler']}."
    )
    console.print(
        f"Instructions are not cycles: the {'load' if first['audio'] else 'time'} assumes {first['instructions_per_cycle']:g} instructions per cycle "
        "(--instructions-per-cycle).",
    )


def _hop(document: dict[str, Any]) -> str:
    """What one call of the program computes."""
    return "hop" if document["audio"] else "frame"


def _headings(table: Table, first: str, documents: Sequence[dict[str, Any]]) -> Table:
    table.add_column(first)
    for document in documents:
        name = printable(f"{document['name']} {document['recipe']}")
        table.add_column(Text(f"{name}\n{document['bundle_sha256'][:8]}"), justify="right")
    if len(documents) == 2:
        table.add_column("change", justify="right")
    return table


def _row(table: Table, name: str, values: Sequence[float | None], digits: int = 0) -> None:
    cells = ["" if value is None else f"{value:,.{digits}f}" for value in values]
    if len(values) == 2:
        before, after = values
        cells.append(f"{100 * (after / before - 1):+.1f} %" if before and after is not None else "")
    table.add_row(name, *cells)


def _figures(documents: Sequence[dict[str, Any]]) -> Table:
    hop = _hop(documents[0])
    table = _headings(Table(title=f"one {hop} on the device", title_justify="left"), "", documents)
    for name, key, digits in (
        (f"instructions, longest {hop}", "instructions_per_hop", 0),
        (f"  mean of the counted {hop}s", "instructions_per_hop_mean", 0),
        ("  of the network", "instructions_network", 0),
        ("  of the audio path", "instructions_audio", 0),
        ("instructions of the network per MAC", "instructions_per_mac", 2),
        ("multiply-accumulates (MACs)", "macs", 0),
        ("flash, bytes", "flash_bytes", 0),
        ("RAM, bytes: context and variables", "ram_bytes", 0),
        ("stack, bytes", "stack_bytes", 0),
    ):
        _row(table, name, [document[key] for document in documents], digits)
    for name, peer in network_peers().items():
        cells = [f"{peer['instructions_per_mac']:.2f}"] * len(documents)
        table.add_row(f"per MAC, the zoo's network: {name}", *cells, style="dim")
    return table


def _stages(documents: Sequence[dict[str, Any]]) -> Table:
    table = _headings(Table(title="instructions by stage", title_justify="left"), "stage", documents)
    tables = [document["instructions_by_stage"] for document in documents]
    for stage in dict.fromkeys(stage for stages in tables for stage in stages):
        _row(table, stage, [stages.get(stage) for stages in tables])
    _row(table, "sum", [sum(stages.values()) for stages in tables])
    return table


def _objects(documents: Sequence[dict[str, Any]]) -> Table:
    table = _headings(Table(title="memory by file, bytes", title_justify="left"), "", documents)
    for kind, key in (("flash", "flash_by_object"), ("RAM", "ram_by_object")):
        tables = [document[key] for document in documents]
        for name in dict.fromkeys(name for sizes in tables for name in sizes):
            _row(table, f"{kind} {name}", [sizes.get(name) for sizes in tables])
    return table


def _deadlines(documents: Sequence[dict[str, Any]]) -> Table:
    seconds = documents[0]["hop_seconds"]
    title = f"load for a hop of {1e3 * seconds:g} ms" if seconds else "time of a frame"
    table = Table(title=title, title_justify="left")
    _headings(table, "clock", documents)
    for rows in zip(*(document["deadline"] for document in documents), strict=True):
        cells = [_time(row) for row in rows]
        table.add_row(f"{rows[0]['mhz']:g} MHz", *cells, *([""] if len(documents) == 2 else []))
    return table


def _time(row: dict[str, float | None]) -> str:
    load = row["load"]
    if load is None:
        return f"{row['ms']:.3f} ms"
    return f"{'too slow: ' if load > 1 else ''}{row['ms']:.2f} ms  {100 * load:.1f} %"
