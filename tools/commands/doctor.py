"""`stapes doctor`: what was found, as a table or JSON; exit code 1 where something has to be mended."""

from __future__ import annotations

import typer
from rich.table import Table

from ..checkup import Finding
from ..console import console, print_json
from ..library.doctor import doctor as look


def doctor(*, scheduler: str | None, json: bool) -> None:
    """The command, whose options stand in `tools.cli.doctor`."""
    diagnosis = look(scheduler=scheduler)
    if json:
        print_json("stapes-doctor-1", diagnosis.to_json())
    else:
        console.print(_table(diagnosis.stapes, diagnosis.sources, diagnosis.findings))
        faults = len(diagnosis.faults)
        console.print(f"to be mended: {faults}" if faults else "nothing has to be mended")
    if not diagnosis.healthy:
        raise typer.Exit(1)


def _table(version: str, sources: str, findings: tuple[Finding, ...]) -> Table:
    table = Table(title=f"stapes {version}, sources {sources}", title_justify="left")
    for heading in ("", "what", "state", "found", "without it, and what to do"):
        table.add_column(heading)
    group = ""
    for finding in findings:
        state = "TO MEND" if finding.fault else finding.state
        told = "" if finding.state == "ok" else "; ".join(filter(None, (finding.cost, finding.remedy)))
        table.add_row("" if finding.group == group else finding.group, finding.name, state, finding.found, told)
        group = finding.group
    return table
