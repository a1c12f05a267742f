"""`python -m stapes.tools.bench.files`: thousands of hostile files against the command line, on every core."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ...models.errors import StapesError
from ..console import console, err
from ..work import available_cores
from .hostile import BATCH, KINDS, Fault, Material, attack, make_material


def files(
    count: Annotated[int, typer.Option(min=1, help="Mutations of each kind.")] = 20_000,
    first: Annotated[int, typer.Option(min=0, help="Number of the first one: each is made from its number alone.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Another seed makes other files.")] = 0,
    kind: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(KINDS)}; may be repeated. Default: all.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0 takes all cores.")] = 0,
) -> None:
    """Change sound files at random and run the command line over each; exit 1 when one run breaks a promise.

    A run may refuse its file in one line or use it, in 10 s of processor time and 1 GB, and leaves only its output.

    Examples:

    `python -m stapes.tools.bench.files --count 500`

    `python -m stapes.tools.bench.files --kind onnx --first 1234 --count 1`
    """
    kinds = kind or list(KINDS)
    for name in kinds:
        if name not in KINDS:
            raise StapesError(f"--kind {name!r}: unknown; give {', '.join(KINDS)}")
    cores = jobs or available_cores()
    broken = False
    with tempfile.TemporaryDirectory(prefix="stapes-files-") as folder:
        material = make_material(Path(folder))
        for name in kinds:
            faults = _shared(name, count, first, seed, cores, material)
            broken |= bool(faults)
            console.print(f"{name}: {count:,} changed files, {len(faults)} faults")
            for fault in faults:
                console.print(f"  {fault}")
    if broken:
        raise typer.Exit(1)


def _shared(kind: str, count: int, first: int, seed: int, cores: int, material: Material) -> list[Fault]:
    """The batches in turn to each of some processes, which write their faults down."""
    batches = list(range(first, first + count, BATCH))
    results = [material.folder / f"{kind}-{core}.json" for core in range(cores)]
    children = []
    for core, result in enumerate(results):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _part(kind, batches[core::cores], first + count, seed, material, result, loud=core == 0)
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        children.append(child)
    try:
        states = [os.waitpid(child, 0)[1] for child in children]
    except BaseException:
        for child in children:
            os.kill(child, signal.SIGTERM)
        raise
    if any(states):
        raise StapesError(f"{kind}: a process of the attack ended early; see above")
    faults = [Fault(**row) for result in results for row in json.loads(result.read_text())]
    return sorted(faults, key=lambda fault: fault.index)


def _part(kind: str, batches: list[int], end: int, seed: int, material: Material, result: Path, loud: bool) -> None:
    faults: list[Fault] = []
    for done, start in enumerate(batches):
        faults += attack(kind, min(BATCH, end - start), material, seed=seed, first=start)
        if loud and err.is_terminal:
            err.print(f"{kind}: {100 * (done + 1) // len(batches)} %, {len(faults)} faults so far", end="\r")
    result.write_text(json.dumps([asdict(fault) for fault in faults]))


def main() -> None:
    """Run it; faults of the user are one line and exit code 2."""
    try:
        typer.run(files)
    except StapesError as error:
        err.print(f"bench: error: {error}")
        sys.exit(2)


if __name__ == "__main__":
    main()
