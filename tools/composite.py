"""CSIG, CBAK and COVL: what listeners would say of the signal, of the background and of the whole, 1 to 5, as papers on VoiceBank+DEMAND give them.

Regressions of Hu and Loizou (Evaluation of objective quality measures for speech enhancement, IEEE TASLP 16(1), 2008) on four
distances; PESQ is the wide-band one, as in those papers. All are of 16 kHz, over frames of 30 ms, a new one each 7.5 ms. T frames.
Frames in which one of the two recordings is digital silence are left out, as no spectrum can be compared there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import toeplitz

from ..models.audio.transform import SAMPLE_RATE

FIGURES = ("csig", "cbak", "covl")
LOWEST, HIGHEST = 1.0, 5.0
FRAME, HOP = 480, 120
# The share of the frames, those with the least distance, that LLR and WSS are the mean of.
KEPT = 0.95
SEGMENT_DB = (-10.0, 35.0)
LPC_ORDER = 16
WSS_POINTS = 1024
WSS_FLOOR_DB = -100.0
# Klatt's weights of the global and of the next local maximum.
WSS_GLOBAL, WSS_LOCAL = 20.0, 1.0
# 25 critical bands: centres and widths in Hz.
CENTRES_HZ = (50.0, 120.0, 190.0, 260.0, 330.0, 400.0, 470.0, 540.0, 617.372, 703.378, 798.717, 904.128, 1020.38, 1148.30, 1288.72, 1442.54, 1610.70, 1794.16, 1993.93, 2211.08, 2446.71, 2701.97, 2978.04, 3276.17, 3597.63)  # fmt: skip
WIDTHS_HZ = (70.0, 70.0, 70.0, 70.0, 70.0, 70.0, 70.0, 77.3724, 86.0056, 95.3398, 105.411, 116.256, 127.914, 140.423, 153.823, 168.154, 183.457, 199.776, 217.153, 235.631, 255.255, 276.072, 298.126, 321.465, 346.136)  # fmt: skip

Frames = NDArray[np.float64]


class Distances(NamedTuple):
    """Log-likelihood ratio, weighted spectral slope, segmental SNR in dB."""

    llr: float
    wss: float
    segmental_snr_db: float


def composite(figure: str, pesq: float, distances: Distances) -> float:
    """One of FIGURES, of the wide-band PESQ and the distances of a recording."""
    llr, wss, segmental_snr_db = distances
    value = {
        "csig": 3.093 - 1.029 * llr + 0.603 * pesq - 0.009 * wss,
        "cbak": 1.634 + 0.478 * pesq - 0.007 * wss + 0.063 * segmental_snr_db,
        "covl": 1.594 + 0.805 * pesq - 0.512 * llr - 0.007 * wss,
    }[figure]
    return float(np.clip(value, LOWEST, HIGHEST))


def distances(clean: np.ndarray, processed: np.ndarray) -> Distances:
    """Of clean (S,) and processed (S,) float64 in [-1, 1); raises ValueError with the reason."""
    frames = [_frames(audio) for audio in (clean, processed)]
    # The last frame is left out, as in the authors' program.
    heard = frames[0][:-1].any(axis=1) & frames[1][:-1].any(axis=1)
    if not heard.any():
        raise ValueError("no frame of 30 ms in which both recordings sound")
    reference, estimate = (part[:-1][heard] for part in frames)
    return Distances(_llr(reference, estimate), _wss(reference, estimate), _segmental_snr_db(reference, estimate))


def _frames(audio: np.ndarray) -> Frames:
    """(S,) -> (T, FRAME), under a Hann window without its zeros."""
    if len(audio) < 2 * FRAME:
        raise ValueError("shorter than the 60 ms that CSIG, CBAK and COVL need")
    window = 0.5 * (1 - np.cos(2 * np.pi * np.arange(1, FRAME + 1) / (FRAME + 1)))
    result: Frames = window * np.lib.stride_tricks.sliding_window_view(audio, FRAME)[::HOP]
    return result


def _least(values: NDArray[np.float64]) -> float:
    return float(np.mean(np.sort(values)[: max(round(len(values) * KEPT), 1)]))


def _segmental_snr_db(clean: Frames, processed: Frames) -> float:
    eps = np.finfo(np.float64).eps
    signal, noise = np.sum(clean**2, axis=1), np.sum((clean - processed) ** 2, axis=1)
    return float(np.mean(np.clip(10 * np.log10(signal / (noise + eps) + eps), *SEGMENT_DB)))


def _llr(clean: Frames, processed: Frames) -> float:
    """Itakura's log-likelihood ratio: how much worse the processed frame's predictor does on the clean frame than its own."""
    reference, estimate = _autocorrelation(clean), _autocorrelation(processed)
    matrices = np.stack([toeplitz(row) for row in reference])
    own, other = _predictor(reference), _predictor(estimate)
    ratio = _energy(other, matrices) / _energy(own, matrices)
    return _least(np.log(np.maximum(ratio, 1.0)))


def _autocorrelation(frames: Frames) -> Frames:
    """(T, FRAME) -> (T, LPC_ORDER + 1)."""
    return np.stack(
        [np.sum(frames[:, : FRAME - lag] * frames[:, lag:], axis=1) for lag in range(LPC_ORDER + 1)], axis=1
    )


def _predictor(autocorrelation: Frames) -> Frames:
    """The error filter of linear prediction: (T, LPC_ORDER + 1) -> (T, LPC_ORDER + 1), the first one 1."""
    matrices = np.stack([toeplitz(row[:-1]) for row in autocorrelation])
    taps = np.linalg.solve(matrices, autocorrelation[:, 1:, None])[:, :, 0]
    return np.concatenate([np.ones((len(taps), 1)), -taps], axis=1)


def _energy(filters: Frames, matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is left of frames behind filters: (T, P), (T, P, P) -> (T,)."""
    result: NDArray[np.float64] = np.einsum("tp,tpq,tq->t", filters, matrices, filters)
    return result


def _wss(clean: Frames, processed: Frames) -> float:
    """Klatt's weighted spectral slope distance over critical bands."""
    filters = _critical_bands()
    slopes, weights = [], []
    for frames in (clean, processed):
        power = np.abs(np.fft.rfft(frames, WSS_POINTS)[:, :-1]) ** 2
        level = 10 * np.log10(np.maximum(power @ filters.T, 10 ** (WSS_FLOOR_DB / 10)))
        slope = np.diff(level, axis=1)
        below_global = level.max(axis=1, keepdims=True) - level[:, :-1]
        below_local = _next_peak(slope, level) - level[:, :-1]
        slopes.append(slope)
        weights.append(WSS_GLOBAL / (WSS_GLOBAL + below_global) * (WSS_LOCAL / (WSS_LOCAL + below_local)))
    weight = (weights[0] + weights[1]) / 2
    return _least(np.sum(weight * (slopes[0] - slopes[1]) ** 2, axis=1) / np.sum(weight, axis=1))


def _critical_bands() -> NDArray[np.float64]:
    """(25, WSS_POINTS / 2): each band a bell over the bins, without what lies 30 dB under its top."""
    half = WSS_POINTS // 2
    centres, widths = (np.array(hertz) / (SAMPLE_RATE / 2) * half for hertz in (CENTRES_HZ, WIDTHS_HZ))
    bins = np.arange(half)
    norm = np.log(WIDTHS_HZ[0]) - np.log(np.array(WIDTHS_HZ))
    filters = np.exp(-11 * ((bins - np.floor(centres)[:, None]) / widths[:, None]) ** 2 + norm[:, None])
    return np.where(filters > np.exp(-30.0 / (2.0 * 2.303)), filters, 0.0)


def _next_peak(slope: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    """The level of the peak that each band climbs to, as the authors' program finds it: (T, 24), (T, 25) -> (T, 24)."""
    bands = slope.shape[1]
    end, begin = np.full(slope.shape, bands), np.full(slope.shape, -1)
    for band in range(bands):
        before = begin[:, band - 1] if band else -1
        begin[:, band] = np.where(slope[:, band] > 0, band, before)
    for band in reversed(range(bands)):
        after = end[:, band + 1] if band + 1 < bands else bands
        end[:, band] = np.where(slope[:, band] > 0, after, band)
    return np.take_along_axis(level, np.where(slope > 0, end - 1, begin + 1), axis=1)
