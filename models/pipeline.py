"""The whole path of the device in float: analysis, Wiener gain, features, mask, synthesis; or analysis, complex mask, synthesis.

`process` is the stream, one hop a call; `run` is the same over whole files, with one call of the network.
B utterances, S samples, T frames, K bins.
"""

from __future__ import annotations

import numpy as np
import torch

from .errors import StapesError
from .features import FeatureExtractor, complex_features
from .frontend import FrontEnd
from .gru_mask import GruMask
from .gtcrn import Gtcrn, GtcrnStates
from .stft import StreamingStft, istft, stft
from .wiener import WienerFilter


def apply_mask(
    frontend: FrontEnd, spectrum: np.ndarray, gain: np.ndarray, clarity: np.ndarray, mask: np.ndarray
) -> np.ndarray:
    """`spectrum` (..., K) complex, `gain` (..., K), `clarity` (...), `mask` (..., mask_size) -> enhanced spectrum (..., K) complex.

    A real mask is a factor of the gain, or of what stands in its place under the mask, and not under its floor; a complex one is a factor of the spectrum.
    """
    if frontend.complex_mask:
        real, imaginary = np.split(mask, 2, axis=-1)
        return spectrum * (real + 1j * imaginary)
    return spectrum * (frontend.under_mask(gain) * np.maximum(mask, frontend.floor_under_mask(gain, clarity)))


class FloatPipeline:
    """Float reference; without a model the Wiener filter alone, if there is one. Network float32, everything else float64."""

    def __init__(self, frontend: FrontEnd, model: GruMask | Gtcrn | None = None) -> None:
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
        self.states: torch.Tensor | GtcrnStates | None = None

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
        if self.frontend.complex_mask:
            gain, clarity, features = np.ones(spectrum.shape), np.zeros(1), complex_features(spectrum)
        else:
            frame = self.wiener.step(spectrum)
            gain, clarity, features = frame.gain, frame.clarity, self.extractor.step(frame)
        if self.model is None:
            return self.stft.synthesise(spectrum * gain)[0]
        with torch.inference_mode():
            mask, self.states = self.model(torch.from_numpy(features).float()[None], self.states)
        enhanced = apply_mask(self.frontend, spectrum, gain, clarity, mask[0].double().numpy())
        return self.stft.synthesise(enhanced)[0]

    def analyse(self, audio: np.ndarray) -> dict[str, np.ndarray]:
        """Everything before the network for `audio` (B, S) or (S,): arrays by name.

        spectrum (B, T, K) complex128; features (B, T, feature_size), gain (B, T, K), clarity (B, T) float64; vad, silent (B, T) bool.
        Without a Wiener filter the gain is one, the clarity zero, and vad and silent are left out.
        """
        spectrum = stft(np.atleast_2d(audio), self.frontend)
        if self.frontend.complex_mask:
            return {
                "spectrum": spectrum,
                "features": complex_features(spectrum),
                "gain": np.ones(spectrum.shape),
                "clarity": np.zeros(spectrum.shape[:2]),
            }
        batch, frames, bins = spectrum.shape
        wiener, extractor = WienerFilter(self.frontend, batch), FeatureExtractor(self.frontend, batch)
        out = {
            "spectrum": spectrum,
            "features": np.empty((batch, frames, self.frontend.feature_size)),
            "gain": np.empty((batch, frames, bins)),
            "clarity": np.empty((batch, frames)),
            "vad": np.empty((batch, frames), dtype=bool),
            "silent": np.empty((batch, frames), dtype=bool),
        }
        for t in range(frames):
            frame = wiener.step(spectrum[:, t])
            out["features"][:, t] = extractor.step(frame)
            out["gain"][:, t], out["clarity"][:, t] = frame.gain, frame.clarity
            out["vad"][:, t], out["silent"][:, t] = frame.speech, frame.silent
        return out

    def trace(self, audio: np.ndarray) -> dict[str, np.ndarray]:
        """As `analyse`, with mask (B, T, mask_size), the network's own, before the floor, and output (B, S) float64."""
        audio = np.atleast_2d(audio)
        out = self.analyse(audio)
        enhanced = out["spectrum"] * out["gain"]
        if self.model is not None:
            with torch.inference_mode():
                mask, _ = self.model(torch.from_numpy(out["features"]).float())
            out["mask"] = mask.double().numpy()
            enhanced = apply_mask(self.frontend, *(out[name] for name in ("spectrum", "gain", "clarity", "mask")))
        out["output"] = istft(enhanced, self.frontend)[:, : audio.shape[1]]
        return out

    def run(self, audio: np.ndarray) -> np.ndarray:
        """Whole files: (B, S) -> (B, S), or (S,) -> (S,); the stream's output, float64. State of the stream is left alone."""
        output = self.trace(audio)["output"]
        return output if np.ndim(audio) == 2 else output[0]
