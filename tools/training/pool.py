"""Pairs in memory with their Wiener gains and features: the state machine runs once a pair, over many pairs at once.

N pairs a chunk, S samples, T frames, K bins, F features; B crops a batch, of t frames.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...models.audio import SoundPath
from ...models.sound_files import q15_to_float
from ..corpus.mix import Material, Plan, planned
from .analysis import analyse
from .augment import pair, source_seconds
from .recipe import GtcrnModel, Recipe
from .team import ALONE, Team


class Chunk(NamedTuple):
    """N pairs: noisy (N, S) int16, clean (N, S) float32, features (N, T, F), and the gain under the mask (N, T, K) float32.

    Of GTCRN F and K are 0: what it sees is in the noisy samples of a crop alone.
    """

    noisy_q15: np.ndarray
    clean: np.ndarray
    features: np.ndarray
    gain: np.ndarray


class Batch(NamedTuple):
    """B crops of t frames, float32.

    features (B, t, F), gain under the mask (B, t, K), both empty for GTCRN; noisy (B, analysis - hop + t * hop), which is what the t frames look at;
    clean (B, (t - 1) * hop), which is what the output should be once the first hop of it is dropped.
    """

    features: Tensor
    gain: Tensor
    noisy: Tensor
    clean: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(part.to(device) for part in self))


class Pool:
    """A ring of chunks: chunk number i (0, 1, 2, ...) depends on the corpus, the recipe and i alone.

    Of the corpus only its list is held; what a chunk needs of the recordings is read when it is made. Of several processes each
    makes its share of the pairs, and its share of the crops from them.
    """

    def __init__(self, corpus: Path, recipe: Recipe, sound_path: SoundPath, team: Team = ALONE) -> None:
        self.corpus, self.recipe, self.sound_path, self.team = corpus, recipe, sound_path, team
        self.chunks: dict[int, Chunk] = {}

    def at_step(self, step: int) -> list[int]:
        """Numbers of the chunks that step `step` draws from."""
        first = step // self.recipe.data.renew_steps
        return list(range(first, first + self.recipe.data.chunks))

    def batch(self, step: int) -> Batch:
        """The crops of a step: the same for the same step, whether or not the training was interrupted before it."""
        numbers = self.at_step(step)
        for number in set(self.chunks) - set(numbers):
            del self.chunks[number]
        for number in numbers:
            if number not in self.chunks:
                self.chunks[number] = self._make(number)
        rng = np.random.default_rng([self.recipe.seed, 1, step, *self.team.key()])
        own = self.team.share(self.recipe.optimiser.batch)
        crops = [self._crop(self.chunks[int(rng.choice(numbers))], rng) for _ in range(own)]
        return Batch(*(torch.from_numpy(np.stack(parts)) for parts in zip(*crops, strict=True)))

    def _make(self, number: int) -> Chunk:
        data = self.recipe.data
        rng = np.random.default_rng([self.recipe.seed, 0, number, *self.team.key()])
        plan, material = self._sources
        plan = dataclasses.replace(plan, seed=int(rng.integers(2**31)))
        sources = [plan.pair(material, index) for index in range(self.team.share(data.chunk_clips))]
        pairs = [pair(source, sources[i - 1], data, rng) for i, source in enumerate(sources)]
        noisy_q15, clean = (np.stack(parts) for parts in zip(*pairs, strict=True))
        return Chunk(noisy_q15, clean, *self._analyse(noisy_q15))

    @functools.cached_property
    def _sources(self) -> tuple[Plan, Material]:
        """What speech and noise are drawn from: the list of a large corpus takes seconds to read."""
        data = self.recipe.data
        plan = planned(self.corpus, "train", data.chunk_clips, source_seconds(data), [0.0], seed=0)
        return plan, plan.material()

    def _analyse(self, noisy_q15: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Noisy (N, S) -> features (N, T, F) and gain (N, T, K) float32."""
        if isinstance(self.recipe.model, GtcrnModel):
            empty = np.empty((len(noisy_q15), -(-noisy_q15.shape[1] // self.sound_path.hop), 0), np.float32)
            return empty, empty
        analysed = analyse(q15_to_float(noisy_q15), self.sound_path, self.recipe.data.front_end)
        # No filter, no gain.
        gain = self.sound_path.filter.under(analysed.get("gain", np.ones(analysed["spectrum"].shape)))
        return analysed["features"].astype(np.float32), gain.astype(np.float32)

    def _crop(self, chunk: Chunk, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        hop = self.sound_path.hop
        before = self.sound_path.transform.analysis - hop
        frames = round(self.recipe.data.crop_seconds * self.sound_path.sample_rate) // hop
        index = int(rng.integers(len(chunk.clean)))
        start = int(rng.integers(chunk.gain.shape[1] - frames + 1))
        noisy = np.pad(q15_to_float(chunk.noisy_q15[index]), (before, 0))
        return (
            chunk.features[index, start : start + frames],
            chunk.gain[index, start : start + frames],
            noisy[start * hop : (start + frames) * hop + before],
            chunk.clean[index, start * hop : (start + frames - 1) * hop],
        )
