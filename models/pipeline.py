"""The whole path of the device in float: the stages in front of the network, the network, the stages behind it.

`process` is the stream, one hop a call; `run` is the same over whole files, with one call of the network.
B utterances, S samples, T frames, K bins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from .audio import SoundPath
from .audio.controls import Settings
from .audio.stage import FloatStage, Stage
from .errors import StapesError

if TYPE_CHECKING:
    import torch

    from .gru_mask import GruMask
    from .gtcrn import Gtcrn, GtcrnStates


def synthesise(sound_path: SoundPath, values: Mapping[str, np.ndarray], controls: Settings | None = None) -> np.ndarray:
    """What `FloatPipeline.analyse` gave and the network's mask (B, T, mask_size) -> output (B, T * hop) float64.

    Without a mask the Wiener gain stands alone, or where there is none the spectrum. `controls` are as for `analyse`.
    """
    batch = len(values["spectrum"])
    found = dict(values)
    for stage in sound_path.after:
        found |= _started(stage, sound_path, batch, controls).run(found)
    return found["output"]


def _started(stage: Stage, sound_path: SoundPath, batch: int, controls: Settings | None) -> FloatStage:
    """A stage at the start of a stream, with its controls where some are given, else at rest."""
    made = stage.start(sound_path.transform, batch)
    if controls is not None and stage.controls:
        made.controls = controls[stage.kind]
    return made


class FloatPipeline:
    """Float reference; without a model the Wiener filter alone, if there is one. Network float32, everything else float64."""

    def __init__(self, sound_path: SoundPath, model: GruMask | Gtcrn | None = None) -> None:
        bins = sound_path.transform.bins
        if model is not None and (model.bins, model.feature_size) != (bins, sound_path.feature_size):
            raise StapesError(
                f"network of {model.feature_size} features and {model.bins} bins behind a front end of "
                f"{sound_path.feature_size} and {bins}: use the front end that was saved with the network"
            )
        self.sound_path = sound_path
        self.model = model.eval() if model is not None else None
        self.reset()

    def reset(self) -> None:
        """Back to the start of a stream."""
        self.before = [stage.start(self.sound_path.transform, 1) for stage in self.sound_path.before]
        self.after = [stage.start(self.sound_path.transform, 1) for stage in self.sound_path.after]
        self.states: torch.Tensor | GtcrnStates | None = None

    def process(self, samples: np.ndarray) -> np.ndarray:
        """The next hop of the stream: (hop,) float in [-1, 1) -> (hop,) float64, `SoundPath.delay` samples behind."""
        if np.shape(samples) != (self.sound_path.hop,):
            raise StapesError(
                f"process takes {self.sound_path.hop} samples a call, not an array of shape {np.shape(samples)}"
            )
        values = _steps(self.before, {"block": np.asarray(samples, dtype=np.float64)[None]})
        if self.model is not None:
            import torch  # takes over a second, and without a network in PyTorch none is needed

            with torch.inference_mode():
                mask, self.states = self.model(torch.from_numpy(values["features"]).float()[None], self.states)
            values["mask"] = mask[0].double().numpy()
        result: np.ndarray = _steps(self.after, values)["output"][0]
        return result

    def analyse(self, audio: np.ndarray, controls: Settings | None = None) -> dict[str, np.ndarray]:
        """Everything before the network for `audio` (B, S) or (S,): what the stages make, by its plain name.

        spectrum (B, T, K) complex128, features (B, T, feature_size), and what else the path has: power, gain, gain2 (B, T, K), clarity
        (B, T) float64; speech, silent (B, T) bool. `controls`: real values (T, *shape) of all controls; None leaves them at rest.
        """
        audio = np.atleast_2d(audio)
        values = {"block": audio}
        for stage in self.sound_path.before:
            values |= _started(stage, self.sound_path, len(audio), controls).run(values)
        del values["block"]
        return values

    def trace(self, audio: np.ndarray) -> dict[str, np.ndarray]:
        """As `analyse`, with mask (B, T, mask_size), the network's own, before the floor, and output (B, S) float64."""
        audio = np.atleast_2d(audio)
        out = self.analyse(audio)
        if self.model is not None:
            import torch

            with torch.inference_mode():
                mask, _ = self.model(torch.from_numpy(out["features"]).float())
            out["mask"] = mask.double().numpy()
        out["output"] = synthesise(self.sound_path, out)[:, : audio.shape[1]]
        return out

    def run(self, audio: np.ndarray) -> np.ndarray:
        """Whole files: (B, S) -> (B, S), or (S,) -> (S,); the stream's output, float64. State of the stream is left alone."""
        output = self.trace(audio)["output"]
        return output if np.ndim(audio) == 2 else output[0]


def _steps(stages: list[FloatStage], values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    for stage in stages:
        values |= stage.step(values)
    return values
