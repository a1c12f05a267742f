"""Several processes that train one network: each with its share of the crops, all with the same weights.

torchrun starts the processes, and says in their environment how many there are; so does `launch` on one machine.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from ...models.errors import StapesError

Value = TypeVar("Value")

# What torchrun sets; RANK and WORLD_SIZE together make a process one of several.
RANK, SIZE, LOCAL_RANK, ADDRESS, PORT = "RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"
TORCHRUN = "env://"
# How long the processes may take to meet, and how long one may wait for another: the first scores the network meanwhile.
MEET, WAIT = datetime.timedelta(minutes=2), datetime.timedelta(minutes=30)
# Gloo for what lies in the memory of the processor, NCCL for what lies on GPUs.
TRANSPORTS = ("gloo", "Gloo", "NCCL", "Connection")
BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}


class Gone(StapesError):
    """Another process of the training has ended, or cannot be reached any more."""


class Team:
    """`size` processes, of which this is number `rank`. This class is a training in one process, where nothing is exchanged."""

    rank, size = 0, 1

    @property
    def first(self) -> bool:
        """Whether this process writes the files and speaks to the user."""
        return self.rank == 0

    def share(self, whole: int) -> int:
        """How many of `whole` pieces are this process's."""
        return whole * (self.rank + 1) // self.size - whole * self.rank // self.size

    def key(self) -> list[int]:
        """What the seed of a draw has besides: nothing for one process, so that it draws as ever."""
        return []

    def everywhere(self, what: Callable[[], Value]) -> Value:
        """`what()` of each process. Where it raises StapesError in one of them, all raise it."""
        return what()

    def from_first(self, what: Callable[[], Value]) -> Value:
        """`what()` of the first process, for all."""
        return what()

    def gathered(self, value: Value) -> list[Value]:
        """The value of each process, in their order."""
        return [value]

    def agree(self, about: Mapping[str, Any]) -> None:
        """Raises StapesError in all processes where one has something else there than the first."""

    def parallel(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The module, whose gradients are then the means over all processes."""
        return model

    def leave(self) -> None:
        """Speak to the others no more."""


ALONE = Team()


class Workers(Team):
    """Several processes, which meet at `meet`: a URL of torch.distributed."""

    def __init__(self, device: str, rank: int, size: int, meet: str) -> None:
        """Raises StapesError where the others do not come."""
        self.rank, self.size = rank, size
        try:
            store, _, _ = next(iter(rendezvous(meet, rank, size, timeout=MEET)))
            dist.init_process_group(BACKENDS[device], store=store, rank=rank, world_size=size, timeout=WAIT)
        except (RuntimeError, ValueError) as error:
            place = f" at {os.environ.get(ADDRESS)}:{os.environ.get(PORT)}" if meet == TORCHRUN else ""
            raise StapesError(
                f"worker {rank} of {size}: the first worker does not answer{place}, or others do not come "
                f"({_first_line(error)}); start all of them within {MEET.seconds // 60} minutes, by the same address"
            ) from None

    def key(self) -> list[int]:
        return [self.rank, self.size]

    def everywhere(self, what: Callable[[], Value]) -> Value:
        made, fault = _tried(what)
        for number, (host, said) in enumerate(self.gathered((socket.gethostname(), fault))):
            if said is not None:
                raise StapesError(said if number == 0 else f"worker {number} on {host}: {said}")
        return cast(Value, made)

    def from_first(self, what: Callable[[], Value]) -> Value:
        told = [_tried(what) if self.first else None]
        with reaching():
            dist.broadcast_object_list(told, src=0)
        made, fault = cast(tuple[Value, str | None], told[0])
        if fault is not None:
            raise StapesError(fault)
        return made

    def gathered(self, value: Value) -> list[Value]:
        values: list[Any] = [None] * self.size
        with reaching():
            dist.all_gather_object(values, value)
        return values

    def agree(self, about: Mapping[str, Any]) -> None:
        told = self.gathered((socket.gethostname(), dict(about)))
        ours = told[0][1]
        for number, (host, theirs) in enumerate(told):
            for what in sorted(ours.keys() | theirs.keys()):
                if theirs.get(what) != ours.get(what):
                    raise StapesError(
                        f"worker {number} on {host} has another {what} than the first worker{_both(theirs.get(what), ours.get(what))}; "
                        "give every machine the same"
                    )

    def parallel(self, model: nn.Module, device: torch.device) -> nn.Module:
        with reaching():
            made = DistributedDataParallel(model, [device] if device.type == "cuda" else None)
        # A function without annotations, as PyTorch compares them to classes, and ours are text.
        made.register_comm_hook(None, lambda _state, bucket: _mean(bucket.buffer()))
        return made

    def leave(self) -> None:
        # Where another one has gone nobody answers.
        with contextlib.suppress(RuntimeError):
            dist.destroy_process_group()


@contextlib.contextmanager
def reaching() -> Iterator[None]:
    """A block that speaks to the other processes: what torch raises where one has ended becomes Gone."""
    try:
        yield
    except RuntimeError as error:
        # Gloo tells of a lost connection by a plain RuntimeError.
        if not isinstance(error, dist.DistError) and not any(word in str(error) for word in TRANSPORTS):
            raise
        raise Gone(
            "another worker of the training has ended, or cannot be reached; run the same command again, which goes on where "
            f"the training was last saved ({_first_line(error)})"
        ) from None


def _mean(own: Tensor) -> torch.futures.Future[Tensor]:
    """The mean of gradients (N,) over all processes, summed in the order of the processes: any transport and any cut into buckets gives the same bits."""
    size = dist.get_world_size()
    parts = own.new_empty(size, len(own))
    work = dist.all_gather(list(parts.unbind()), own, async_op=True)
    assert work is not None

    def summed(_done: torch.futures.Future[list[Tensor]]) -> Tensor:
        total = parts[0]
        for part in parts[1:]:
            total += part
        return total / size

    return work.get_future().then(summed)


def started_by_torchrun() -> tuple[int, int] | None:
    """Number of this process and how many there are, where it is one of several; raises StapesError where they do not fit."""
    if RANK not in os.environ or os.environ.get(SIZE, "1") == "1":
        return None
    rank, size = _number(RANK, 0), _number(SIZE, 1)
    if rank >= size or not os.environ.get(ADDRESS) or not os.environ.get(PORT):
        raise StapesError(
            f"{RANK} and {SIZE} are set, but {ADDRESS} and {PORT} do not say where {size} workers meet; start them with torchrun"
        )
    return rank, size


def device_of(name: str) -> torch.device:
    """A device by its kind: on a machine of several GPUs each process has its own. Raises StapesError where there are too few."""
    if name != "cuda":
        return torch.device(name)
    place, there = _number(LOCAL_RANK, 0) if LOCAL_RANK in os.environ else 0, torch.cuda.device_count()
    if place >= there:
        raise StapesError(
            f"worker {place} of this machine has no GPU of its own, there are {there}; start fewer workers here"
        )
    torch.cuda.set_device(place)
    return torch.device(name, place)


def _number(name: str, least: int) -> int:
    value = os.environ.get(name, "")
    if not value.isdecimal() or int(value) < least:
        raise StapesError(
            f"{name} is {value[:40]!r}, which torchrun sets to a number; start the training with torchrun"
        )
    return int(value)


def _tried(what: Callable[[], Value]) -> tuple[Value | None, str | None]:
    try:
        return what(), None
    except StapesError as error:
        return None, str(error)


def _both(theirs: object, ours: object) -> str:
    """Two versions are told, longer things not."""
    short = isinstance(theirs, str) and isinstance(ours, str) and len(theirs + ours) < 40
    return f" ({theirs}, not {ours})" if short else ""


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:160]
