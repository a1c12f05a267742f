"""`python -m stapes.tools.training.tone`: the network that sets an equaliser by the tone of what it hears.

A voice is its mean spectrum: a curve on the sound is a factor of its power. So the network is trained on spectra of real speech under random curves,
without a filter that runs. G segments, N snapshots of each, F bins, K bands, E peaks.
"""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from ...models.audio.bands import band_edges
from ...models.audio.sound_path import SoundPath
from ...models.audio.steered_equaliser import MOST_DB
from ...models.audio.tone_level import colour, mean_frames
from ...models.errors import StapesError
from ...models.files import write_whole
from ...models.tone import EQUALISER, HIDDEN, LATENT, LEVEL, judged, to_onnx, tone_path, usual_speech_db
from ..corpus.manifest import Manifest, load_manifest
from .tone_curves import curves_db

SEGMENT_SECONDS, MOST_SEGMENTS, SNAPSHOTS = 8.0, 150, 16
BATCH, RATE = 256, 1e-2
# Beyond so many dB a band pulls no harder.
HUBER_DB = 6.0
NOISE_DB, TILT_DB = (20.0, 60.0), 10.0


@dataclass(frozen=True, eq=False)
class Voices:
    """Mean power of each bin after some frames, (G, N, F), those frames (G, N), and power over the whole segment (G, F); of each speaker the segments."""

    power: np.ndarray
    frames: np.ndarray
    whole: np.ndarray
    of_speaker: tuple[np.ndarray, ...]


def snapshots(power: np.ndarray, frames: np.ndarray, memory: int) -> np.ndarray:
    """Power of frames (T, F) -> the slow mean of `tone_level` after so many frames (N,), (N, F)."""
    wanted, made, mean = set(frames.tolist()), {}, np.zeros(power.shape[1])
    for t, row in enumerate(power):
        mean = mean + (row - mean) / mean_frames(np.asarray(min(t + 1, 2**memory)))
        if t + 1 in wanted:
            made[t + 1] = mean
    return np.stack([made[n] for n in frames.tolist()])


def power_of(audio: np.ndarray, sound_path: SoundPath) -> np.ndarray:
    """Samples (S,) -> power of each frame (T, F), as the stage `power` defines it."""
    t = sound_path.transform
    padded = np.concatenate([np.zeros(t.analysis - t.hop), audio])
    frames = np.lib.stride_tricks.sliding_window_view(padded, t.analysis)[:: t.hop]
    return np.abs(np.fft.rfft(frames * t.windows()[0])) ** 2 / t.window_power


def hear(manifest: Manifest, split: str, sound_path: SoundPath, rng: np.random.Generator) -> Voices:
    """Segments of every speaker of a split, up to MOST_SEGMENTS each; raises StapesError for a split without any."""
    manifest.require_speech(split)
    samples = round(SEGMENT_SECONDS * sound_path.sample_rate)
    last = samples // sound_path.hop
    speakers: dict[str, list[np.ndarray]] = {}
    for item in manifest.items("speech", split):
        speakers.setdefault(item.speaker, []).append(manifest.read(item).astype(np.float64))
    power: list[np.ndarray] = []
    frames: list[np.ndarray] = []
    whole: list[np.ndarray] = []
    groups: list[np.ndarray] = []
    for recordings in speakers.values():
        audio = np.concatenate(recordings)
        count = min(len(audio) // samples, MOST_SEGMENTS)
        groups.append(np.arange(len(whole), len(whole) + count))
        for segment in np.split(audio[: count * samples], count) if count else ():
            spectrum = power_of(segment, sound_path)[:last]
            at = np.sort(np.round(2.0 ** rng.uniform(0.0, np.log2(last), SNAPSHOTS)).astype(np.int64))
            power.append(snapshots(spectrum, at, LEVEL.memory))
            frames.append(at)
            whole.append(spectrum.mean(axis=0))
    if not whole:
        raise StapesError(f"{manifest.folder}: no speech of {SEGMENT_SECONDS:g} s in {split}; give longer recordings")
    return Voices(np.stack(power), np.stack(frames), np.stack(whole), tuple(g for g in groups if len(g)))


class Judge(torch.nn.Module):
    """How far spectra lie from usual speech once the peaks have worked on them."""

    def __init__(self, sound_path: SoundPath) -> None:
        super().__init__()
        transform = sound_path.transform
        self.edges = band_edges(LEVEL.bands, transform)
        here = judged(transform)
        middles = (self.edges[:-1] + self.edges[1:] - 1) / 2.0 * transform.sample_rate / transform.analysis
        self.hertz = middles[here]
        member = np.zeros((transform.bins, LEVEL.bands))
        for band, (first, end) in enumerate(zip(self.edges[:-1], self.edges[1:], strict=True)):
            member[first:end, band] = 1.0
        self.member = torch.from_numpy(member[:, here])
        self.usual_db = torch.from_numpy(usual_speech_db(transform)[here])
        # |H|^2 of a peak with A = 10^(gain / 40): (u^2 + A^2 v) / (u^2 + v / A^2), u = 2 (cos w - cos w0), v = (sin w0 sin w / Q)^2.
        w = np.pi * np.arange(transform.bins)[:, None] / (transform.bins - 1)
        w0 = 2.0 * np.pi * np.asarray(EQUALISER.frequencies) / transform.sample_rate
        self.far = torch.from_numpy((2.0 * (np.cos(w) - np.cos(w0))) ** 2 + 1e-12)
        self.near = torch.from_numpy((np.sin(w0) * np.sin(w) / EQUALISER.quality) ** 2)

    def response(self, gains: torch.Tensor) -> torch.Tensor:
        """Gains over 12 dB (B, E) -> factor of the power of each bin (B, F)."""
        square = 10.0 ** (gains[:, None, :] * (MOST_DB / 20.0))
        result: torch.Tensor = ((self.far + square * self.near) / (self.far + self.near / square)).prod(dim=-1)
        return result

    def off_db(self, power: torch.Tensor) -> torch.Tensor:
        """Power of bins (B, F) -> how far each judged band lies from usual speech of the same level, dB (B, K)."""
        off = 10.0 * torch.log10(power @ self.member + 1e-20) - self.usual_db
        return off - off.mean(dim=1, keepdim=True)


class Training:
    """Network, voices and the random numbers of a training; `step` draws a batch and moves the weights."""

    def __init__(self, voices: Voices, sound_path: SoundPath, seed: int, steps: int) -> None:
        torch.manual_seed(seed)
        self.rng, self.voices, self.sound_path, self.steps = np.random.default_rng([seed, 1]), voices, sound_path, steps
        self.widths = np.diff(band_edges(LEVEL.bands, sound_path.transform))
        self.judge = Judge(sound_path)
        sizes = (LEVEL.bands + 1, HIDDEN, LATENT, len(EQUALISER.frequencies))
        self.linears = [torch.nn.Linear(a, b) for a, b in itertools.pairwise(sizes)]
        with torch.no_grad():
            self.linears[-1].weight.mul_(0.1)
            self.linears[-1].bias.zero_()
        first, second, third = self.linears
        self.network = torch.nn.Sequential(
            first, torch.nn.ReLU(), second, torch.nn.ReLU(), third, torch.nn.Tanh()
        ).double()
        self.optimiser = torch.optim.AdamW(self.network.parameters(), RATE, weight_decay=1e-3)

    def draw(self, voices: Voices, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (B, K + 1) of voices under random curves in a little noise, and power of the bins over their whole segments (B, F)."""
        rng, bins = self.rng, self.sound_path.transform.bins
        group = [voices.of_speaker[i] for i in rng.integers(len(voices.of_speaker), size=count)]
        segment = np.array([members[rng.integers(len(members))] for members in group])
        shot = rng.integers(SNAPSHOTS, size=count)
        hertz = np.arange(bins) * self.sound_path.sample_rate / 2.0 / (bins - 1)
        factor = 10.0 ** (curves_db(rng, count, hertz) / 10.0)
        whole = voices.whole[segment] * factor
        tilt = 10.0 ** (rng.uniform(-TILT_DB, TILT_DB, (count, 1)) * np.linspace(-1.0, 1.0, bins) / 10.0)
        below = 10.0 ** (-rng.uniform(*NOISE_DB, (count, 1)) / 10.0)
        noise = tilt / tilt.sum(axis=1, keepdims=True) * whole.sum(axis=1, keepdims=True) * below
        return self.features(
            voices.power[segment, shot] * factor + noise, voices.frames[segment, shot]
        ), torch.from_numpy(whole + noise)

    def features(self, power: np.ndarray, frames: np.ndarray) -> torch.Tensor:
        """Slow mean of each bin (B, F) after so many frames (B,) -> what `tone_level` makes of it, (B, K + 1)."""
        bands = np.add.reduceat(power, self.judge.edges[:-1], axis=1)
        return torch.from_numpy(colour(bands, self.widths, frames[:, None], LEVEL.memory))

    def step(self, number: int) -> float:
        """One batch; the rate falls with a cosine."""
        for group in self.optimiser.param_groups:
            group["lr"] = RATE * (0.02 + 0.98 * 0.5 * (1.0 + np.cos(np.pi * number / self.steps)))
        features, power = self.draw(self.voices, BATCH)
        gains = self.network(features)
        made = power * self.judge.response(gains)
        off = self.judge.off_db(made)
        louder_db = 10.0 * torch.log10(made.sum(dim=1) / power.sum(dim=1))
        far = torch.nn.functional.huber_loss(off, torch.zeros_like(off), delta=HUBER_DB)
        loss = far + 0.02 * torch.relu(louder_db).square().mean() + 0.002 * (MOST_DB * gains).square().mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    @torch.no_grad()
    def distances_db(self, voices: Voices, count: int) -> dict[str, float]:
        """RMS over judged bands, as a mean over `count` draws: before and behind the network."""
        features, power = self.draw(voices, count)

        def rms(given: torch.Tensor) -> float:
            return float(self.judge.off_db(given).square().mean(dim=1).sqrt().mean())

        return {"before_db": rms(power), "behind_db": rms(power * self.judge.response(self.network(features)))}

    def layers(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Weights and biases, float32."""
        return [(part.weight.detach().float().numpy(), part.bias.detach().float().numpy()) for part in self.linears]


def train(
    corpus: Annotated[Path, typer.Option(help="The corpus folder, of which speech alone is heard.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The ONNX file to write.")],
    steps: Annotated[int, typer.Option(min=1, help="Batches of 256.")] = 4000,
    seed: Annotated[int, typer.Option(help="Of segments, curves, noise and weights.")] = 1,
) -> None:
    """Train on the split `train` of a corpus, tell how far unheard voices of `validation` are from usual speech, write the network as ONNX.

    \b
    Example:
      stapes corpus fetch corpus
      python -m stapes.tools.training.tone --corpus corpus -o tone.onnx
      stapes quantize tone.onnx -o build/tone
    """
    torch.set_num_threads(1)
    manifest, sound_path = load_manifest(corpus), tone_path()
    rng = np.random.default_rng([seed, 0])
    voices, others = (hear(manifest, split, sound_path, rng) for split in ("train", "validation"))
    training = Training(voices, sound_path, seed, steps)
    for number in range(steps):
        training.step(number)
    write_whole(output, to_onnx(training.layers(), sound_path).SerializeToString(deterministic=True))
    told = {"train": training.distances_db(voices, 4096), "validation": training.distances_db(others, 4096)}
    print(json.dumps({"segments": len(voices.whole), "speakers": len(voices.of_speaker), **told}))


def main() -> int:
    """Run the command; a known error is one line."""
    try:
        typer.run(train)
    except StapesError as error:
        print(f"tone: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
