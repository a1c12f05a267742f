"""Worker processes on this machine: they talk over the loopback address, and none outlives this process."""

from __future__ import annotations

import contextlib
import functools
import logging
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any

from ...firmware_sim.engines.program import OBJECTS
from ...models import stopping

if TYPE_CHECKING:
    from distributed import Client

LOOPBACK = "127.0.0.1"
# What Dask does by the clock in each process, to draw how busy it is: nobody looks.
UNWATCHED = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
}
# Of the folder for what the workers put down; it lies among the temporary files.
FOLDER = "workers-"


@contextlib.contextmanager
def local_client(workers: int) -> Iterator[Client]:
    """A client of as many worker processes, each of one thread, that end with the block."""
    quiet()
    import dask
    from distributed import Client, Nanny, Scheduler, SpecCluster

    from .plugin import EndsWithParent

    _start_tracker()
    end_at_stop()
    # Only the loopback address is listened at, also by what tells of a worker's health; no page is served.
    common = {"host": LOOPBACK, "dashboard": False, "dashboard_address": f"{LOOPBACK}:0"}
    with (
        tempfile.TemporaryDirectory(prefix=FOLDER, ignore_cleanup_errors=True) as folder,
        dask.config.set(UNWATCHED),
        contextlib.ExitStack() as stack,
    ):
        options: dict[str, Any] = {
            **common,
            "nthreads": 1,
            "memory_limit": None,
            "local_directory": folder,
            "plugins": [EndsWithParent()],
            "env": {OBJECTS: os.path.join(folder, "objects")},
            "silence_logs": logging.CRITICAL,
        }
        scheduler = {"cls": Scheduler, "options": {**common, "port": 0, "allowed_failures": 0}}
        specification = {place: {"cls": Nanny, "options": options} for place in range(workers)}
        with signals_blocked():
            cluster = stack.enter_context(
                SpecCluster(scheduler=scheduler, workers=specification, silence_logs=logging.CRITICAL)
            )
        yield stack.enter_context(Client(cluster, set_as_default=False))


def quiet() -> None:
    """Dask speaks of each process that comes and goes; what matters is told by an error of ours."""
    import distributed  # noqa: F401  which sets the levels when it is imported

    for name in ("distributed", "tornado", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


@contextlib.contextmanager
def signals_blocked() -> Iterator[None]:
    """Threads and processes begun in the block do not see Ctrl-C: this process tells of it, and ends the others."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_tracker() -> None:
    """What clears away the semaphores of a stopped run, without a word about it."""
    quietly = "ignore::UserWarning:multiprocessing.resource_tracker"
    sys.warnoptions.append(quietly)  # handed to the process as an option
    try:
        resource_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(quietly)


@functools.cache
def end_at_stop() -> None:
    """A signal that ends this process ends those that multiprocessing has started for it."""
    stopping.at_stop(_end_processes)


def _end_processes() -> None:
    for process in multiprocessing.active_children():
        process.kill()
        if process.pid is not None:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, 0)
