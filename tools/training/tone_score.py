"""`python -m stapes.tools.training.tone_score`: how far recordings lie from usual speech, before and behind a bundle that corrects their tone.

Voices of a split of a corpus, each spoilt by filters of second order, as no curve of the training is made: dull (the highs are missing), boomy (too much
bass), thin (no bass), and as it is. S samples, F bins, K bands.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import matplotlib
import numpy as np
import torch
import typer
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.table import Table

from ...models.audio.biquad import Form, Section
from ...models.audio.sound_path import SoundPath
from ...models.errors import StapesError
from ...models.files import made_folders, write_whole
from ...models.sound_files import float_to_q15, q15_to_float, write_audio
from ..bundle import load_bundle
from ..console import console
from ..corpus.manifest import load_manifest
from ..engines import make_engine
from ..pictures import STYLE, frequency_axis, png_bytes
from .tone import Judge, power_of

# The first part is what the network may need to hear; the rest is judged.
SETTLE_SECONDS, JUDGED_SECONDS = 6.0, 10.0
LEVEL_DBFS = -30.0
COLOURS = {"before": "#c8553d", "behind": "#1f6f8b"}


@dataclass(frozen=True)
class Spoilt:
    """A way to spoil a recording: form of the section, and the ranges of its frequency in Hz and its gain in dB."""

    form: Form
    hertz: tuple[float, float]
    gain_db: tuple[float, float]

    def section(self, rng: np.random.Generator) -> Section:
        """One of its filters."""
        low, high = self.hertz
        return Section(self.form, low * (high / low) ** rng.random(), rng.uniform(*self.gain_db), 0.7)


WAYS: dict[str, Spoilt | None] = {
    "dull": Spoilt("high_shelf", (1200.0, 3000.0), (-18.0, -10.0)),
    "boomy": Spoilt("low_shelf", (200.0, 500.0), (8.0, 14.0)),
    "thin": Spoilt("low_shelf", (300.0, 800.0), (-16.0, -8.0)),
    "as it is": None,
}


@dataclass(frozen=True, eq=False)
class Found:
    """Of one way: how far each voice lies from usual speech and, level aside, from its own spectrum before it was spoilt, RMS over bands in dB (V,); mean of
    the bands, in dB over usual speech (K,); each before and behind.
    """

    usual_db: Mapping[str, np.ndarray]
    own_db: Mapping[str, np.ndarray]
    bands_db: Mapping[str, np.ndarray]


def voices(corpus: Path, split: str, sound_path: SoundPath) -> dict[str, np.ndarray]:
    """Speech of each speaker of a split who has enough, (S,) float at one level."""
    manifest = load_manifest(corpus)
    manifest.require_speech(split)
    samples = round((SETTLE_SECONDS + JUDGED_SECONDS) * sound_path.sample_rate)
    found: dict[str, np.ndarray] = {}
    for item in manifest.items("speech", split):
        known = found.get(item.speaker, np.zeros(0, np.float32))
        if len(known) < samples:
            found[item.speaker] = np.concatenate([known, manifest.read(item)])
    long = {name: audio[:samples].astype(np.float64) for name, audio in found.items() if len(audio) >= samples}
    if not long:
        raise StapesError(f"{corpus}: nobody in {split} speaks for {samples / sound_path.sample_rate:g} s")
    wanted = 10.0 ** (LEVEL_DBFS / 20.0)
    return {name: audio * (wanted / np.sqrt(np.mean(audio**2))) for name, audio in long.items()}


def spoil(audio: np.ndarray, way: Spoilt | None, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Samples (S,) through a filter of this way."""
    from scipy.signal import lfilter

    if way is None:
        return audio
    b0, b1, b2, a1, a2 = way.section(rng).design(rate)
    made: np.ndarray = lfilter([b0, b1, b2], [1.0, a1, a2], audio)
    return made


def judge_way(judge: Judge, path: SoundPath, own: np.ndarray, before: np.ndarray, behind: np.ndarray) -> Found:
    """Sounds (V, S) as they were, spoilt, and behind the bundle."""
    start = round(SETTLE_SECONDS * path.sample_rate)

    def off(sounds: np.ndarray) -> np.ndarray:
        power = np.stack([power_of(sound[start:], path).mean(axis=0) for sound in sounds])
        result: np.ndarray = judge.off_db(torch.from_numpy(power)).numpy()
        return result

    was, sides = off(own), {"before": off(before), "behind": off(behind)}

    def rms(far: np.ndarray) -> np.ndarray:
        result: np.ndarray = np.sqrt(np.mean(far**2, axis=1))
        return result

    return Found(
        {side: rms(far) for side, far in sides.items()},
        {side: rms(far - was) for side, far in sides.items()},
        {side: far.mean(axis=0) for side, far in sides.items()},
    )


def picture(found: Mapping[str, Found], hertz: np.ndarray) -> bytes:
    """A PNG of the mean spectra over usual speech, before and behind, a diagram a way."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10.0, 5.6), dpi=110)
        FigureCanvasAgg(figure)
        figure.subplots_adjust(left=0.08, right=0.98, top=0.94, bottom=0.1, hspace=0.4, wspace=0.15)
        axes = figure.subplots(2, 2, sharey=True)
        for axis, (way, told) in zip(axes.flat, found.items(), strict=False):
            axis.axhline(0.0, color="#999999", linewidth=0.8)
            for side, colour in COLOURS.items():
                axis.plot(hertz, told.bands_db[side], color=colour, label=side, linewidth=1.4)
            axis.set_title(
                f"{way}: {told.usual_db['before'].mean():.1f} dB from usual speech, behind {told.usual_db['behind'].mean():.1f}"
            )
            frequency_axis(axis, hertz[0] * 0.9, hertz[-1] * 1.1)
            axis.grid(alpha=0.25, linewidth=0.5)
        for axis in axes[1]:
            axis.set_xlabel("frequency, Hz")
        for axis in axes[:, 0]:
            axis.set_ylabel("dB over usual speech")
        axes[0, 0].legend(frameon=False)
        return png_bytes(figure)


def write_sounds(folder: Path, way: str, sounds: Mapping[str, np.ndarray], rate: int) -> None:
    """`dull_before.wav` and `dull_behind.wav` in a folder, each int16 (S,)."""
    for side, sound in sounds.items():
        place = folder / f"{way.replace(' ', '_')}_{side}.wav"
        with made_folders([place.parent]):
            write_audio(place, sound, rate)


def score(
    bundle: Annotated[Path, typer.Argument(help="A bundle of a network that corrects tone.")],
    corpus: Annotated[Path, typer.Option(help="The corpus folder.")],
    split: Annotated[str, typer.Option(help="train, validation, test or apart.")] = "test",
    seed: Annotated[int, typer.Option(help="Of the filters that spoil.")] = 1,
    engine: Annotated[str, typer.Option(help="numpy, native, tflm, cortex-m7 or float.")] = "native",
    plot: Annotated[Path | None, typer.Option(help="A PNG file with the spectra.")] = None,
    sounds: Annotated[
        Path | None, typer.Option(help="A folder for the sound before and behind, of the first voice.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable, on standard output.")] = False,
) -> None:
    """Spoil each voice in three ways, run the bundle, and tell the distance to usual speech before and behind.

    \b
    Example:
      stapes quantize models/zoo/tone_correction.onnx -o build/tone_correction
      python -m stapes.tools.training.tone_score build/tone_correction --corpus corpus --plot tone.png --sounds tone
    """
    opened = load_bundle(bundle)
    path = opened.require_sound_path()
    runner, judge, rng = make_engine(engine, opened), Judge(path), np.random.default_rng(seed)
    own = voices(corpus, split, path)
    found: dict[str, Found] = {}
    for name, way in WAYS.items():
        given = np.stack([float_to_q15(spoil(audio, way, path.sample_rate, rng)) for audio in own.values()])
        made = runner.run(given).audio_q15
        found[name] = judge_way(judge, path, np.stack(list(own.values())), q15_to_float(given), q15_to_float(made))
        if sounds is not None:
            write_sounds(sounds, name, {"before": given[0], "behind": made[0]}, path.sample_rate)
    if plot is not None:
        with made_folders([plot.parent]):
            write_whole(plot, picture(found, judge.hertz))
    if as_json:
        print(json.dumps({"voices": len(own), "ways": {name: _plain(told) for name, told in found.items()}}))
        return
    table = Table(
        title=f"{opened.name}: {len(own)} voices of {split}, RMS over bands in dB, ± standard error",
        title_justify="left",
    )
    for heading in ("", "from usual speech", "behind", "from its own spectrum", "behind"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, told in found.items():
        table.add_row(name, *(_mean(values[side]) for values in (told.usual_db, told.own_db) for side in COLOURS))
    console.print(table)


def _mean(values: np.ndarray) -> str:
    return (
        f"{values.mean():.2f} ± {values.std(ddof=1) / np.sqrt(len(values)):.2f}"
        if len(values) > 1
        else f"{values[0]:.2f}"
    )


def _plain(found: Found) -> dict[str, dict[str, float]]:
    return {
        what: {side: round(float(values.mean()), 3) for side, values in told.items()}
        for what, told in (("usual_db", found.usual_db), ("own_db", found.own_db))
    }


def main() -> int:
    """Run the command; a known error is one line."""
    try:
        typer.run(score)
    except StapesError as error:
        print(f"tone_score: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
