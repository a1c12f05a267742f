"""Which metrics to take: words of the command line to names, and what is left out for want of a package."""

from __future__ import annotations

from ...models.errors import StapesError
from .. import dnsmos, hearing
from ..metrics import COMPOSITE, FITTED, LABELS, METRICS, SLOW_METRICS

GROUPS: dict[str, tuple[str, ...]] = {
    "fast": tuple(METRICS),
    "pesq": ("pesq_wb",),
    "composite": tuple(COMPOSITE),
    **{group: tuple(n for n in SLOW_METRICS if n.startswith(group)) for group in ("dnsmos", "haspi", "hasqi")},
}
ALL = "all"


def chosen_metrics(words: str, fitted: bool = False) -> tuple[tuple[str, ...], dict[str, str]]:
    """Words between commas -> names of metrics in their usual order, and group -> why it was left out.

    A word is a metric, a group in GROUPS, or `all`, which takes what is installed. HASPI and HASQI of a bundle with a fitting (`fitted`) are
    for the listener of the fitting; the standard listeners are there by their names.

    >>> chosen_metrics("stoi, pesq")
    (('pesq_wb', 'stoi'), {})

    Raises StapesError for an unknown word, for a metric asked for by name whose package is not installed, and for those of a fitting
    where there is none.
    """
    wanted: set[str] = set()
    missing: dict[str, str] = {}
    given = [word.strip().lower() for word in words.split(",") if word.strip()]
    for word in given:
        if word == ALL:
            missing = _not_installed()
            usual = {name for name in LABELS if _of_listeners(name, fitted)}
            wanted |= {name for name in usual if _group(name) not in missing}
        elif word in GROUPS or word in LABELS:
            names = GROUPS.get(word, (word,))
            if fitted and word in hearing.INDICES:
                names = (f"{word}_fitted",)
            if not fitted and word in FITTED:
                raise StapesError(
                    f"metric {word!r} is for a bundle with a fitting; make one with stapes quantize --fitting"
                )
            _require(names)
            wanted |= set(names)
        else:
            raise StapesError(f"metric {word!r} is unknown; choose from {', '.join((ALL, *GROUPS, *LABELS))}")
    if not wanted:
        raise StapesError(f"no metric was named; choose from {', '.join((ALL, *GROUPS, *LABELS))}")
    return tuple(name for name in LABELS if name in wanted), missing


def _of_listeners(name: str, fitted: bool) -> bool:
    """Whether a metric is none of a listener, or one of those that are meant: of the fitting, or the standard ones."""
    return _group(name) not in hearing.INDICES or (name in FITTED) == fitted


def _group(name: str) -> str:
    return name.partition("_")[0]


def _require(names: tuple[str, ...]) -> None:
    if any(_group(name) == "dnsmos" for name in names):
        dnsmos.require()
    if any(_group(name) in hearing.INDICES for name in names):
        hearing.require()


def _not_installed() -> dict[str, str]:
    missing = {}
    for group in ("dnsmos", "haspi", "hasqi"):
        try:
            _require(GROUPS[group])
        except StapesError as error:
            missing[group] = str(error)
    return missing
