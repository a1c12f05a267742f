"""Processes on this machine that train together, as torchrun would start them: for `--workers`."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

from ...models import children
from ...models.errors import StapesError
from ..work.local import end_at_stop, signals_blocked

Order = TypeVar("Order")

# After one has ended without success: the others see by themselves that it has gone.
GRACE_SECONDS = 10.0
LOST = "run the same command again, which goes on where the training was last saved"


def run_workers(function: Callable[[Order, int, int, str], None], order: Order, workers: int) -> None:
    """`function(order, rank, workers, place where they meet)` in as many processes; this one waits for them.

    Raises StapesError as the first of them raised it, or where one of them died.
    """
    end_at_stop()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="team-", ignore_cleanup_errors=True) as folder:
        meet = f"{(Path(folder) / 'meet').as_uri()}"
        started: list[tuple[BaseProcess, Connection]] = []
        try:
            with signals_blocked():
                for rank in range(workers):
                    told, tell = context.Pipe(duplex=False)
                    process: BaseProcess = context.Process(
                        target=_run, args=(function, order, rank, workers, meet, tell)
                    )
                    process.start()
                    tell.close()
                    started.append((process, told))
            _watch([process for process, _ in started])
            _tell_fault(started)
        finally:
            for process, told in started:
                process.kill()
                process.join()
                told.close()


def _watch(processes: list[BaseProcess]) -> None:
    """Until all have ended, or one has failed and the others had the time to see it."""
    running = {process.sentinel: process for process in processes}
    seconds: float | None = None
    while running:
        ended = wait(list(running), timeout=seconds)
        if not ended:
            return
        for sentinel in ended:
            process = running.pop(int(sentinel))  # type: ignore[arg-type]
            process.join()
            if process.exitcode:
                seconds = GRACE_SECONDS


def _tell_fault(started: list[tuple[BaseProcess, Connection]]) -> None:
    codes = [process.exitcode for process, _ in started]
    ended = [(rank, code) for rank, code in enumerate(codes) if code is not None and code < 0]
    if ended:
        # A worker may abort when the one that it waits for is gone: that one is named.
        rank, number = min(ended, key=lambda one: (one[1] == -signal.SIGABRT, one[0]))
        raise StapesError(f"worker {rank} of the training was ended ({_name_of(-number)}); {LOST}")
    for _, told in started:
        with contextlib.suppress(EOFError, OSError):
            if told.poll():
                raise StapesError(told.recv())
    for rank, code in enumerate(codes):
        if code != 0:
            raise StapesError(f"worker {rank} of the training came to no end (exit code {code}); {LOST}")


def _name_of(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


def _run(function: Callable[..., None], order: Any, rank: int, workers: int, meet: str, tell: Connection) -> None:
    """In the process: at its end nothing is said but to the one that started it."""
    children.end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in (name for _, name in socket.if_nameindex() if name.startswith("lo")):
        os.environ["GLOO_SOCKET_IFNAME"] = name
    try:
        function(order, rank, workers, meet)
    except StapesError as error:
        if rank == 0:
            tell.send(str(error))
        sys.exit(2)
    except Exception:
        traceback.print_exc()
        sys.exit(70)
