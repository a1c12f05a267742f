"""`stapes train`: a GRU mask or GTCRN from a corpus and a recipe."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..models.audio import SoundPath
from ..models.errors import StapesError
from ..models.files import sha256_of_file, staging
from .corpus.manifest import FILE_NAME, load_manifest
from .training import networks
from .training.networks import Network
from .training.objective import make_objective
from .training.pool import Batch, Pool
from .training.pruning import Pruner
from .training.recipe import Optimiser, Recipe, load_recipe
from .training.state import BEST_NAME, MODEL_NAME, Folder
from .training.validate import Validator

LOG_EVERY = 25
_CPU = torch.device("cpu")


def train(
    recipe: Path,
    corpus: Path,
    output: Path,
    *,
    start: Path | None,
    save_every: int,
    stop_after: int | None,
    device: str,
    threads: int,
    quiet: bool,
) -> None:
    """The command, whose options stand in `tools.cli.train`."""
    torch.set_num_threads(threads)
    place = networks.device_named(device)
    chosen = load_recipe(recipe)
    load_manifest(corpus).require_speech("train", "validation")
    identity = {"recipe": chosen.to_dict(), "corpus": _corpus_hash(corpus)}
    if start is not None:
        identity["from"] = _hash(start, "check the path")
    training = Training(chosen, corpus, Folder(output, identity), start, place)
    last = min(chosen.optimiser.steps, stop_after if stop_after is not None else chosen.optimiser.steps)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        task = progress.add_task("training", total=last, completed=training.step)
        while training.step < last and not training.exhausted:
            training.run_step()
            if training.step % chosen.validation.every == 0 or training.step == chosen.optimiser.steps:
                training.validate()
            if training.step % save_every == 0 or training.step == last or training.exhausted:
                training.save()
            progress.update(task, completed=training.step)


class Training:
    """Network, optimiser, pool and folder of one training; `step` is the number of steps done."""

    def __init__(
        self,
        recipe: Recipe,
        corpus: Path,
        folder: Folder,
        start: Path | None = None,
        device: torch.device = _CPU,
    ) -> None:
        self.recipe, self.folder, self.device = recipe, folder, device
        torch.manual_seed(recipe.seed)
        torch.backends.mkldnn.matmul.fp32_precision = "bf16" if recipe.optimiser.bfloat16_products else "ieee"  # type: ignore[attr-defined]
        model = networks.make(recipe.model) if start is None else networks.started(start, recipe.model)
        self.model = model.to(device)
        self.sound_path: SoundPath = recipe.model.sound_path()
        o = recipe.optimiser
        self.optimiser = torch.optim.AdamW(self.model.parameters(), o.learning_rate, weight_decay=o.weight_decay)
        self.pool = Pool(corpus, recipe, self.sound_path)
        self.objective = make_objective(recipe, self.model)
        self.pruner = Pruner(recipe.pruning, self.model) if recipe.pruning is not None else None
        self.validator = Validator(corpus, recipe, self.sound_path)
        self.terms: list[dict[str, float]] = []
        self.step, kept = folder.resume(self.model, self.optimiser)
        self.average = networks.make(recipe.model).to(device)
        self.average.load_state_dict(kept["average"] if kept else self.model.state_dict())
        self.best: dict[str, float] = kept.get("best", {})
        if kept:
            self.objective.restore(kept)
            if self.pruner is not None:
                self.pruner.restore(kept["pruning"])
        if self.step == 0:
            before = self.validator.scores(None)
            folder.log({"step": 0, **{f"validation_{name}": value for name, value in before.items()}})

    def run_step(self) -> None:
        """One batch, one update of the weights."""
        rate = learning_rate(self.step, self.recipe.optimiser)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        # Dropout draws from the step, so that an interrupted training draws the same.
        torch.manual_seed(int(np.random.default_rng([self.recipe.seed, 2, self.step]).integers(2**31)))
        terms = self._update(self.pool.batch(self.step).to(self.device))
        self.step += 1
        self.terms.append(terms)
        if self.step % LOG_EVERY == 0:
            means = {name: float(np.mean([t[name] for t in self.terms])) for name in terms}
            pruned = {"pruned": self.pruner.pruned} if self.pruner is not None else {}
            self.folder.log({"step": self.step, "learning_rate": rate, **means, **pruned})
            self.terms.clear()

    def _update(self, batch: Batch) -> dict[str, float]:
        self.model.train()
        loss, terms = self.objective(batch)
        if not torch.isfinite(loss):
            raise StapesError(
                f"step {self.step}: the loss is {float(loss)}; lower optimiser.learning_rate and start anew"
            )
        self.optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.optimiser.gradient_norm)
        self.optimiser.step()
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
        scores = self.validator.scores(self._stored())
        self.folder.log({"step": self.step, **{f"validation_{name}": value for name, value in scores.items()}})
        score = scores[self.recipe.validation.watch]
        if not self.best or score > self.best["score"]:
            self.best = {"score": score, "step": self.step, "worse": 0}
            self._write(BEST_NAME)
        else:
            self.best["worse"] += 1

    @property
    def exhausted(self) -> bool:
        """So many scores in a row were no better than the best that the recipe's patience is at its end."""
        patience = self.recipe.validation.patience
        return patience > 0 and self.best.get("worse", 0) >= patience

    def save(self) -> None:
        """Keep the state, the network as a checkpoint, and the curves."""
        kept = {**self.objective.state(), "average": self.average.state_dict(), "best": self.best}
        if self.pruner is not None:
            kept["pruning"] = self.pruner.state()
        self.folder.save(self.step, self.model, self.optimiser, kept)
        self._write(MODEL_NAME)
        self.folder.plot()

    def _write(self, name: str) -> None:
        with staging() as work:
            networks.save(work / name, self._stored(), self.sound_path, self.recipe.deployment, self.step)
            self.folder.write(name, (work / name).read_bytes())

    def _stored(self) -> Network:
        """The network of the checkpoint: after fine-tuning for integer arithmetic with its weights on the int8 grid."""
        average = networks.on_cpu(self.average)
        return average if self.recipe.quantisation is None else networks.snapped(average)


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
