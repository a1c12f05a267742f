"""Where the command line speaks: results on standard output, progress and remarks on standard error."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from ..models.text import printable, shortened


class PlainConsole(Console):
    """A console on which text is text, in prints and in tables: no markup, one line, and nothing that steers a terminal.

    Names come from files of other people. What a command wants in colours or in several lines is a `rich.text.Text`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, highlight=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """What every text passes on its way to the terminal."""
        return super().render_str(printable(shortened(text)), **options)


console = PlainConsole(width=None if Console().is_terminal else 120)
err = PlainConsole(stderr=True, soft_wrap=True)


@contextmanager
def progress_bar(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error; yields a function that takes the number of steps just done."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(printable(description), total=total)
        yield lambda steps: bar.advance(task, steps)


def print_json(schema: str, document: Mapping[str, Any]) -> None:
    """JSON on standard output that says its schema, one of `tools.schemas`; infinities and NaN, which JSON has not, become null."""
    print(json.dumps(_plain({"schema": schema, **document}), indent=1))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
