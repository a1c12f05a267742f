"""Write calibration/, demo/, clips/ and LICENCES.md from a fetched corpus: `python -m stapes.tools.audio.make CORPUS`."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ...models.errors import StapesError
from ..corpus import Item, Manifest, load_manifest, mix
from ..corpus.build import write_flac
from ..corpus.decode import FRAME, RATE, Audio, active_level_db, at_level, fade, frame_levels_db
from ..corpus.join import generator
from . import FOLDER

FREE_LICENCES = ("CC0-1.0", "CC-BY-3.0", "BSD-2-Clause")

_IT = "speech/asterisk-core-sounds-it-g722/carlo-{:03d}.flac"
_RU = "speech/asterisk-core-sounds-ru-g722/ivrvoice-{:03d}.flac"
_PS = "speech/pocketsphinx-testdata/pocketsphinx-{}.flac"
_MT = "noise/minetest-data/{}.flac"
_SC = "noise/supersonic-scsynth-samples/package-samples-{}.flac"


@dataclass(frozen=True)
class Cut:
    """A stretch of a corpus item: `most` seconds from `start` on, ended at the quietest place of its last quarter."""

    item: str
    start: float
    most: float


@dataclass(frozen=True)
class Pair:
    """Speech in noise: `snr_db` as in tools.corpus.mix, `level_db` the active level of the speech in dBFS."""

    name: str
    speech: Cut
    noise: str
    snr_db: float
    level_db: float


# Speakers and recordings of the training split; levels from a soft voice afar to a loud one nearby.
CALIBRATION = (
    Pair("reader_1_hiss", Cut(_PS.format("librivox-000"), 0.0, 4.0), _SC.format("vinyl_hiss"), 5, -26),
    Pair("reader_2_fire", Cut(_PS.format("librivox-000"), 3.6, 4.0), _MT.format("fire-sounds-fire_large"), 0, -26),
    Pair("reader_3_music", Cut(_PS.format("librivox-000"), 7.4, 4.0), _SC.format("arovane_beat_a"), 10, -36),
    Pair("reader_4_steam", Cut(_PS.format("librivox-001"), 0.0, 4.0), _SC.format("ambi_sauna"), 5, -20),
    Pair("reader_5_hum", Cut(_PS.format("librivox-001"), 3.6, 4.0), _SC.format("ambi_haunted_hum"), 0, -46),
    Pair("reader_6_rumble", Cut(_PS.format("librivox-001"), 9.0, 4.0), _SC.format("ambi_lunar_land"), 15, -26),
    Pair(
        "player_1_steps", Cut(_PS.format("cards-000"), 0.0, 4.0), _MT.format("default_hard_footstep_1-joined"), 5, -30
    ),
    Pair("player_2_hammer", Cut(_PS.format("cards-000"), 3.8, 4.0), _MT.format("default_dig_cracky_1-joined"), 0, -26),
    Pair("player_3_fuse", Cut(_PS.format("cards-000"), 7.0, 3.3), _MT.format("tnt-sounds-tnt_ignite"), 10, -56),
    Pair("driver_1_drums", Cut(_PS.format("goforward-000"), 0.0, 4.0), _SC.format("loop_amen_full"), 5, -18),
    Pair(
        "driver_2_glass",
        Cut(_PS.format("goforward-000"), 3.6, 4.0),
        _MT.format("default_break_glass_1-joined"),
        10,
        -40,
    ),
)

# Italian and Russian, and these noises, are test material: no model of the project has learned from them.
DEMO = (
    Pair("machine", Cut(_IT.format(91), 0.0, 7.5), _SC.format("loop_3d_printer"), 2.5, -24),
    Pair("furnace", Cut(_RU.format(92), 0.0, 7.0), _MT.format("default-sounds-default_furnace_active"), 2.5, -24),
    Pair("water", Cut(_IT.format(7), 0.0, 5.9), _MT.format("env_sounds-sounds-env_sounds_water_1"), 5, -24),
)

CLIPS_SPEECH = {
    "speech_it_1": Cut(_IT.format(78), 0.0, 4.5),
    "speech_it_2": Cut(_IT.format(78), 8.0, 4.5),
    "speech_it_3": Cut(_IT.format(38), 3.0, 4.5),
    "speech_ru_1": Cut(_RU.format(74), 0.0, 4.5),
    "speech_ru_2": Cut(_RU.format(45), 0.0, 4.5),
    "speech_ru_3": Cut(_RU.format(45), 8.0, 4.5),
}

CLIPS_NOISE = {
    "noise_water": Cut(_MT.format("env_sounds-sounds-env_sounds_water_3"), 0.5, 4.5),
    "noise_fire": Cut(_MT.format("fire-sounds-fire_small"), 0.5, 5.0),
    "noise_steps": Cut(_MT.format("default_metal_footstep_1-joined"), 0.0, 5.0),
    "noise_hum": Cut(_SC.format("tbd_fxbed_loop"), 0.5, 5.0),
}


@dataclass(frozen=True)
class _Written:
    file: str
    items: tuple[Item, ...]
    changes: str


def make(corpus: Path, folder: Path = FOLDER) -> None:
    """Write calibration/, demo/, clips/ and LICENCES.md into `folder`, the same bytes from the same corpus.

    Raises:
        StapesError: the corpus lacks an item (other package versions number them otherwise), or the item's licence
            does not allow to ship it.
    """
    manifest = load_manifest(corpus)
    items = {item.file: item for item in manifest.records}
    with tempfile.TemporaryDirectory(dir=folder, prefix=".make-") as name:
        work = Path(name)
        written = [_write_pair(manifest, items, pair, work, "calibration") for pair in CALIBRATION]
        written += [_write_pair(manifest, items, pair, work, "demo") for pair in DEMO]
        written += [_write_clip(manifest, items, n, cut, work) for n, cut in (CLIPS_SPEECH | CLIPS_NOISE).items()]
        for part in ("calibration", "demo", "clips"):
            shutil.rmtree(folder / part, ignore_errors=True)
            (work / part).replace(folder / part)
        (work / "LICENCES.md").write_text(_licences(written), encoding="utf-8")
        (work / "LICENCES.md").replace(folder / "LICENCES.md")


def _item(items: dict[str, Item], file: str) -> Item:
    if file not in items:
        raise StapesError(f"{file}: not in this corpus; fetch the corpus with seed 0, or choose another item")
    if items[file].licence not in FREE_LICENCES:
        raise StapesError(f"{file}: its licence {items[file].licence} is not among {', '.join(FREE_LICENCES)}")
    return items[file]


def _cut(manifest: Manifest, item: Item, cut: Cut) -> Audio:
    x = manifest.read(item, round(cut.start * RATE), round(cut.most * RATE))
    levels = frame_levels_db(x)
    last = len(levels) * 3 // 4
    return fade(x[: (last + int(np.argmin(levels[last:])) + 1) * FRAME])


def _write_pair(manifest: Manifest, items: dict[str, Item], pair: Pair, work: Path, part: str) -> _Written:
    speech, noise = _item(items, pair.speech.item), _item(items, pair.noise)
    clean = _cut(manifest, speech, pair.speech)
    clean = at_level(clean, active_level_db(clean), pair.level_db)
    noisy, clean = mix(clean, manifest.read(noise), pair.snr_db, generator(part, pair.name))
    changes = f"cut, resampled to 16 kHz, speech set to {pair.level_db:g} dBFS, noise added at {pair.snr_db:g} dB SNR"
    if part == "calibration":
        write_flac(work / part / f"{pair.name}.flac", noisy)
        return _Written(f"{part}/{pair.name}.flac", (speech, noise), changes)
    write_flac(work / part / f"{pair.name}_clean.flac", clean)
    write_flac(work / part / f"{pair.name}_noisy.flac", noisy)
    return _Written(f"{part}/{pair.name}_clean.flac {part}/{pair.name}_noisy.flac", (speech, noise), changes)


def _write_clip(manifest: Manifest, items: dict[str, Item], name: str, cut: Cut, work: Path) -> _Written:
    item = _item(items, cut.item)
    write_flac(work / "clips" / f"{name}.flac", _cut(manifest, item, cut))
    return _Written(f"clips/{name}.flac", (item,), "cut, resampled to 16 kHz, set to -26 dBFS")


def _licences(written: list[_Written]) -> str:
    lines = [
        "# Origin and licences of the audio in this folder",
        "",
        "Every recording is CC0, CC BY 3.0 or BSD. All files were converted to 16 kHz mono 16-bit FLAC.",
        "The split is that of the recording in the corpus: no model of the project learned from validation or test.",
        "",
        "| file | recording | package | author | licence | split | changes |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in written:
        for item in entry.items:
            names = ", ".join(Path(source).name for source in item.sources)
            lines.append(
                f"| {entry.file} | {names} | {item.package} {item.version} | {item.author} | {item.licence} "
                f"| {item.split} | {entry.changes} |"
            )
    return "\n".join(lines) + "\n\n" + (FOLDER / "licence_texts.md").read_text(encoding="utf-8")


def main(corpus: Annotated[Path, typer.Argument(help="A folder written by `stapes corpus fetch`.")]) -> None:
    """Write the project's own small audio from a fetched corpus."""
    try:
        make(corpus)
    except StapesError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error


if __name__ == "__main__":
    typer.run(main)
