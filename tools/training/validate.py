"""Scores of a network on fixed pairs of the validation split.

N pairs, S samples.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from pesq import pesq
from pystoi import stoi
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from ...models.audio import SoundPath
from ...models.pipeline import synthesise
from ..corpus import make_set
from .analysis import analyse
from .networks import Network
from .recipe import Recipe


class Validator:
    """The pairs are made and analysed once; every call scores the network of that moment on all of them."""

    def __init__(self, corpus: Path, recipe: Recipe, sound_path: SoundPath) -> None:
        v = recipe.validation
        pairs = make_set(corpus, "validation", v.pairs, v.seconds, list(v.snr_db), seed=recipe.seed)
        self.sound_path = sound_path
        self.clean = np.stack([p.clean for p in pairs])
        self.given = analyse(np.stack([p.noisy for p in pairs]), sound_path, recipe.data.front_end)

    def scores(self, model: Network | None) -> dict[str, float]:
        """Mean wide-band PESQ, ESTOI and SI-SDR in dB over the pairs; without a model those of what it is given."""
        values = dict(self.given)
        if model is not None:
            with torch.inference_mode():
                mask, _ = model.eval()(torch.from_numpy(values["features"]).float())
            values["mask"] = mask.double().numpy()
        return mean_scores(synthesise(self.sound_path, values)[:, : self.clean.shape[1]], self.clean, self.sound_path)


def mean_scores(output: np.ndarray, clean: np.ndarray, sound_path: SoundPath) -> dict[str, float]:
    """`output` (N, S), `sound_path.delay` samples behind `clean` (N, S) -> mean PESQ, ESTOI and SI-SDR."""
    delay = sound_path.delay
    output, clean = output[:, delay:], clean[:, : clean.shape[1] - delay].astype(np.float64)
    si_sdr = scale_invariant_signal_distortion_ratio(torch.from_numpy(output.copy()), torch.from_numpy(clean.copy()))
    scores = [pesq(sound_path.sample_rate, c, o, "wb") for c, o in zip(clean, output, strict=True)]
    intelligible = [stoi(c, o, sound_path.sample_rate, extended=True) for c, o in zip(clean, output, strict=True)]
    return {"pesq": float(np.mean(scores)), "estoi": float(np.mean(intelligible)), "si_sdr_db": float(si_sdr.mean())}
