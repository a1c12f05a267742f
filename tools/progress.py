"""How far the work is: told to whoever shows it, such as the command line, else to nobody."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Advance = Callable[[int], None]
# A description and the number of steps -> a block that is given a function for the number of steps just done.
Show = Callable[[str, int], AbstractContextManager[Advance]]

_shown: list[Show] = []


def show_with(show: Show) -> None:
    """From here on `show` is asked for every work that takes a while."""
    _shown[:] = [show]


def progress(description: str, total: int) -> AbstractContextManager[Advance]:
    """A block of `total` steps; yields a function that takes the number of steps just done."""
    return _shown[0](description, total) if _shown else nullcontext(_unseen)


def _unseen(steps: int) -> None:
    """Nobody looks."""
