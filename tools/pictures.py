"""Pictures of sound: spectrograms above each other, and below them how far apart two of the signals are."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from ..models.audio.transform import SAMPLE_RATE
from ..models.errors import StapesError
from ..models.files import write_whole

WINDOW, HOP = 512, 64
RANGE_DB = 70.0
LEVEL_SECONDS = 0.02
OCTAVES_HZ = (63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000)
FLOOR_DB = -120.0
# In inches: the width of a picture, its margins, what lies between its rows, and the scale of colours with its distance.
WIDTH, LEFT, RIGHT, TOP, BOTTOM, BETWEEN, TITLE = 10.0, 0.75, 1.0, 0.3, 0.5, 0.4, 0.3
SCALE, PAD = 0.13, 0.1
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "path.simplify": False,
    # Names of files are text: a $ in one begins no formula.
    "text.parse_math": False,
}


def frequency_axis(axis: Axes, lowest_hz: float, highest_hz: float) -> None:
    """A logarithmic axis of frequencies whose labels are octaves in plain digits: those of a formula would be printed as its text."""
    axis.set_xscale("log")
    axis.set_xlim(lowest_hz, highest_hz)
    shown = [hertz for hertz in OCTAVES_HZ if lowest_hz <= hertz <= highest_hz]
    axis.set_xticks(shown, [str(hertz) for hertz in shown])
    axis.set_xticks([], minor=True)


def spectrogram_db(audio: np.ndarray) -> np.ndarray:
    """(S,) float in [-1, 1) -> (F, T) level in dB, a full-scale sine at 0 dB; 32 ms Hann windows, 4 ms apart."""
    window = hann(WINDOW, sym=False)
    transform = ShortTimeFFT(window, HOP, fs=SAMPLE_RATE, scale_to=None)
    magnitude = np.abs(transform.stft(audio, p0=0, p1=-(-len(audio) // HOP))) / (window.sum() / 2)
    result: np.ndarray = 20.0 * np.log10(np.maximum(magnitude, 10 ** (FLOOR_DB / 20)))
    return result


def level_db(audio: np.ndarray) -> np.ndarray:
    """(S,) float -> level in dB re full-scale RMS of each 20 ms, (S // 320,); at least FLOOR_DB."""
    block = int(LEVEL_SECONDS * SAMPLE_RATE)
    power = np.mean(np.reshape(audio[: len(audio) // block * block], (-1, block)) ** 2, axis=1)
    result: np.ndarray = 10.0 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10)))
    return result


def draw_comparison(path: Path, title: str, signals: Mapping[str, np.ndarray], reference: str, other: str) -> None:
    """Write a PNG: a spectrogram of each signal (S,), and the levels of `reference` and of `other - reference` over time.

    The same signals give the same bytes. Raises StapesError when a signal is shorter than a window or the file
    cannot be written.
    """
    arrays = {name: np.asarray(audio, np.float64) for name, audio in signals.items()}
    shortest = min(len(audio) for audio in arrays.values())
    if shortest < WINDOW:
        raise StapesError(f"picture {path}: {shortest} samples; give recordings of at least {WINDOW}")
    with matplotlib.rc_context(STYLE):
        rows = len(arrays) + 1
        figure, axes = _rows(rows, 1.75 * rows + 0.6, dpi=120, above=TITLE)
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        _draw_spectrograms(figure, axes[:-1], arrays, SAMPLE_RATE)
        _draw_difference(axes[-1], arrays[reference], arrays[other], reference, other)
        write_whole(path, png_bytes(figure))


def spectrograms_png(signals: Mapping[str, np.ndarray], rate: int = SAMPLE_RATE) -> bytes:
    """A PNG with a spectrogram of each signal (S,) at `rate` Hz, all of one length; the same signals give the same bytes."""
    arrays = {name: np.pad(np.asarray(x, np.float64), (0, max(0, WINDOW - len(x)))) for name, x in signals.items()}
    with matplotlib.rc_context(STYLE):
        figure, axes = _rows(len(arrays), 1.5 * len(arrays) + 0.4, dpi=80)
        _draw_spectrograms(figure, axes, arrays, rate)
        axes[-1].set_xlabel("time, s")
        return png_bytes(figure)


def png_bytes(figure: Figure) -> bytes:
    """A figure as a PNG file."""
    buffer = io.BytesIO()
    # matplotlib names itself and its version in the file unless told not to.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _rows(count: int, height: float, dpi: int, above: float = 0.0) -> tuple[Figure, list[Axes]]:
    """A figure of `height` inches with diagrams below each other, which share their time; `above` inches are left on top.

    The margins are set: matplotlib draws a figure twice more to find them out.
    """
    figure = Figure(figsize=(WIDTH, height), dpi=dpi)
    FigureCanvasAgg(figure)
    each = (height - above - TOP - BOTTOM - (count - 1) * BETWEEN) / count
    figure.subplots_adjust(
        left=LEFT / WIDTH,
        right=1.0 - RIGHT / WIDTH,
        top=1.0 - (above + TOP) / height,
        bottom=BOTTOM / height,
        hspace=BETWEEN / each,
    )
    return figure, list(figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0])


def _draw_spectrograms(figure: Figure, axes: list[Axes], arrays: dict[str, np.ndarray], rate: int) -> None:
    levels = {name: spectrogram_db(audio) for name, audio in arrays.items()}
    top = 5.0 * np.ceil(max(float(np.percentile(level, 99.9)) for level in levels.values()) / 5.0)
    for axis, (name, level) in zip(axes, levels.items(), strict=True):
        extent = (0.0, len(arrays[name]) / rate, 0.0, rate / 2000.0)
        image = axis.imshow(
            level, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=top - RANGE_DB, vmax=top
        )
        axis.set_title(name)
        axis.set_ylabel("frequency, kHz")
        axis.set_yticks(range(0, rate // 2000 + 1, 2 if rate <= SAMPLE_RATE else 4))
    first, last = axes[0].get_position(), axes[-1].get_position()
    scale = figure.add_axes((first.x1 + PAD / WIDTH, last.y0, SCALE / WIDTH, first.y1 - last.y0))
    figure.colorbar(image, cax=scale, label="level, dB re full scale")


def _draw_difference(axis: Axes, reference: np.ndarray, other: np.ndarray, name: str, other_name: str) -> None:
    signal, difference = level_db(reference), level_db(other - reference)
    time = (np.arange(len(signal)) + 0.5) * LEVEL_SECONDS
    axis.fill_between(time, difference, signal, where=signal > difference, color="#35b779", alpha=0.15, linewidth=0)
    axis.plot(time, signal, color="#1f6f8b", linewidth=1.0, label=name)
    axis.plot(time, difference, color="#c8553d", linewidth=1.0, label=f"{other_name} minus {name}")
    axis.set_title("level: the gap is the SNR")
    axis.set_ylabel("level, dB")
    axis.set_xlabel("time, s")
    axis.set_ylim(10 * np.floor(float(difference.min()) / 10) - 5.0, 5.0)
    axis.grid(alpha=0.25, linewidth=0.5)
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 0.98), ncols=2, frameon=False, borderaxespad=0.0)
