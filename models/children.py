"""Other programs that are called: compilers, emulators, package clients. None of them outlives this process.

A program runs in a session of its own. So Ctrl-C of a terminal does not reach it, and it is ended together with all that it
has started itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from . import stopping

_PR_SET_PDEATHSIG = 1

_running: set[subprocess.Popen[str] | subprocess.Popen[bytes]] = set()


def start(command: Sequence[str], *, cwd: str | os.PathLike[str] | None = None) -> subprocess.Popen[str]:
    """Start a program that has no standard input; whoever calls this calls `end` too. Raises OSError where it cannot be started."""
    with stopping.held():
        child = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        _running.add(child)
    return child


def end(child: subprocess.Popen[str]) -> tuple[str, str]:
    """End a program that `start` gave, where it still runs, and return what it said on both streams."""
    try:
        if child.poll() is None:
            _end(child)
        return child.communicate()
    finally:
        _running.discard(child)


def serve(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a program that answers bytes on standard output to bytes on standard input, until one of both processes ends.

    Raises OSError where it cannot be started.
    """
    with stopping.held():
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _running.add(child)
    return child


def forget(child: subprocess.Popen[bytes]) -> None:
    """What `serve` gave has ended."""
    _running.discard(child)


def run(
    command: Sequence[str], *, cwd: str | os.PathLike[str] | None = None, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return its exit code and what it said. It has no standard input.

    Raises subprocess.TimeoutExpired after `timeout` seconds, and OSError where the program cannot be started.
    """
    child = start(command, cwd=cwd)
    try:
        said, complained = child.communicate(timeout=timeout)
    except BaseException:
        _end(child)
        child.communicate()
        raise
    finally:
        _running.discard(child)
    return subprocess.CompletedProcess(list(command), child.returncode, said, complained)


def end_with_parent() -> None:
    """Called in a process: where the system can do it, the kernel ends it when the process that made it has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(child: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        child.kill()


def _end_all() -> None:
    for child in _running:
        _end(child)
        # So that it writes nothing more where is cleaned up next.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child.pid, 0)


stopping.at_stop(_end_all)
