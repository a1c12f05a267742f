"""What a regression finds and how it ends, whatever ran: sound through the whole pipeline, or frames through a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..firmware_sim.compare import Difference
from ..models.errors import StapesError
from .bundle import Bundle

REFERENCE = "numpy"
UNLOCKED = "not locked"
# A lock is there, and some of what was run is not in it.
INCOMPLETE = "incomplete"


@dataclass
class EngineOutput:
    """What an engine made and how long it took; `bits` are those of the reference, `reference`, `equal` or `differ`.

    Of sound there are `seconds` and `realtime_factor`, of a network without an audio path `frames` and `microseconds_a_frame`.
    """

    sha256: str
    seconds: float | None = None
    realtime_factor: float | None = None
    frames: int | None = None
    microseconds_a_frame: float | None = None
    bits: str = "reference"

    def to_json(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass
class Report:
    """What a regression found over so many `files`, 0 for golden vectors; `thresholds` maps names to value, limit, ok.

    `locked` is `not locked` where there is no lock, or it was left alone; `equal`, `differs`, or `updated`; `incomplete` where a lock is there
    and what `not_locked` names is not in it. `changed` names what has another output than is locked.
    """

    engines: dict[str, EngineOutput] = field(default_factory=dict)
    first_difference: Difference | None = None
    locked: str = UNLOCKED
    not_locked: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    thresholds: dict[str, dict[str, Any]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    files: int = 0

    @property
    def identical(self) -> bool:
        return self.first_difference is None and all(entry.bits != "differ" for entry in self.engines.values())

    @property
    def passed(self) -> bool:
        return (
            self.identical
            and self.locked not in ("differs", INCOMPLETE)
            and all(t["ok"] for t in self.thresholds.values())
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "identical": self.identical,
            "passed": self.passed,
            "engines": {name: entry.to_json() for name, entry in self.engines.items()},
            "first_difference": self.first_difference.to_json() if self.first_difference else None,
            "locked": self.locked,
            "not_locked": self.not_locked,
            "changed": self.changed,
            "thresholds": self.thresholds,
            "skipped": self.skipped,
        }


def chosen(
    asked: Sequence[str], usual: Sequence[str], known: Sequence[str], missing: Mapping[str, str], report: Report
) -> list[str]:
    """The engines to run, the reference first: those asked for, else the usual ones that this machine has.

    Raises StapesError for one that is not among the `known`.
    """
    names = [name.strip() for entry in asked or usual for name in entry.split(",")]
    for name in names:
        if name not in known:
            raise StapesError(f"engine {name!r} cannot be held to the bit; choose from {', '.join(known)}")
    if not asked:
        report.skipped = {name: reason for name, reason in missing.items() if name in names}
        names = [name for name in names if name not in missing]
    return [REFERENCE, *dict.fromkeys(name for name in names if name != REFERENCE)]


@dataclass(frozen=True)
class Output:
    """One recording, or one stretch of frames: what it is called, the hash of its input and that of what the reference made of it."""

    label: str
    key: str
    value: str


def settle_lock(bundle: Bundle, whole: Output, outputs: Sequence[Output], report: Report, update: bool) -> None:
    """Hold `outputs` to what is locked in the bundle, or lock them. `whole` is all of them as one, as locks of 0.1.0 hold them.

    Raises StapesError where they are to be locked while engines disagree.
    """
    lock = bundle.lock(update)
    if update:
        if not report.identical:
            raise StapesError("engines disagree; nothing was locked. Run without --update to see where")
        former = {key: value for key, value in lock.items() if key != whole.key}
        bundle.write_lock({**former, **{output.key: output.value for output in outputs}})
        report.locked = "updated"
        return
    if not lock:
        return
    alone = all(output.key in lock for output in outputs)
    held = outputs if alone or whole.key not in lock else [whole]
    report.not_locked = [output.label for output in held if output.key not in lock]
    report.changed = [output.label for output in held if lock.get(output.key, output.value) != output.value]
    report.locked = "differs" if report.changed else INCOMPLETE if report.not_locked else "equal"
