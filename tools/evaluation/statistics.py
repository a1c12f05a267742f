"""Means, their standard errors, and paired differences of two systems over the same recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import ttest_rel

from ..metrics import DECIMALS

# For each recording: system -> metric -> figure, or None where it is not defined.
Scores = dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class Mean:
    """Mean over `files` recordings and its standard error, None where there are too few for one."""

    mean: float | None
    standard_error: float | None
    files: int


@dataclass(frozen=True)
class Paired:
    """What `system` gained over `against` in `metric`, recording by recording.

    `t` and `p` are those of the paired two-sided t-test, None where the differences do not vary. `worst` and `best` are the
    differences farthest down and up, with the names of their recordings.
    """

    system: str
    against: str
    metric: str
    mean: float | None
    standard_error: float | None
    t: float | None
    p: float | None
    files: int
    worst: float | None = None
    worst_file: str = ""
    best: float | None = None
    best_file: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def mean_of(values: Sequence[float]) -> Mean:
    """Mean and standard error (sample deviation over the square root of the number).

    >>> mean_of([1.0, 3.0])
    Mean(mean=2.0, standard_error=1.0, files=2)
    """
    count = len(values)
    if not count:
        return Mean(None, None, 0)
    error = round(float(np.std(values, ddof=1) / np.sqrt(count)), DECIMALS) if count > 1 else None
    return Mean(round(float(np.mean(values)), DECIMALS), error, count)


def means(rows: Sequence[Scores], systems: Sequence[str], metrics: Sequence[str]) -> dict[str, dict[str, Mean]]:
    """System -> metric -> mean over the recordings in which every system has the metric."""
    out: dict[str, dict[str, Mean]] = {system: {} for system in systems}
    for metric in metrics:
        complete = [row for row in rows if all(row[system].get(metric) is not None for system in systems)]
        for system in systems:
            out[system][metric] = mean_of([value for row in complete if (value := row[system][metric]) is not None])
    return out


def paired(rows: Sequence[Scores], names: Sequence[str], system: str, against: str, metric: str) -> Paired:
    """`system` minus `against` over the recordings (`names`, one a row) in which both have the metric."""
    found = [
        (a, b, name)
        for row, name in zip(rows, names, strict=True)
        if (a := row[system].get(metric)) is not None and (b := row[against].get(metric)) is not None
    ]
    differences = [a - b for a, b, _ in found]
    summary = mean_of(differences)
    t = p = None
    if len(found) > 1 and np.ptp(differences) > 0:
        test = ttest_rel([a for a, _, _ in found], [b for _, b, _ in found])
        t, p = round(float(test.statistic), DECIMALS), float(f"{test.pvalue:.3g}")
    out = Paired(system, against, metric, summary.mean, summary.standard_error, t, p, summary.files)
    if not found:
        return out
    low, high = int(np.argmin(differences)), int(np.argmax(differences))
    return replace(
        out,
        worst=round(differences[low], DECIMALS),
        worst_file=found[low][2],
        best=round(differences[high], DECIMALS),
        best_file=found[high][2],
    )
