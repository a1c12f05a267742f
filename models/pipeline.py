"""The whole path of the device in float: analysis, Wiener gain, features, mask, synthesis.

`process` is the stream, one hop a call; `run` is the same over whole files, with one call of the network.
B utterances, S samples, T frames, K bins.
"""

from __future__ import annotations

import numpy as np
import torch

from models.errors import StapesError
from models.features import FeatureExtractor
from models.frontend import FrontEnd
from models.gru_mask import GruMask
from models.stft import StreamingStft, istft, stft
from models.wiener import WienerFilter


class FloatPipeline:
    """Float reference; without a model the Wiener filter alone. Network float32, everything else float64."""

    def __init__(self, frontend: FrontEnd, model: GruMask | None = None) -> None:
        if model is not None and (model.bins, model.feature_size) != (frontend.bins, frontend.feature_size):
            raise StapesError(
                f"network of {model.feature_size} features and {model.bins} bins behind a front end of "
                f"{frontend.feature_size} and {frontend.bins}: use the front end that was saved with the network"
            )
        self.frontend = frontend
        self.model = model.eval() if model is not None else None
        self.stft = StreamingStft(frontend, 1)
        self.wiener = WienerFilter(frontend, 1)
        self.extractor = FeatureExtractor(frontend, 1)
        self.states: torch.Tensor | None = None

    def reset(self) -> None:
        """Back to the start of a stream."""
        self.stft.reset()
        self.wiener.reset()
        self.extractor.reset()
        self.states = None

    def process(self, samples: np.ndarray) -> np.ndarray:
        """The next hop of the stream: (hop,) float in [-1, 1) -> (hop,) float64, `FrontEnd.delay` samples behind."""
        if np.shape(samples) != (self.frontend.hop,):
            raise StapesError(
                f"process takes {self.frontend.hop} samples a call, not an array of shape {np.shape(samples)}"
            )
        spectrum = self.stft.analyse(np.asarray(samples, dtype=np.float64)[None])
        frame = self.wiener.step(spectrum)
        gain = frame.gain
        if self.model is not None:
            features = torch.from_numpy(self.extractor.step(frame)).float()
            with torch.inference_mode():
                mask, self.states = self.model(features[None], self.states)
            gain = gain * np.maximum(mask[0].double().numpy(), self.frontend.mask_floor)
        return self.stft.synthesise(spectrum * gain)[0]

    def analyse(self, audio: np.ndarray) -> dict[str, np.ndarray]:
        """Everything before the network for `audio` (B, S) or (S,): arrays by name.

        spectrum (B, T, K) complex128; features (B, T, feature_size), gain (B, T, K) float64; vad, silent (B, T) bool.
        """
        spectrum = stft(np.atleast_2d(audio), self.frontend)
        batch, frames, bins = spectrum.shape
        wiener, extractor = WienerFilter(self.frontend, batch), FeatureExtractor(self.frontend, batch)
        out = {
            "spectrum": spectrum,
            "features": np.empty((batch, frames, self.frontend.feature_size)),
            "gain": np.empty((batch, frames, bins)),
            "vad": np.empty((batch, frames), dtype=bool),
            "silent": np.empty((batch, frames), dtype=bool),
        }
        for t in range(frames):
            frame = wiener.step(spectrum[:, t])
            out["features"][:, t] = extractor.step(frame)
            out["gain"][:, t], out["vad"][:, t], out["silent"][:, t] = frame.gain, frame.speech, frame.silent
        return out

    def trace(self, audio: np.ndarray) -> dict[str, np.ndarray]:
        """As `analyse`, with mask (B, T, K), the network's own, before the floor, and output (B, S) float64."""
        audio = np.atleast_2d(audio)
        out = self.analyse(audio)
        gain = out["gain"]
        if self.model is not None:
            with torch.inference_mode():
                mask, _ = self.model(torch.from_numpy(out["features"]).float())
            out["mask"] = mask.double().numpy()
            gain = gain * np.maximum(out["mask"], self.frontend.mask_floor)
        out["output"] = istft(out["spectrum"] * gain, self.frontend)[:, : audio.shape[1]]
        return out

    def run(self, audio: np.ndarray) -> np.ndarray:
        """Whole files: (B, S) -> (B, S), or (S,) -> (S,); the stream's output, float64. State of the stream is left alone."""
        output = self.trace(audio)["output"]
        return output if np.ndim(audio) == 2 else output[0]
