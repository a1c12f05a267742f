"""`stapes train`: a GRU mask or GTCRN from a corpus and a recipe."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

from ..models.audio import SoundPath
from ..models.errors import StapesError
from ..models.files import sha256_of_file, staging
from .corpus.manifest import FILE_NAME, load_manifest
from .training import networks, precision, team
from .training.launch import run_workers
from .training.networks import Network
from .training.objective import FloatObjective, make_objective
from .training.pool import Batch, Pool
from .training.pruning import Pruner
from .training.recipe import Optimiser, Recipe, load_recipe
from .training.state import BEST_NAME, MODEL_NAME, Folder
from .training.team import ALONE, Team, Workers
from .training.validate import Validator
from .work.worker import versions

LOG_EVERY = 25
BAD_INPUT = 2  # exit code
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Order:
    """What the command was told."""

    recipe: Path
    corpus: Path
    output: Path
    start: Path | None = None
    save_every: int = 250
    stop_after: int | None = None
    device: str = "cpu"
    threads: int = 1
    mixed_precision: bool = False
    quiet: bool = False


def train(order: Order, workers: int = 1) -> None:
    """The command, whose options stand in `tools.cli.train`: here, as one of the processes of torchrun, or in processes started for it.

    Raises StapesError where something is missing, another training left the output folder, or a worker is lost.
    """
    if (place := team.started_by_torchrun()) is not None:
        if workers != 1:
            raise StapesError("--workers beside torchrun: leave it out, torchrun has started the workers already")
        _as_member(order, *place)
    elif workers == 1:
        work(order, ALONE)
    else:
        check(order, workers)
        run_workers(_as_member, order, workers)


def _as_member(order: Order, rank: int, workers: int, meet: str = team.TORCHRUN) -> None:
    """One process of several. The first one tells what all of them know."""
    networks.check_device_name(order.device)
    member = Workers(order.device, rank, workers, meet)
    try:
        member.agree(versions())
        work(order, member)
    except StapesError:
        if member.first:
            raise
        raise typer.Exit(BAD_INPUT) from None
    finally:
        member.leave()


def work(order: Order, member: Team) -> None:
    """One training, in one process or as one of the team. Raises StapesError as `train`."""
    torch.set_num_threads(order.threads)
    chosen, identity, place = member.everywhere(lambda: check(order, member.size))
    member.agree(identity)
    folder = member.everywhere(lambda: Folder(order.output, identity, member))
    training = Training(chosen, order.corpus, folder, order.start, place, member, order.mixed_precision)
    steps = chosen.optimiser.steps
    last = min(steps, order.stop_after if order.stop_after is not None else steps)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=order.quiet or not member.first) as progress:
        task = progress.add_task("training", total=last, completed=training.step)
        while training.step < last and not training.exhausted:
            training.run_step()
            scored = training.step % chosen.validation.every == 0 or training.step == steps
            if scored:
                training.validate()
            ended = training.step == last or training.exhausted
            if training.step % order.save_every == 0 or ended:
                training.save()
            if scored or ended:
                training.draw()
            progress.update(task, completed=training.step)


def check(order: Order, workers: int) -> tuple[Recipe, dict[str, Any], torch.device]:
    """Before anything is written: the recipe, what makes this training this one, and where it computes."""
    place = networks.device_named(order.device)
    chosen = load_recipe(order.recipe)
    if order.mixed_precision:
        precision.check(place, chosen)
    load_manifest(order.corpus).require_speech("train", "validation")
    _check_shares(chosen, workers)
    identity: dict[str, Any] = {"recipe": chosen.to_dict(), "corpus": _corpus_hash(order.corpus)}
    if order.start is not None:
        identity["from"] = _hash(order.start, "check the path")
    if order.mixed_precision:
        identity["mixed_precision"] = True
    if workers > 1:
        identity["workers"] = workers
    return chosen, identity, place


def _check_shares(recipe: Recipe, workers: int) -> None:
    batch, clips = recipe.optimiser.batch, recipe.data.chunk_clips
    if batch % workers:
        raise StapesError(
            f"optimiser.batch is {batch}, which {workers} workers cannot share evenly; give a multiple of {workers}"
        )
    if clips < workers:
        raise StapesError(
            f"data.chunk_clips is {clips}, fewer than the {workers} workers that make them; give {workers} or more"
        )
    if recipe.quantisation is not None and recipe.quantisation.imitate == "activations" and batch < 2 * workers:
        raise StapesError(f"optimiser.batch is {batch}; imitating activations takes 2 crops or more a worker")


class Training:
    """Network, optimiser, pool and folder of one training; `step` is the number of steps done."""

    def __init__(
        self,
        recipe: Recipe,
        corpus: Path,
        folder: Folder,
        start: Path | None = None,
        device: torch.device = _CPU,
        member: Team = ALONE,
        mixed: bool = False,
    ) -> None:
        self.recipe, self.folder, self.device, self.team = recipe, folder, device, member
        torch.manual_seed(recipe.seed)
        precision.choose(recipe.optimiser.bfloat16_products or mixed)
        model = member.everywhere(
            lambda: networks.make(recipe.model) if start is None else networks.started(start, recipe.model)
        )
        self.model = model.to(device)
        self.sound_path: SoundPath = recipe.model.sound_path()
        o = recipe.optimiser
        self.optimiser = torch.optim.AdamW(self.model.parameters(), o.learning_rate, weight_decay=o.weight_decay)
        self.pool = Pool(corpus, recipe, self.sound_path, member)
        on_gpu = mixed and device.type != "cpu"
        self.objective = member.everywhere(lambda: make_objective(recipe, self.model, member, on_gpu))
        self.pruner = None
        if (pruning := recipe.pruning) is not None:
            self.pruner = member.everywhere(lambda: Pruner(pruning, self.model))
        self.validator = member.everywhere(lambda: Validator(corpus, recipe, self.sound_path) if member.first else None)
        self.terms: list[dict[str, float]] = []
        self.step, kept = folder.resume(self.model, self.optimiser)
        self.average = networks.make(recipe.model).to(device)
        self.average.load_state_dict(kept["average"] if kept else self.model.state_dict())
        self.best: dict[str, float] = kept.get("best", {})
        if kept:
            self.objective.restore(kept)
            if self.pruner is not None:
                self.pruner.restore(kept["pruning"])
        self.loss = member.parallel(Loss(self.model, self.objective), device)
        if self.validator is not None and self.step == 0:
            before = self.validator.scores(None)
            folder.log({"step": 0, **{f"validation_{name}": value for name, value in before.items()}})

    def run_step(self) -> None:
        """One batch, one update of the weights."""
        rate = learning_rate(self.step, self.recipe.optimiser)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        # Dropout draws from the step, so that an interrupted training draws the same.
        draw = [self.recipe.seed, 2, self.step, *self.team.key()]
        torch.manual_seed(int(np.random.default_rng(draw).integers(2**31)))
        terms = self._update(self.pool.batch(self.step).to(self.device))
        self.step += 1
        self.terms.append(terms)
        if self.step % LOG_EVERY == 0:
            shares = self.team.gathered({name: float(np.mean([t[name] for t in self.terms])) for name in terms})
            means = {name: float(np.mean([share[name] for share in shares])) for name in terms}
            pruned = {"pruned": self.pruner.pruned} if self.pruner is not None else {}
            self.folder.log({"step": self.step, "learning_rate": rate, **means, **pruned})
            self.terms.clear()

    def _update(self, batch: Batch) -> dict[str, float]:
        self.model.train()
        self.optimiser.zero_grad()
        with team.reaching():
            loss, terms = self.loss(batch)
            loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.optimiser.gradient_norm)
        # Of several processes all see the norm, and one alone the loss.
        if not (torch.isfinite(loss) and torch.isfinite(norm)):
            raise StapesError(
                f"step {self.step}: the loss is {float(loss)}, of slope {float(norm)}; lower optimiser.learning_rate and start anew"
            )
        self.optimiser.step()
        self.objective.agree()
        if self.pruner is not None:
            self.pruner.choose(self.step + 1, self.model)
            self.pruner.apply(self.model)
        self._move_average()
        return {"loss": float(loss.detach()), "gradient_norm": float(norm), **terms}

    @torch.no_grad()
    def _move_average(self) -> None:
        """Early on the mean reaches less far back, so that the first weights do not linger in it."""
        past = min(self.recipe.optimiser.average, (1 + self.step) / (10 + self.step))
        for mean, now in zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True):
            # Statistics of BatchNorm belong to the weights they were taken with; its counters are integers.
            if mean.is_floating_point():
                mean.lerp_(now, 1.0 - past)
            else:
                mean.copy_(now)
        if self.pruner is not None:
            self.pruner.apply(self.average)  # where blocks were still weights before

    def validate(self) -> None:
        """Score the network as it would be stored, log the scores, keep the best one."""
        self.best = self.team.from_first(self._scored)

    def _scored(self) -> dict[str, float]:
        """What is best now."""
        assert self.validator is not None
        scores = self.validator.scores(self._stored())
        self.folder.log({"step": self.step, **{f"validation_{name}": value for name, value in scores.items()}})
        score = scores[self.recipe.validation.watch]
        if not self.best or score > self.best["score"]:
            self._write(BEST_NAME)
            return {"score": score, "step": self.step, "worse": 0}
        return {**self.best, "worse": self.best["worse"] + 1}

    @property
    def exhausted(self) -> bool:
        """So many scores in a row were no better than the best that the recipe's patience is at its end."""
        patience = self.recipe.validation.patience
        return patience > 0 and self.best.get("worse", 0) >= patience

    def save(self) -> None:
        """Keep the state, the network as a checkpoint, and the curves for TensorBoard."""
        self.team.from_first(self._save)

    def _save(self) -> None:
        kept = {**self.objective.state(), "average": self.average.state_dict(), "best": self.best}
        if self.pruner is not None:
            kept["pruning"] = self.pruner.state()
        self.folder.save(self.step, self.model, self.optimiser, kept)
        self._write(MODEL_NAME)
        self.folder.write_events()

    def draw(self) -> None:
        """Draw the curves, which takes a second."""
        self.team.from_first(self.folder.plot)

    def _write(self, name: str) -> None:
        with staging() as work:
            networks.save(work / name, self._stored(), self.sound_path, self.recipe.deployment, self.step)
            self.folder.write(name, (work / name).read_bytes())

    def _stored(self) -> Network:
        """The network of the checkpoint: after fine-tuning for integer arithmetic with its weights on the int8 grid."""
        average = networks.on_cpu(self.average)
        return average if self.recipe.quantisation is None else networks.snapped(average)


class Loss(nn.Module):
    """The objective as a module, whose parameters are those of the network: what PyTorch shares out among processes."""

    def __init__(self, model: Network, objective: FloatObjective) -> None:
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Loss, and the values for the log."""
        return self.objective(batch)


def learning_rate(step: int, optimiser: Optimiser) -> float:
    """Linear warm-up, then half a cosine to zero."""
    if step < optimiser.warmup_steps:
        return optimiser.learning_rate * (step + 1) / optimiser.warmup_steps
    done = (step - optimiser.warmup_steps) / max(optimiser.steps - optimiser.warmup_steps, 1)
    return optimiser.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))


def _corpus_hash(corpus: Path) -> str:
    return _hash(corpus / FILE_NAME, f"run `stapes corpus fetch {corpus}` first")


def _hash(file: Path, remedy: str) -> str:
    if not file.is_file():
        raise StapesError(f"{file}: no such file; {remedy}")
    return sha256_of_file(file)
