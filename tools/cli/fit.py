"""`stapes fit`: options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .loading import loading


def fit(
    output: Annotated[Path, typer.Option("-o", "--output", help="The file fitting.toml to write.")],
    audiogram: Annotated[
        str,
        typer.Option(
            metavar="FILE|NAME",
            help="TOML with unit, frequencies and thresholds, or a standard audiogram: N1 to N7, S1 to S3.",
        ),
    ],
    rule: Annotated[
        str, typer.Option(metavar="nalr|camfit|TABLE.csv", help="Which gains: a rule, or a table of them.")
    ] = "nalr",
    level: Annotated[float, typer.Option(help="Speech of this level in dB SPL gets the gains.")] = 65.0,
    calibration_db: Annotated[
        float, typer.Option(help="Level in dB SPL of a sine at digital full scale, of microphone and receiver.")
    ] = 120.0,
    sample_rate: Annotated[int, typer.Option(help="Rate in Hz of the path that the fitting is for.")] = 16000,
    json: Annotated[bool, typer.Option("--json", help="Machine-readable result on standard output.")] = False,
) -> None:
    """Make a fitting of an audiogram: gains by frequency and level, and the equaliser that makes them.

    Examples:

    `stapes fit --audiogram N3 --rule nalr -o fitting.toml`

    `stapes fit --audiogram mine.toml --rule camfit --level 65 --calibration-db 114 -o fitting.toml`

    `stapes fit --audiogram mine.toml --rule gains.csv --sample-rate 48000 -o fitting.toml`

    The fitting becomes part of a bundle with `stapes quantize --fitting fitting.toml`.
    """
    with loading():
        from ..commands import fit as command
    command.fit(
        audiogram,
        output,
        rule=rule,
        level_db=level,
        calibration_db=calibration_db,
        sample_rate=sample_rate,
        json=json,
    )
