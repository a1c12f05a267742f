"""What is installed, what is missing and what that costs, and what does not work."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from .. import checkup
from ..checkup import Finding
from ..given import given
from ..progress import progress
from ..work import Crew


@dataclass(frozen=True)
class Diagnosis:
    """The version of stapes, the hash of its sources, and all that was found, group by group."""

    stapes: str
    sources: str
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """No fault: what is needed is there, and what is there works and is the pinned version."""
        return not self.faults

    @property
    def faults(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.fault)

    def to_json(self) -> dict[str, Any]:
        return {
            "healthy": self.healthy,
            "stapes": self.stapes,
            "sources": self.sources,
            "findings": [finding.to_json() for finding in self.findings],
        }


def doctor(*, scheduler: str | None = None) -> Diagnosis:
    """Look at the packages, compilers, emulators, programs and the machine that stapes works with. Nothing is fetched.

    scheduler   the address of a scheduler of Dask, `tcp://HOST:PORT`, which is asked for workers of this very stapes

    What is not installed is a fault only where stapes needs it. What is installed and does not work, or is another version than the
    pinned one, is a fault. `to_json` of the result is what `stapes doctor --json` prints behind its schema. Raises StapesError for what is no address.

    >>> found = doctor()
    >>> [finding.state for finding in found.findings if finding.name == "Python"]
    ['ok']
    """
    address = given(scheduler, str, "an address tcp://HOST:PORT") if scheduler is not None else None
    Crew(scheduler=address)  # what is no address is told before anything is looked at
    groups: list[Callable[[], Iterable[Finding]]] = [
        checkup.packages,
        checkup.extras,
        checkup.compilers,
        checkup.emulators,
        checkup.programs,
        checkup.machine,
        *([functools.partial(checkup.scheduler, address)] if address is not None else []),
    ]
    findings: list[Finding] = []
    with progress("looking, groups", len(groups)) as done:
        for group in groups:
            findings += group()
            done(1)
    from ..work.worker import versions

    return Diagnosis(metadata.version("stapes"), versions()["sources"], tuple(findings))
