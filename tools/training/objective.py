"""What a step minimises: the task alone, or the task and the likeness of the float and the integer network."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor

from ...models.gru_mask import GruMask
from ...models.gtcrn import Gtcrn, features_of
from . import recurrence
from .fake_quant import FakeQuantisedMask, Ranges
from .integer import IntegerForward
from .loss import Resynthesis, SpeechLoss
from .networks import Network
from .pool import Batch
from .recipe import Quantisation, Recipe
from .team import ALONE, Team

# Steps between two calibrations of the integer graph, and the crops of a batch that one sees.
CALIBRATE_EVERY, CALIBRATION_CROPS = 50, 8


class FloatObjective:
    """The task loss of the network.

    `mixed`: on a GPU the network's products are in bfloat16; the loss is in float32 as ever.
    """

    def __init__(self, recipe: Recipe, model: Network, team: Team = ALONE, mixed: bool = False) -> None:
        self.model, self.team, self.mixed = model, team, mixed
        device = next(model.parameters()).device
        self.resynthesis = Resynthesis(recipe.model.sound_path()).to(device)
        self.task = SpeechLoss(recipe.loss).to(device)

    def __call__(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Loss, and the values for the log."""
        return self._task(batch, self._mask(batch))

    def _mask(self, batch: Batch) -> Tensor:
        features = batch.features
        if isinstance(self.model, Gtcrn):
            spectrum = self.resynthesis.spectrum(batch)
            features = features_of(spectrum.real, spectrum.imag)
        rounded = torch.autocast(features.device.type, torch.bfloat16) if self.mixed else contextlib.nullcontext()
        with rounded:
            made = self.model(features)[0] if isinstance(self.model, Gtcrn) else recurrence.mask(self.model, features)
        return made.float()

    def _task(self, batch: Batch, mask: Tensor) -> tuple[Tensor, dict[str, float]]:
        return self.task(self.resynthesis(batch, mask), batch.clean, batch.noisy)

    def agree(self) -> None:
        """What was measured besides the gradients becomes the same in all processes; to be called after each step."""

    def state(self) -> dict[str, Any]:
        """What a resumed training needs."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""


class BoundedObjective(FloatObjective):
    """The task loss of the network with int8 weights, and what keeps the sums in front of its gates within reach."""

    def __init__(self, recipe: Recipe, model: GruMask, team: Team = ALONE, mixed: bool = False) -> None:
        super().__init__(recipe, model, team, mixed)
        q = recipe.quantisation
        assert q is not None
        self.settings: Quantisation = q
        self.network = FakeQuantisedMask(model, Ranges(), q.term_reach, q.gate_reach, q.candidate_reach, watched=8)

    def __call__(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        mask = self.network(batch.features, int8=False)
        excess = self.network.excess
        loss, terms = self._task(batch, mask)
        return loss + self.settings.reach_weight * excess, {**terms, "excess": float(excess.detach())}


class QuantisedObjective(FloatObjective):
    """The task loss of the network with int8 weights, with float and with int8 activations, and the SNR between the two.

    One half of the crops has its features in int8 as recipe w8a8, the other in float in place of the int16 of
    w8a8_features16.
    """

    def __init__(self, recipe: Recipe, model: GruMask, team: Team = ALONE, mixed: bool = False) -> None:
        super().__init__(recipe, model, team, mixed)
        q = recipe.quantisation
        assert q is not None
        self.settings: Quantisation = q
        self.network = FakeQuantisedMask(model, Ranges(), q.term_reach, q.gate_reach, q.candidate_reach)

    def __call__(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        q = self.settings
        features_int8 = torch.arange(len(batch.features), device=batch.features.device) % 2 == 1
        mask = self.network(batch.features, int8=False)
        excess = self.network.excess
        coarse = self.network(batch.features, int8=True, features_int8=features_int8)
        loss, terms = self._task(batch, mask)
        coarse_loss, coarse_terms = self._task(batch, coarse)
        snr = {
            "snr_features16_db": _snr_db(mask[~features_int8], coarse[~features_int8], q.snr_limit_db),
            "snr_db": _snr_db(mask[features_int8], coarse[features_int8], q.snr_limit_db),
        }
        whole = loss + coarse_loss - q.snr_weight * sum(snr.values()) + q.reach_weight * excess
        terms |= {f"int8_{name}": value for name, value in coarse_terms.items()}
        terms |= {name: float(value.detach()) for name, value in snr.items()}
        return whole, {**terms, "excess": float(excess.detach())}

    def agree(self) -> None:
        seen = self.team.gathered(self.network.ranges.values)
        self.network.ranges.values = {
            name: [sum(ends) / len(seen) for ends in zip(*(values[name] for values in seen), strict=True)]
            for name in seen[0]
        }

    def state(self) -> dict[str, Any]:
        return {"ranges": self.network.ranges.values}

    def restore(self, state: dict[str, Any]) -> None:
        self.network.ranges.values = state["ranges"]


class EngineObjective(BoundedObjective):
    """The task loss of the network with int8 weights in float and as the integer graph computes it, and the SNR between the two."""

    def __init__(self, recipe: Recipe, model: GruMask, team: Team = ALONE, mixed: bool = False) -> None:
        super().__init__(recipe, model, team, mixed)
        self.integer = IntegerForward(model, self.settings.recipe)
        self.age = 0

    def __call__(self, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        q = self.settings
        if self.age % CALIBRATE_EVERY == 0:
            self.integer.restore(self.team.from_first(lambda: self._calibrated(batch)))
        self.age += 1
        mask = self.network(batch.features, int8=False)
        excess, coarse = self.network.excess, self.integer(batch.features)
        loss, terms = self._task(batch, mask)
        coarse_loss, coarse_terms = self._task(batch, coarse)
        snr = _snr_db(mask, coarse, q.snr_limit_db)
        terms |= {f"int8_{name}": value for name, value in coarse_terms.items()}
        terms |= {"snr_db": float(snr.detach()), "excess": float(excess.detach())}
        return loss + coarse_loss - q.snr_weight * snr + q.reach_weight * excess, terms

    def _calibrated(self, batch: Batch) -> list[list[Any]]:
        self.integer.calibrate(batch.features[:CALIBRATION_CROPS])
        return self.integer.formats()

    def state(self) -> dict[str, Any]:
        return {"age": self.age, "formats": self.integer.formats()}

    def restore(self, state: dict[str, Any]) -> None:
        self.age = state["age"]
        self.integer.restore(state["formats"])


def _snr_db(mask: Tensor, coarse: Tensor, limit_db: float) -> Tensor:
    """Mean over the crops of masks (B, T, K); saturates at the limit, beyond which nothing is gained."""
    signal = mask.square().mean((1, 2)).detach().clamp(min=1e-6)
    noise = (coarse - mask).square().mean((1, 2))
    return -10.0 * torch.log10(noise / signal + 10.0 ** (-limit_db / 10.0)).mean()


def make_objective(recipe: Recipe, model: Network, team: Team = ALONE, mixed: bool = False) -> FloatObjective:
    """What the recipe asks for; only a GRU mask can be trained for integer arithmetic."""
    if recipe.quantisation is None or isinstance(model, Gtcrn):
        return FloatObjective(recipe, model, team, mixed)
    kinds = {"weights": BoundedObjective, "activations": QuantisedObjective, "engine": EngineObjective}
    return kinds[recipe.quantisation.imitate](recipe, model, team, mixed)
