"""SIGINT and SIGTERM: the process ends at once, and takes away what it had begun.

The handler itself cleans up and ends the process. Were it to raise, as Python's own does, whoever runs at that moment could
catch what it raised: an import turns it into an ImportError, a callback or a destructor swallows it.

This module is imported before anything else, so it imports next to nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_CLEAR_LINE, _SHOW_CURSOR = b"\r\x1b[2K", b"\x1b[?25h"

_clean_ups: list[Callable[[], None]] = []
_holders = 0
_waiting = 0


def install() -> None:
    """From here on both signals end this process with one line and exit code 130 or 143."""
    for number in _SIGNALS:
        signal.signal(number, _on_signal)


def at_stop(clean_up: Callable[[], None]) -> None:
    """Call `clean_up` when a signal ends the process, the last one given first. It must bear to be called at any moment."""
    _clean_ups.append(clean_up)


@contextmanager
def held() -> Iterator[None]:
    """Signals wait until the block is through: for what must not be left half done, and takes no time. Main thread only."""
    global _holders
    _holders += 1
    try:
        yield
    finally:
        _holders -= 1
        if _waiting and not _holders:
            _end(_waiting)


def _on_signal(number: int, frame: FrameType | None) -> None:
    global _waiting
    _waiting = _waiting or number
    if not _holders:
        _end(_waiting)


def _end(number: int) -> None:
    # A second signal must not begin the clean-up anew, nor cut it short.
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    for clean_up in reversed(_clean_ups):
        with suppress(Exception):  # the others are to be called too
            clean_up()
    _say(b"stapes: stopped\n")
    os._exit(128 + number)


def _say(line: bytes) -> None:
    """Past Python's own buffers, which the signal may have found half written; a progress bar's line and cursor are set right."""
    if sys.stderr is None:
        return
    with suppress(OSError):
        os.write(2, _CLEAR_LINE + line + _SHOW_CURSOR if os.isatty(2) else line)
