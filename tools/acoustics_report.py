"""The acoustics of a bundle as tables and as a picture."""

from __future__ import annotations

import math

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.table import Table

from .acoustics import HARMONIC_HZ, IMPULSE, PAIR, PAIR_HZ, SETTLE_SECONDS, SOFT, SOFT_DB, SOFT_HZ, Measured, amplitudes
from .library.acoustics import Acoustics
from .pictures import STYLE, frequency_axis, png_bytes

COLOURS = {"open": "#1f6f8b", "running": "#c8553d"}
WORDS = {"open": "reduction off", "running": "as it runs"}
LOWEST_DB = -140.0


def tables(found: Acoustics) -> tuple[Table, Table]:
    """The response, and all other figures."""
    ways = {"open": found.open, "running": found.running}
    curve = Table(title=f"{found.name}: response to a sweep, dB", title_justify="left")
    for heading in ("Hz", *WORDS.values()):
        curve.add_column(heading, justify="right")
    for row, hertz in enumerate(found.open.response.hertz):
        curve.add_row(f"{hertz:.0f}", *(f"{way.response.gain_db[row]:.2f}" for way in ways.values()))
    rest = Table(show_header=True)
    for heading in ("", *WORDS.values()):
        rest.add_column(heading)
    latency = "nothing came out" if found.latency_ms is None else f"{found.latency_ms:g} ms with a hop of buffering"
    rest.add_row("latency", *(latency if way is found.open else _delay(way) for way in ways.values()))
    rest.add_row("silence becomes, dB re full scale", *(_level(way.silence_db) for way in ways.values()))
    soft = f"beside {SOFT_HZ} Hz at {SOFT_DB:g} dB, dB re full scale"
    rest.add_row(soft, *(_level(way.noise_db) for way in ways.values()))
    for hertz in HARMONIC_HZ:
        rest.add_row(f"harmonics of {hertz} Hz", *(_percent(way.harmonics_percent[hertz]) for way in ways.values()))
    pair = " and ".join(map(str, PAIR_HZ))
    rest.add_row(f"products of {pair} Hz", *(_percent(way.products_percent) for way in ways.values()))
    if found.pressure:
        _add_pressure(rest, found)
    return curve, rest


def _add_pressure(table: Table, found: Acoustics) -> None:
    """Noise and maximum output in dB SPL."""
    told = [found.pressure[name] for name in WORDS]
    full = f"with full scale at {told[0].calibration_db:g} dB SPL"
    table.add_row(
        f"silence becomes, {full}", *("nothing" if p.silence_db is None else f"{p.silence_db:.1f} dB SPL" for p in told)
    )
    table.add_row(f"beside that tone, {full}", *(f"{p.noise_db:.1f} dB SPL" for p in told))
    loud = f"maximum output of a sweep of {told[0].input_db:g} dB SPL"
    table.add_row(loud, *(f"{p.maximum_db:.1f} dB SPL at {p.maximum_hz:.0f} Hz" for p in told))


def _delay(way: Measured) -> str:
    return "the impulse does not pass" if way.delay_samples is None else f"its peak {way.delay_samples} samples late"


def _level(value: float) -> str:
    return "nothing" if value <= LOWEST_DB else f"{value:.1f}"


def _percent(value: float) -> str:
    return "the tone does not pass" if math.isnan(value) else f"{value:.4f} %"


def picture(found: Acoustics) -> bytes:
    """A PNG of four diagrams: response, impulse, what is beside a soft tone, two tones; the same figures give the same bytes."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10.0, 6.4), dpi=110)
        FigureCanvasAgg(figure)
        figure.subplots_adjust(left=0.08, right=0.98, top=0.94, bottom=0.08, hspace=0.38, wspace=0.22)
        (response, impulse), (soft, pair) = figure.subplots(2, 2)
        _response(response, found)
        _impulse(impulse, found)
        _spectrum(soft, found, SOFT, f"{SOFT_HZ} Hz at {SOFT_DB:g} dB")
        _spectrum(pair, found, PAIR, f"{' and '.join(map(str, PAIR_HZ))} Hz")
        response.legend(frameon=False)
        return png_bytes(figure)


def _response(axis: Axes, found: Acoustics) -> None:
    for name, way in (("open", found.open), ("running", found.running)):
        axis.plot(way.response.hertz, way.response.gain_db, color=COLOURS[name], label=WORDS[name], linewidth=1.2)
    frequency_axis(axis, found.open.response.hertz[0] * 0.9, found.open.response.hertz[-1] * 1.1)
    low = min(min(way.response.gain_db) for way in (found.open, found.running))
    high = max(max(way.response.gain_db) for way in (found.open, found.running))
    axis.set_ylim(max(low - 3.0, -60.0), high + 3.0)
    _labels(axis, "response to a sweep", "frequency, Hz", "gain, dB")


def _impulse(axis: Axes, found: Acoustics) -> None:
    start = SETTLE_SECONDS * found.sample_rate
    shown = slice(start - found.hop, start + 6 * found.hop + (found.open.delay_samples or 0))
    time = (np.arange(shown.start, shown.stop) - start) * 1000.0 / found.sample_rate
    for name, outputs in found.outputs.items():
        axis.plot(time, outputs[IMPULSE][shown], color=COLOURS[name], linewidth=1.0)
    _labels(axis, "impulse of half of full scale", "time, ms", "sample")


def _spectrum(axis: Axes, found: Acoustics, signal: str, title: str) -> None:
    for name, outputs in found.outputs.items():
        spectrum = amplitudes(outputs[signal][SETTLE_SECONDS * found.sample_rate :])
        axis.plot(20.0 * np.log10(np.maximum(spectrum, 10.0 ** (LOWEST_DB / 20.0))), color=COLOURS[name], linewidth=0.7)
    axis.set_ylim(LOWEST_DB, 3.0)
    _labels(axis, title, "frequency, Hz", "amplitude, dB re full scale")


def _labels(axis: Axes, title: str, across: str, up: str) -> None:
    axis.set_title(title)
    axis.set_xlabel(across)
    axis.set_ylabel(up)
    axis.grid(alpha=0.25, linewidth=0.5)
