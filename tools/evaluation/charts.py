"""Figures of an evaluation as pictures: PNG bytes, the same for the same figures."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..metrics import LABELS
from ..pictures import STYLE, png_bytes
from .run import Evaluation
from .statistics import mean_of

COLOURS = ("#8a8f98", "#1f6f8b", "#35b779", "#c8553d", "#7b5ea7", "#b8860b")
# An integer output lies on the float one; the picture needs one of them.
SAME = "float"


def scatter(result: Evaluation, metric: str) -> bytes:
    """Each recording a point: the metric before and after, above the line where a system helps."""
    with matplotlib.rc_context(STYLE):
        figure, axis = _figure(5.2, 4.8)
        values: list[float] = []
        for system, colour in _colours(result).items():
            if system in ("noisy", SAME):
                continue
            points = [
                (a, b)
                for file in result.files
                if (a := file["systems"]["noisy"][metric]) is not None
                and (b := file["systems"][system][metric]) is not None
            ]
            before, after = np.reshape(points, (-1, 2)).T
            axis.scatter(before, after, s=18, color=colour, alpha=0.8, linewidths=0, label=system)
            values += [value for point in points for value in point]
        if values:
            ends = (min(values), max(values))
            axis.plot(ends, ends, color="#555555", linewidth=0.8)
        axis.set_xlabel(f"{LABELS[metric]}, noisy")
        axis.set_ylabel(f"{LABELS[metric]}, processed")
        axis.set_title("each recording, before and after")
        axis.legend(frameon=False, loc="lower right")
        return png_bytes(figure)


def boxes_by_group(result: Evaluation, groups: dict[str, list[int]], metric: str, title: str) -> bytes:
    """How a metric lies in each group, one box a system: median, middle half, whiskers at 5 and 95 %, the mean as a point."""
    with matplotlib.rc_context(STYLE):
        figure, axis = _figure(max(5.2, 0.9 * len(groups) + 2.0), 3.8)
        colours = _colours(result)
        width = 0.8 / len(colours)
        for place, (system, colour) in enumerate(colours.items()):
            at = np.arange(len(groups)) + (place - (len(colours) - 1) / 2) * width
            rows = [[result.files[i]["systems"][system][metric] for i in places] for places in groups.values()]
            axis.bxp(
                [_box([value for value in row if value is not None]) for row in rows],
                positions=at,
                widths=0.85 * width,
                showmeans=True,
                showfliers=False,
                showcaps=False,
                patch_artist=True,
                boxprops={"facecolor": colour, "edgecolor": colour, "alpha": 0.75},
                whiskerprops={"color": colour},
                medianprops={"color": "#111111"},
                meanprops={"marker": ".", "markerfacecolor": "#ffffff", "markeredgecolor": "#111111"},
                manage_ticks=False,
            )
            axis.bar(0, 0, 0, color=colour, label=system)
        _finish(axis, list(groups), metric, title)
        axis.legend(frameon=False, ncols=2, loc="upper left")
        return png_bytes(figure)


def _box(values: list[float]) -> dict[str, float]:
    """What matplotlib draws a box from; a gap where there are no values."""
    low, q1, median, q3, high = np.percentile(values or [np.nan], (5, 25, 50, 75, 95))
    mean = float(np.mean(values)) if values else np.nan
    return {"whislo": low, "q1": q1, "med": median, "q3": q3, "whishi": high, "mean": mean}


def gains_by_group(result: Evaluation, groups: dict[str, list[int]], metric: str, title: str) -> bytes:
    """What the integers gain over the Wiener filter in each group, mean and standard error."""
    with matplotlib.rc_context(STYLE):
        figure, axis = _figure(max(5.2, 0.55 * len(groups) + 2.0), 3.8)
        gains = []
        for places in groups.values():
            rows = [result.files[place]["systems"] for place in places]
            pairs = [(row["integer"][metric], row["wiener"][metric]) for row in rows]
            gains.append(mean_of([a - b for a, b in pairs if a is not None and b is not None]))
        tops = [_or_gap(gain.mean) for gain in gains]
        colours = ["#35b779" if top >= 0 else "#c8553d" for top in tops]
        errors = [gain.standard_error or 0.0 for gain in gains]
        axis.bar(np.arange(len(groups)), tops, 0.7, yerr=errors, color=colours, error_kw={"linewidth": 0.8})
        axis.axhline(0.0, color="#555555", linewidth=0.8)
        _finish(axis, list(groups), metric, title)
        return png_bytes(figure)


def _or_gap(value: float | None) -> float:
    return np.nan if value is None else value


def _colours(result: Evaluation) -> dict[str, str]:
    return dict(zip(result.names, COLOURS, strict=False))


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _finish(axis: Axes, names: list[str], metric: str, title: str) -> None:
    slanted = len(names) > 5
    axis.set_xticks(np.arange(len(names)), names, rotation=35 if slanted else 0, ha="right" if slanted else "center")
    axis.set_ylabel(LABELS[metric])
    axis.set_title(title)
    axis.grid(axis="y", alpha=0.25, linewidth=0.5)
    axis.set_axisbelow(True)
