"""Blocks of weights that become zeros: those of the smallest magnitude, ever more of them while training goes on.

The fraction grows fast at first and slowly at the end (Zhu and Gupta, To prune, or not to prune, 2017, equation 1). A
block that is zeros stays so.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...models.errors import StapesError
from .recipe import Pruning


class Pruner:
    """Which blocks of which matrices are kept: `kept` maps the name of a matrix (O, I) to bool (O / rows, I / columns)."""

    def __init__(self, settings: Pruning, model: nn.Module) -> None:
        """Raises StapesError for a name in `settings` that is no matrix of the network."""
        self.settings = settings
        matrices = {name: weights for name, weights in model.named_parameters() if weights.ndim == 2}
        for pattern in settings.matrices:
            if not any(fnmatchcase(name, pattern) for name in matrices):
                raise StapesError(f"pruning.matrices: no matrix is called {pattern!r}; there are {', '.join(matrices)}")
        self.kept: dict[str, Tensor] = {
            name: torch.ones_like(_magnitudes(weights, settings.block), dtype=torch.bool)
            for name, weights in matrices.items()
            if any(fnmatchcase(name, pattern) for pattern in settings.matrices)
        }

    def fraction(self, steps: int) -> float:
        """Of the blocks that are to be zeros after so many steps."""
        s = self.settings
        left = 1.0 - min(max((steps - s.first_step) / (s.last_step - s.first_step), 0.0), 1.0)
        return s.fraction * (1.0 - left**3)

    @property
    def pruned(self) -> float:
        """The fraction of the blocks that are zeros."""
        blocks = sum(kept.numel() for kept in self.kept.values())
        return 1.0 - sum(int(kept.sum()) for kept in self.kept.values()) / blocks

    @torch.no_grad()
    def choose(self, steps: int, model: nn.Module) -> None:
        """Choose the blocks after `steps` steps, where the schedule has them chosen then."""
        s = self.settings
        due = s.first_step < steps <= s.last_step and ((steps - s.first_step) % s.every == 0 or steps == s.last_step)
        if not due:
            return
        fraction, weights = self.fraction(steps), dict(model.named_parameters())
        for name, kept in self.kept.items():
            # The optimiser moved blocks of zeros too.
            magnitudes = _magnitudes(weights[name], s.block).masked_fill(~kept, -1.0).flatten()
            count = round(fraction * len(magnitudes))
            kept.view(-1)[magnitudes.argsort(stable=True)[:count]] = False

    @torch.no_grad()
    def apply(self, model: nn.Module) -> None:
        """Set the weights of all blocks that are not kept to zero."""
        weights = dict(model.named_parameters())
        for name, kept in self.kept.items():
            rows, columns = weights[name].shape
            whole = kept.repeat_interleave(self.settings.block[0], 0).repeat_interleave(self.settings.block[1], 1)
            weights[name].masked_fill_(~whole[:rows, :columns], 0.0)

    def state(self) -> dict[str, Tensor]:
        """What a resumed training needs."""
        return self.kept

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take back what `state` gave."""
        for name, kept in self.kept.items():
            kept.copy_(state[name])


def _magnitudes(weights: Tensor, block: tuple[int, ...]) -> Tensor:
    """Sums of squares of the blocks of a matrix (O, I), those at its end filled up with zeros."""
    rows, columns = block
    filled = functional.pad(weights.detach(), (0, -weights.shape[1] % columns, 0, -weights.shape[0] % rows))
    return filled.unflatten(1, (-1, columns)).unflatten(0, (-1, rows)).square().sum((1, 3))
