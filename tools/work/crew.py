"""Workers, and independent pieces of work given to them: none, some processes of this machine, or those of a scheduler."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ...models.errors import Remark, StapesError
from . import worker

if TYPE_CHECKING:
    from distributed import Client, Future

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")

ALL_CORES = 0
ADDRESS = re.compile(r"tcp://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}")
# Given out at a time: many for each worker, few for the memory.
IN_FLIGHT = 256
# How long a scheduler, and then its first worker, may take to answer.
ANSWER_SECONDS = 10


@dataclass(frozen=True)
class Lost(Generic[Item]):
    """A piece whose worker died each time that it was tried."""

    item: Item
    reason: str = "each worker that ran it died"


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Crew:
    """At most `workers` processes on this machine, or all workers of a scheduler at `scheduler`, `tcp://HOST:PORT`.

    Used as a block. Nothing starts before work is given out that is worth it: until then, and with one worker, all is done here.
    Raises StapesError for an address of another form.

    >>> with Crew(1) as crew:
    ...     sorted(crew.each(pow, 2, [3, 4]))
    [(0, 8), (1, 16)]
    """

    workers: int = ALL_CORES
    scheduler: str | None = None
    _worth: int = field(default=0, init=False, repr=False)
    _client: Client | None = field(default=None, init=False, repr=False)
    _open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise StapesError(f"--workers {self.workers}: give a number of processes, or 0 for one for each core")
        if self.scheduler is not None and not ADDRESS.fullmatch(self.scheduler):
            raise StapesError(f"--scheduler {self.scheduler}: no address of a scheduler; give tcp://HOST:PORT")

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *error: object) -> None:
        self._client = None
        self._open.close()

    def connect(self, paths: Sequence[Path] = ()) -> None:
        """Meet the scheduler, where one was given: is it there, has it workers of this very stapes, do they see the `paths`?

        Raises StapesError where the answer is no. To be asked before the work.
        """
        if self.scheduler is None or self._client is not None:
            return
        client = self._open.enter_context(_connected(self.scheduler))
        _check_workers(client, self.scheduler, [os.path.abspath(path) for path in paths])
        self._client = client

    @property
    def met(self) -> int:
        """Workers of the scheduler, once `connect` has met them."""
        return len(_workers_of(self._client)) if self._client is not None else 0

    def worth(self, workers: int) -> None:
        """Start no more processes than that: the work is too little for more."""
        self._worth = max(workers, 1)

    def each(
        self,
        function: Callable[[Shared, Item], Result],
        shared: Shared,
        items: Sequence[Item],
    ) -> Iterator[tuple[int, Result | Lost[Item]]]:
        """`function(shared, item)` of each item with its place, as they come; `function` stands in a module of stapes.

        What the function raises is raised here. A piece whose worker dies is tried again, at the end alone, and is Lost when that dies too.
        """
        self.connect()
        if self._client is None:
            most = min(self.workers or available_cores(), self._worth or len(items), len(items))
            if most < 2:
                yield from ((place, function(shared, item)) for place, item in enumerate(items))
                return
            from .local import local_client

            self._client = self._open.enter_context(local_client(most))
        yield from _by_dask(self._client, function, shared, items)


def _by_dask(
    client: Client, function: Callable[[Shared, Item], Result], shared: Shared, items: Sequence[Item]
) -> Iterator[tuple[int, Result | Lost[Item]]]:
    """All at once; then, one by one, those that were with a worker when it died: which of them ended it is not known before."""
    piece = worker.Piece(function, worker.stamp())
    held = client.submit(worker.share, shared, pure=False)
    suspects = []
    for place, made in _given_out(client, piece, held, list(enumerate(items))):
        if isinstance(made, Lost):
            suspects.append(place)
        else:
            yield place, made
    for place in suspects:
        yield from _given_out(client, piece, held, [(place, items[place])])


def _given_out(
    client: Client, piece: worker.Piece, held: Future[Any], items: Sequence[tuple[int, Any]]
) -> Iterator[tuple[int, Any]]:
    from distributed import KilledWorker, as_completed

    waiting = iter(items)
    given: dict[object, tuple[int, Any]] = {}

    def give(most: int) -> Iterator[Future[Any]]:
        for place, item in itertools.islice(waiting, most):
            future = client.submit(worker.run_piece, piece, held, item, pure=False)
            given[future.key] = place, item
            yield future

    done = as_completed(list(give(IN_FLIGHT)), loop=client.loop)
    try:
        for future in done:
            place, item = given.pop(future.key)
            if future.status not in ("finished", "error"):
                raise StapesError(
                    "the scheduler has gone; run the same command again, which goes on where --results is given"
                )
            error = future.exception()
            if isinstance(error, KilledWorker):
                yield place, Lost(item)
            elif error is not None:
                raise error
            else:
                yield place, future.result()
            for more in give(1):
                done.add(more)
    finally:
        client.cancel(list(done.futures))


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Client]:
    from .local import quiet

    quiet()
    from distributed import Client
    from distributed.versions import VersionMismatchWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)  # told in our own words
            client = Client(address, timeout=ANSWER_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError):
        raise StapesError(
            f"--scheduler {address}: no scheduler answers there; start one with: dask scheduler --host HOST --port PORT"
        ) from None
    with client:
        yield client


def _workers_of(client: Client) -> dict[str, Any]:
    workers: dict[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    return workers


def _check_workers(client: Client, address: str, paths: Sequence[str]) -> None:
    try:
        client.wait_for_workers(1, timeout=ANSWER_SECONDS)
    except TimeoutError:
        raise StapesError(
            f"--scheduler {address}: has no workers; start them on each machine with: "
            f"dask worker {address} --nworkers auto --nthreads 1"
        ) from None
    ours = worker.versions()
    try:
        client.run_on_scheduler(worker.missing_paths, [])
    except (ImportError, AttributeError):
        raise StapesError(
            f"--scheduler {address}: has no stapes, or an older one; start it where {ours['stapes']} is installed"
        ) from None
    for name, theirs in sorted(client.run(worker.described, on_error="return").items()):
        if not isinstance(theirs, dict):
            raise StapesError(
                f"--scheduler {address}: the worker {name} has no stapes, or an older one; install {ours['stapes']} there"
            )
        for package, version in ours.items():
            if theirs.get(package) != version:
                raise StapesError(
                    f"--scheduler {address}: the worker {name} has {package} {theirs.get(package)}, here it is {version}; "
                    "install the same on every machine"
                )
    for name, missing in sorted(client.run(worker.missing_paths, list(paths)).items()):
        if missing:
            raise StapesError(
                f"--scheduler {address}: the worker {name} does not see {missing[0]}; put it where all machines see it by that name"
            )
    threads = {about["nthreads"] for about in _workers_of(client).values()}
    if threads - {1}:
        words = f"workers of {max(threads)} threads do one recording at a time; start them with --nworkers auto --nthreads 1"
        warnings.warn(words, Remark, stacklevel=2)
