"""Scores of many recordings, in this process or in several."""

from __future__ import annotations

import functools
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver, resource_tracker

import numpy as np
import torch

from ..models import children, stopping
from ..models.audio.transform import SAMPLE_RATE
from ..models.errors import StapesError
from .metrics import METRICS, Score, scores

Task = tuple[np.ndarray, np.ndarray]

# Below this the start of a process, which imports torch, costs more than it saves.
TASKS_A_PROCESS = 12
SLOW_TASKS_A_PROCESS = 2
LONGEST_FOLDER = 64


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def score_all(
    tasks: Sequence[Task],
    jobs: int,
    progress: Callable[[int], None] = lambda done: None,
    names: Sequence[str] = tuple(METRICS),
    rate: int = SAMPLE_RATE,
) -> list[dict[str, Score]]:
    """`scores` of (clean, processed) pairs at `rate` Hz, in order; raises StapesError when a process dies.

    `jobs` is the largest number of processes; few tasks are scored here.
    """
    score = functools.partial(_score, names=tuple(names), rate=rate)
    jobs = min(jobs, len(tasks) // (TASKS_A_PROCESS if set(names) <= set(METRICS) else SLOW_TASKS_A_PROCESS))
    if jobs < 2:
        return _collect(map(score, tasks), progress)
    # Not fork: the runtimes loaded here have threads, which a forked process would be without.
    method = "forkserver" if _has_server() else "spawn"
    context = multiprocessing.get_context(method)
    _start_tracker()
    if method == "forkserver":
        context.set_forkserver_preload(["stapes.tools.metrics"])
        _start_server()
    stopping.at_stop(_end_processes)
    try:
        with ProcessPoolExecutor(jobs, context, initializer=_in_process) as pool:
            return _collect(pool.map(score, tasks), progress)
    except BrokenProcessPool:
        raise StapesError("a scoring process died, perhaps for want of memory; try again with --jobs 1") from None


def _collect(results: Iterable[dict[str, Score]], progress: Callable[[int], None]) -> list[dict[str, Score]]:
    collected = []
    for result in results:
        collected.append(result)
        progress(1)
    return collected


def _has_server() -> bool:
    """Whether a server can be had; the name of its socket, in the folder for temporary files, may have some hundred bytes."""
    room = len(os.fsencode(tempfile.gettempdir())) <= LONGEST_FOLDER
    return room and "forkserver" in multiprocessing.get_all_start_methods()


def _start_tracker() -> None:
    """What clears away the semaphores of a stopped run, without a word about it."""
    quiet = "ignore::UserWarning:multiprocessing.resource_tracker"
    sys.warnoptions.append(quiet)  # handed to the process as an option
    try:
        resource_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(quiet)


def _start_server() -> None:
    """The server, and so each process it makes, does not see Ctrl-C: this process tells of it, and ends the others."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _in_process() -> None:
    children.end_with_parent()
    torch.set_num_threads(1)


def _end_processes() -> None:
    for process in multiprocessing.active_children():
        process.kill()
    server = getattr(forkserver._forkserver, "_forkserver_pid", None)
    if server is not None:  # it may be importing, and would notice seconds later that it is alone
        os.kill(server, signal.SIGKILL)


def _score(task: Task, names: tuple[str, ...], rate: int) -> dict[str, Score]:
    return scores(*task, names, rate)
