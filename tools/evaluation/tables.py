"""What `stapes evaluate` shows on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from ..enhance import SYSTEMS
from ..metrics import DIGITS, LABELS
from .checks import LIMIT, METRIC, CleanCheck, LevelCheck, within
from .run import Evaluation
from .statistics import Mean, Paired

# More columns do not fit beside each other.
COLUMNS = 4
HEADINGS = {"by_snr": "SNR", "by_noise": "noise", "by_level": "level"}


def figure(value: float | None, metric: str, sign: str = "") -> str:
    """A metric's value with its usual number of digits.

    >>> figure(1.0, "pesq_wb"), figure(-0.00012, "stoi", sign="+"), figure(None, "si_sdr")
    ('1.000', '-0.0001', 'none')
    """
    return "none" if value is None else f"{value:{sign}z.{DIGITS[metric]}f}"


def mean_cell(mean: Mean | Paired, metric: str, sign: str = "") -> str:
    """A mean and its standard error.

    >>> mean_cell(Mean(1.25, 0.02, 9), "pesq_wb")
    '1.250 ±0.020'
    """
    error = "" if mean.standard_error is None else f" ±{figure(mean.standard_error, metric)}"
    return figure(mean.mean, metric, sign) + error


def p_words(p: float | None) -> str:
    """How sure a difference is.

    >>> p_words(0.0312), p_words(1e-7), p_words(None)
    ('p 0.031', 'p<1e-4', '')
    """
    if p is None:
        return ""
    return "p<1e-4" if p < 1e-4 else "p<.001" if p < 0.001 else f"p {p:.3f}"


def overall_tables(result: Evaluation, title: str) -> Iterator[Table]:
    """Means and paired differences, four metrics a table."""
    for start in range(0, len(result.metrics), COLUMNS):
        metrics = result.metrics[start : start + COLUMNS]
        table = Table(title=title if start == 0 else None, title_justify="left")
        table.add_column("system", no_wrap=True)
        for metric in metrics:
            table.add_column(LABELS[metric], justify="right", no_wrap=True)
        last = result.names[-1]
        for system in result.names:
            cells = [mean_cell(result.means[system][metric], metric) for metric in metrics]
            table.add_row(system, *cells, end_section=system == last)
        for system, against in result.questions:
            changes = [result.paired(system, against, metric) for metric in metrics]
            cells = [f"{mean_cell(c, c.metric, '+')} {p_words(c.p)}".rstrip() for c in changes]
            table.add_row(f"{system} - {against}", *cells)
        yield table


def group_tables(result: Evaluation) -> Iterator[Table]:
    """The first metric by SNR and by kind of noise, where there is more than one."""
    metric = result.metrics[0]
    for what, groups in result.groups.items():
        if len(groups) < 2:
            continue
        table = Table(title=f"{LABELS[metric]} by {HEADINGS[what]}", title_justify="left")
        table.add_column(HEADINGS[what])
        table.add_column("files", justify="right")
        for system in result.names:
            table.add_column(system, justify="right", no_wrap=True)
        for name, places in groups.items():
            row = result.means_of(places)
            cells = [mean_cell(row[system][metric], metric) for system in result.names]
            table.add_row(name, str(len(places)), *cells)
        yield table


def level_table(check: LevelCheck) -> Table:
    """PESQ of every system at every level."""
    table = Table(title=f"{LABELS[METRIC]} by level of the noisy recording's peak", title_justify="left")
    table.add_column("level")
    names = check.evaluations[0].names
    for system in names:
        table.add_column(system, justify="right", no_wrap=True)
    for level, result in zip(check.levels, check.evaluations, strict=True):
        cells = [mean_cell(result.means[system][METRIC], METRIC) for system in names]
        table.add_row(f"{level:g} dBFS", *cells)
    return table


def level_words(check: LevelCheck) -> Iterator[str]:
    """How far the quality moved between levels."""
    for system in _enhancing(check.evaluations[0].names):
        change = check.moved(system)
        words = f"{change.against} to {change.system}: {mean_cell(change, METRIC, '+')} PESQ"
        yield f"{system}, largest change of the mean, {words}; limit {LIMIT:g}: {_verdict(within(change))}"


def clean_words(check: CleanCheck) -> Iterator[str]:
    """What was done to nearly clean speech, against the Wiener filter."""
    means = check.evaluation.means
    listed = ", ".join(f"{system} {mean_cell(means[system][METRIC], METRIC)}" for system in check.evaluation.names)
    left_out = f", {check.left_out} without speech or noise left out" if check.left_out else ""
    yield f"nearly clean speech, {check.snr_db:g} dB SNR ({len(check.evaluation.files)} recordings{left_out}), PESQ: {listed}"
    for system in _enhancing(check.evaluation.names):
        change = check.against_wiener(system)
        if change.worst is None:
            yield f"{system} - wiener: none"
            continue
        beyond = check.files_beyond(system)
        yield (
            f"{system} - wiener: {mean_cell(change, METRIC, '+')}, worst {change.worst:+.3f} ({change.worst_file}), "
            f"{beyond} of {change.files} worse by more than {LIMIT:g}; the mean keeps to {LIMIT:g}: "
            f"{_verdict(within(change, below=True))}"
        )


def _enhancing(names: Sequence[str]) -> list[str]:
    return [name for name in names if name not in SYSTEMS[:2]]


def _verdict(kept: bool | None) -> str:
    return "not known" if kept is None else "kept" if kept else "MISSED"
