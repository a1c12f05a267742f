"""`python -m stapes.tools.bench.training`: steps a second of one process that trains, and of several together."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from ...models.errors import StapesError
from ..console import console, err
from ..zoo import GRU_MASK

ROUNDS, WARM_UP = 3, 4
WANTED = 1.6
RECIPE = GRU_MASK.with_suffix(".toml")


def training(
    corpus: Annotated[Path, typer.Option(help="A corpus, of `stapes corpus fetch`.")],
    recipe: Annotated[Path, typer.Option(help="The recipe of the training.")] = RECIPE,
    workers: Annotated[int, typer.Option(min=2, help="Processes that share a training.")] = 2,
    steps: Annotated[int, typer.Option(min=1, help="Steps of a round.")] = 20,
) -> None:
    """Train for some steps in one process and in several, in turns; exit 1 where several are less than 1.6 times as fast.

    On a machine with other work the processor time tells more than the clock.
    """
    rounds: dict[int, list[dict[str, float]]] = {1: [], workers: []}
    for _ in range(2):
        for count in (1, workers):
            rounds[count] += _rounds(recipe, corpus, count, steps)
    table = Table("workers", "steps a second", "processor time of a step, ms", title=str(recipe), title_justify="left")
    for count, made in rounds.items():
        table.add_row(str(count), *(f"{_median(made, what):.2f}" for what in ("steps", "processor_ms")))
    console.print(table)
    by_clock = _median(rounds[workers], "steps") / _median(rounds[1], "steps")
    by_processor = _median(rounds[1], "processor_ms") / _median(rounds[workers], "processor_ms")
    console.print(f"{workers} workers: {by_clock:.2f} times the steps, {by_processor:.2f} by processor time")
    if max(by_clock, by_processor) < WANTED:
        raise typer.Exit(1)


def _median(rounds: list[dict[str, float]], what: str) -> float:
    return float(np.median([made[what] for made in rounds]))


def _rounds(recipe: Path, corpus: Path, workers: int, steps: int) -> list[dict[str, float]]:
    from ..train import Order
    from ..training.launch import run_workers

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        order = Order(recipe, corpus, Path(folder) / "training", quiet=True)
        run_workers(time_steps, (order, steps, folder), workers)
        made: list[dict[str, float]] = json.loads((Path(folder) / "rounds.json").read_text())
        return made


def time_steps(about: tuple[Any, int, str], rank: int, workers: int, meet: str) -> None:
    """In a process: steps from one pool, which is made before; the first one writes the rounds, of the slowest worker each."""
    from ..train import Training, check
    from ..training.state import Folder
    from ..training.team import Workers

    order, steps, folder = about
    team = Workers(order.device, rank, workers, meet)
    chosen, identity, place = check(order, workers)
    training = Training(chosen, order.corpus, Folder(order.output, identity, team), None, place, team)
    for _ in range(WARM_UP):
        training.run_step()
    rounds = []
    for _ in range(ROUNDS):
        team.gathered(None)
        begun, used = time.perf_counter(), time.process_time()
        for _ in range(steps):
            training.run_step()
        used = time.process_time() - used
        slowest = max(team.gathered(used))
        rounds.append({"steps": steps / (time.perf_counter() - begun), "processor_ms": 1000.0 * slowest / steps})
    if rank == 0:
        (Path(folder) / "rounds.json").write_text(json.dumps(rounds))
    team.leave()


def main() -> None:
    """Run it; faults of the user are one line and exit code 2."""
    try:
        typer.run(training)
    except StapesError as error:
        err.print(f"bench: error: {error}")
        sys.exit(2)


if __name__ == "__main__":
    main()
