"""`stapes fit`: gains and sections, in tables or as JSON."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.table import Table

from ...models.fitting import Fitting
from ...models.fitting.design import gains_of
from ..console import console, print_json
from ..library.fit import fit as make_fitting


def fit(
    audiogram: str,
    output: Path,
    *,
    rule: str,
    level_db: float,
    calibration_db: float,
    sample_rate: int,
    json: bool,
) -> None:
    """The command, whose options stand in `tools.cli.fit`."""
    made = make_fitting(
        audiogram, output, rule=rule, level_db=level_db, calibration_db=calibration_db, sample_rate=sample_rate
    )
    if json:
        print_json("stapes-fit-1", {"file": str(output), **made.to_table()})
        return
    console.print(_gains_table(made, output))
    if len(made.gains.levels_db) > 1:
        console.print(
            f"the equaliser has the gains for speech of {made.level_db:g} dB SPL at every level; those of the other levels are in the file, and do "
            "not reach the sound"
        )


def _gains_table(made: Fitting, output: Path) -> Table:
    """A row a frequency: threshold, gains that are wanted, and what the equaliser gives."""
    frequencies = np.array(made.gains.frequencies)
    thresholds = made.audiogram.at(frequencies)
    given = gains_of(made.stage, frequencies, made.sample_rate)
    table = Table(title=str(output), title_justify="left")
    table.add_column("Hz", justify="right")
    table.add_column("threshold, dB HL", justify="right")
    for level in made.gains.levels_db:
        table.add_column(f"gain at {level:g} dB SPL", justify="right")
    table.add_column(f"equaliser, {made.level_db:g} dB SPL", justify="right")
    for k, f in enumerate(frequencies):
        wanted = [f"{row[k]:.1f}" for row in made.gains.gains_db]
        inside = f < made.sample_rate / 2
        table.add_row(f"{f:g}", f"{thresholds[k]:g}", *wanted, f"{given[k]:.1f}" if inside else "-")
    return table
