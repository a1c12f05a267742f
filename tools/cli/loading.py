"""What a user sees while a command imports its work."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_WORDS = "loading ..."


@contextmanager
def loading() -> Iterator[None]:
    """Say on a terminal that the block imports what takes seconds; the words vanish at the end."""
    if not sys.stderr.isatty():
        yield
        return
    print(f"{_WORDS}\r", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(f"{' ' * len(_WORDS)}\r", end="", file=sys.stderr, flush=True)
