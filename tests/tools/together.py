"""What processes of a training do in tests; they are started anew, and import this."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from stapes.models.errors import StapesError


def train_all(orders: list[Any], rank: int, workers: int, meet: str) -> None:
    """One training after the other. What is said where the processes disagree goes into a file beside the first one's folder."""
    from stapes.tools.train import work
    from stapes.tools.training.state import Folder
    from stapes.tools.training.team import Workers

    Folder.plot = lambda folder: None  # seconds, and nobody looks at the pictures
    team = Workers("cpu", rank, workers, meet)
    said = []
    for about in ({"torch": "2.1" if rank else "2.0"}, {"corpus": [rank]}):
        try:
            team.agree(about)
        except StapesError as error:
            said.append(str(error))
    orders[0].output.with_name(f"said_{rank}").write_text("\n".join(said))
    for order in orders:
        work(order, team)
    team.leave()


def lose_one(folder: Path, rank: int, workers: int, meet: str) -> None:
    """The last process dies; the others wait for it, and say in a file what they are told."""
    from stapes.tools.training.team import Gone, Workers

    team = Workers("cpu", rank, workers, meet)
    team.gathered(rank)
    if rank == workers - 1:
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        team.gathered(rank)
    except Gone as error:
        (folder / "gone").write_text(str(error))
        raise
