"""Analysis and synthesis, as a stream (one hop a call) and over whole files; B utterances, T frames, F bins."""

from __future__ import annotations

import numpy as np

from .frontend import FrontEnd


class StreamingStft:
    """One analysis and one synthesis for B streams: a hop of samples in, a spectrum out and back."""

    def __init__(self, frontend: FrontEnd, batch: int) -> None:
        self.frontend = frontend
        self.batch = batch
        self.analysis_window, self.synthesis_window = frontend.windows()
        self.reset()

    def reset(self) -> None:
        """Forget the past: the streams begin after silence."""
        self.history = np.zeros((self.batch, self.frontend.analysis))
        self.overlap = np.zeros((self.batch, self.frontend.hop))

    def analyse(self, block: np.ndarray) -> np.ndarray:
        """`block` (B, hop) float64 -> spectrum (B, F) complex128, unnormalised."""
        hop = self.frontend.hop
        self.history = np.concatenate([self.history[:, hop:], block], axis=1)
        return np.fft.rfft(self.history * self.analysis_window)

    def synthesise(self, spectrum: np.ndarray) -> np.ndarray:
        """`spectrum` (B, F) -> the next (B, hop) output samples, `FrontEnd.delay` behind the input."""
        hop = self.frontend.hop
        frame = np.fft.irfft(spectrum, self.frontend.analysis)[:, -self.frontend.synthesis :] * self.synthesis_window
        output = self.overlap + frame[:, :hop]
        self.overlap = frame[:, hop:]
        return output


def stft(audio: np.ndarray, frontend: FrontEnd) -> np.ndarray:
    """`audio` (B, S) -> spectrum (B, T, F) complex128 with T = ceil(S / hop): the frames that a stream would see."""
    hop, analysis = frontend.hop, frontend.analysis
    audio = np.asarray(audio, dtype=np.float64)
    frames = -(-audio.shape[1] // hop)
    padded = np.pad(audio, ((0, 0), (analysis - hop, frames * hop - audio.shape[1])))
    view = np.lib.stride_tricks.sliding_window_view(padded, analysis, axis=1)[:, ::hop]
    return np.fft.rfft(view * frontend.windows()[0])


def istft(spectrum: np.ndarray, frontend: FrontEnd) -> np.ndarray:
    """`spectrum` (B, T, F) -> audio (B, T * hop), `FrontEnd.delay` behind what `stft` was given."""
    hop = frontend.hop
    frames = np.fft.irfft(spectrum, frontend.analysis)[..., -frontend.synthesis :] * frontend.windows()[1]
    blocks = frames[..., :hop].copy()
    blocks[:, 1:] += frames[:, :-1, hop:]
    return blocks.reshape(spectrum.shape[0], -1)
