"""The report of an evaluation in HTML: tables, pictures and sound, in one file or with the sound beside it, without a network."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from ...export.template import Templates
from ...models.errors import StapesError
from ...models.files import check_file, check_folder, made_folders, whole_folder, write_whole
from ...models.sound_files import float_to_q15
from ..bundle import Bundle
from ..metrics import LABELS
from ..pictures import spectrograms_png
from .charts import boxes_by_group, gains_by_group, scatter
from .checks import METRIC, CleanCheck, LevelCheck
from .fitted import fitting_words
from .run import Evaluation
from .script import page_data, script, table_style
from .tables import HEADINGS, clean_words, figure, level_words, mean_cell, p_words

# The page of a folder; a folder that holds it was made here and may be made again.
PAGE = "evaluation.html"
TEMPLATE, TEMPLATES = "page.html.j2", Templates(Path(__file__).parent)
MOST_PLAYERS = 60
# Recordings of the largest and of the smallest gain, each.
A_SIDE = 3
# More kinds of noise do not fit beside each other in a picture.
MOST_GROUPS = 24
CLIP_SECONDS = 10.0
MEDIA = {".png": "image/png", ".flac": "audio/flac"}


@dataclass(frozen=True)
class Grid:
    """A table of words: the first column names the rows."""

    title: str
    head: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Example:
    """A recording to listen to: what it stands for, its figures, where its picture and its sound are."""

    title: str
    grid: Grid
    picture: str
    sounds: dict[str, str] = field(default_factory=dict)


Put = Callable[[str, bytes], str]


def write_page(
    target: Path,
    bundle: Bundle,
    corpus: Path,
    engine: str,
    result: Evaluation,
    level: LevelCheck | None = None,
    clean: CleanCheck | None = None,
    examples: Sequence[str] = (),
) -> Path:
    """Write the report and return the page's path: `target` is a file NAME.html that holds everything, or a folder.

    `examples` are recordings to listen to; without any the best, the median and the worst are taken (of many, three best and worst). The same figures give the
    same bytes. Raises StapesError for an unknown example, too many of them, or a place that cannot be written.
    """
    chosen = choose_examples(result, examples)

    def make(put: Put) -> bytes:
        return _render(put, bundle, corpus, engine, result, level, clean, chosen).encode()

    if _is_one_file(target):
        with made_folders([target.parent]):
            write_whole(target, make(_inside))
        return target
    with whole_folder(target, part="evaluate") as folder:

        def beside(name: str, data: bytes) -> str:
            write_whole(folder / name, data)
            return name

        write_whole(folder / PAGE, make(beside))
    return target / PAGE


def check_target(target: Path) -> None:
    """Raise StapesError where `write_page` could not write; to be asked before the recordings are scored."""
    if _is_one_file(target):
        check_file(target, begins=b"<!doctype html>")
    else:
        check_folder(target, alone=True)


def _is_one_file(target: Path) -> bool:
    return target.suffix.lower() in (".html", ".htm")


def check_examples(wanted: Sequence[str], recordings: Sequence[str], systems: int) -> None:
    """Raise StapesError for a wanted name that no recording has, and for more of them than a page can hold."""
    most = MOST_PLAYERS // (systems + 1)
    if len(set(wanted)) > most:
        raise StapesError(
            f"--example: {len(set(wanted))} recordings; at most {most} fit on a page of {MOST_PLAYERS} players"
        )
    for name in wanted:
        if name not in recordings:
            raise StapesError(f"--example {name}: no such recording; take a name such as {recordings[0]}")


def choose_examples(result: Evaluation, names: Sequence[str] = ()) -> dict[int, str]:
    """Place of a recording -> why it is shown; raises StapesError as `check_examples`."""
    places = {file["name"]: place for place, file in enumerate(result.files)}
    check_examples(names, list(places), len(result.names))
    if names:
        return {places[name]: "chosen" for name in names}
    metric = METRIC if METRIC in result.metrics else result.metrics[0]
    gains = [
        (after - before, place)
        for place, file in enumerate(result.files)
        if (after := file["systems"]["integer"][metric]) is not None
        and (before := file["systems"]["noisy"][metric]) is not None
    ]
    order = [place for _, place in sorted(gains, reverse=True)] or [0]
    words = f"{LABELS[metric]} gain over the noisy recording"
    side = max(1, min(A_SIDE, (len(order) - 1) // 2))
    picked = dict.fromkeys(order[:side], f"largest {words}") | dict.fromkeys(order[-side:], f"smallest {words}")
    picked.setdefault(order[len(order) // 2], f"median {words}")
    return {place: picked[place] for place in order if place in picked}


def _inside(name: str, data: bytes) -> str:
    return f"data:{MEDIA[Path(name).suffix]};base64,{base64.b64encode(data).decode()}"


def _render(
    put: Put,
    bundle: Bundle,
    corpus: Path,
    engine: str,
    result: Evaluation,
    level: LevelCheck | None,
    clean: CleanCheck | None,
    examples: dict[int, str],
) -> str:
    facts = {
        "bundle": f"{bundle.name}, {bundle.hash[:16]}",
        "recipe": bundle.recipe.name,
        "integer engine": engine,
        "corpus": str(corpus),
        "recordings": f"{len(result.files)}, {sum(f['seconds'] for f in result.files) / 60:.1f} min",
        "integer against float output": f"{result.output_snr_db:.1f} dB SNR",
        **({"fitting": fitting_words(bundle.fitting, result.metrics)} if bundle.fitting is not None else {}),
    }
    values = dict(
        name=bundle.name,
        facts=facts,
        overall=[_means(result), _differences(result)],
        pictures=_pictures(put, result),
        groups=[_by_group(result, what, groups) for what, groups in result.groups.items() if len(groups) > 1],
        levels=_levels(level) if level else None,
        checks=[*(level_words(level) if level else ()), *(clean_words(clean) if clean else ())],
        examples=[_example(put, result, place, why) for place, why in examples.items()],
        metrics={metric: LABELS[metric] for metric in result.metrics},
        systems=result.names,
        count=len(result.files),
        failed=result.failed,
        data=page_data({"bundle": bundle.hash, "corpus": str(corpus), "engine": engine}, result, list(examples)),
        script=script(),
        table_style=table_style(),
        slow=[name for name in result.metrics if name.startswith(("dnsmos", "haspi", "hasqi"))],
        clip_seconds=CLIP_SECONDS,
        rate=result.rate,
    )
    return TEMPLATES.render(TEMPLATE, values)


def _means(result: Evaluation) -> Grid:
    rows = [[s, *(mean_cell(result.means[s][m], m) for m in result.metrics)] for s in result.names]
    return Grid("Means ± standard errors", ["system", *(LABELS[m] for m in result.metrics)], rows)


def _differences(result: Evaluation) -> Grid:
    rows = []
    for system, against in result.questions:
        changes = [result.paired(system, against, metric) for metric in result.metrics]
        cells = [f"{mean_cell(c, c.metric, '+')} {p_words(c.p)}".rstrip() for c in changes]
        rows.append([f"{system} − {against}", *cells])
    title = "Differences, recording by recording: mean ± standard error, p of the paired t-test"
    return Grid(title, ["difference", *(LABELS[m] for m in result.metrics)], rows)


def _by_group(result: Evaluation, what: str, groups: dict[str, list[int]]) -> Grid:
    rows = []
    for group, places in groups.items():
        means = result.means_of(places)
        for system in result.names:
            cells = [mean_cell(means[system][metric], metric) for metric in result.metrics]
            rows.append([f"{group} ({len(places)})" if system == result.names[0] else "", system, *cells])
    return Grid(f"By {HEADINGS[what]}", [HEADINGS[what], "system", *(LABELS[m] for m in result.metrics)], rows)


def _levels(check: LevelCheck) -> Grid:
    names = check.evaluations[0].names
    rows = [
        [f"{level:g} dBFS", *(mean_cell(result.means[system][METRIC], METRIC) for system in names)]
        for level, result in zip(check.levels, check.evaluations, strict=True)
    ]
    return Grid(f"{LABELS[METRIC]} by level of the noisy recording's peak", ["level", *names], rows)


def _pictures(put: Put, result: Evaluation) -> dict[str, str]:
    metric = result.metrics[0]
    made: dict[str, bytes] = {f"{LABELS[metric]} of each recording, before and after": scatter(result, metric)}
    for what, every in result.groups.items():
        groups = _largest(every)
        if len(groups) > 1:
            words = f"{LABELS[metric]} by {HEADINGS[what]}"
            gain = f"{LABELS[metric]} gain of the integers over the Wiener filter by {HEADINGS[what]}"
            made[words] = boxes_by_group(result, groups, metric, words)
            made[gain] = gains_by_group(result, groups, metric, "integer − wiener")
    return {words: put(f"figure_{place}.png", data) for place, (words, data) in enumerate(made.items())}


def _largest(groups: dict[str, list[int]]) -> dict[str, list[int]]:
    """Those of most recordings, in their order."""
    kept = sorted(groups, key=lambda name: -len(groups[name]))[:MOST_GROUPS]
    return {name: places for name, places in groups.items() if name in kept}


def _example(put: Put, result: Evaluation, place: int, why: str) -> Example:
    file, length = result.files[place], round(CLIP_SECONDS * result.rate)
    clean, outputs = result.sound(place)
    signals = {"clean": clean, **outputs}
    clips = {system: np.asarray(audio[:length]) for system, audio in signals.items()}
    stem = f"{place}_{re.sub(r'[^A-Za-z0-9._-]+', '_', file['name'])}"
    rows = [[s, *(figure(file["systems"][s][m], m) for m in result.metrics)] for s in result.names]
    ratio = "" if file["snr_db"] is None else f", {file['snr_db']:g} dB SNR"
    noise = f", {file['noise']}" if file["noise"] else ""
    return Example(
        f"{file['name']}: {why}{ratio}{noise}",
        Grid("", ["system", *(LABELS[m] for m in result.metrics)], rows),
        put(f"{stem}.png", spectrograms_png(clips, result.rate)),
        {system: put(f"{stem}_{system}.flac", _flac(audio, result.rate)) for system, audio in clips.items()},
    )


def _flac(audio: np.ndarray, rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, float_to_q15(audio), rate, subtype="PCM_16", format="FLAC")
    return buffer.getvalue()
