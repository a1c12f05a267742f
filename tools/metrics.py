"""Quality of processed speech: PESQ (wide band), STOI, ESTOI, SI-SDR against the clean speech, and the slow ones.

All are of 16 kHz: what has another rate is resampled to it first, so that no figure hears what lies above 8 kHz. PESQ of the wide
band is not measured below 16 kHz.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import soxr

from ..models.audio.transform import SAMPLE_RATE
from ..models.errors import StapesError
from . import dnsmos, hearing
from .composite import FIGURES, Distances, composite, distances
from .pesq_process import PesqFails, pesq_of

# PESQ's reference code holds 50 utterances and writes past them; shorter than this no recording has more.
PESQ_SECONDS = 20.0
# Exception of the library, or "crash" -> what is told of it.
PESQ_REASONS = {
    "NoUtterancesError": "PESQ finds no utterance in the clean recording",
    "BufferTooShortError": "shorter than the quarter of a second that PESQ needs",
    "OutOfMemoryError": "PESQ fails: {}",
    "PesqError": "PESQ fails: {}",
    "crash": "PESQ crashes the process that runs it ({})",
}
# What a stream of 16 kHz still holds back when its input ends is shorter.
LONGEST_DELAY = 512
# The last bits of the libraries' sums depend on where the arrays lie in memory.
DECIMALS = 6


@dataclass(frozen=True)
class Score:
    """One figure, rounded to DECIMALS; `value` is None where the metric is not defined, and `reason` says why."""

    value: float | None
    reason: str = ""


def pesq_wb(clean: np.ndarray, processed: np.ndarray) -> float:
    """PESQ, wide band (ITU-T P.862.2), MOS-LQO of 1 to 4.64; (S,), (S,) float in [-1, 1).

    Longer recordings than PESQ_SECONDS are scored in pieces of equal length, the mean counts.
    Raises ValueError with the reason where no piece holds an utterance.
    """
    pieces = math.ceil(len(clean) / (PESQ_SECONDS * SAMPLE_RATE))
    values, reasons = [], []
    for reference, degraded in zip(np.array_split(clean, pieces), np.array_split(processed, pieces), strict=True):
        if not reference.any() or not degraded.any():
            reasons.append("nothing but digital silence")
            continue
        try:
            # PESQ works in float32 and divides both by their common peak.
            values.append(pesq_of(reference, degraded))
        except PesqFails as error:
            words = PESQ_REASONS.get(error.kind)
            if words is None:
                raise RuntimeError(f"{error.kind}: {error}") from error
            reasons.append(words.format(error))
    if not values:
        raise ValueError(reasons[0])
    return float(np.mean(values))


def stoi(clean: np.ndarray, processed: np.ndarray) -> float:
    """Short-time objective intelligibility, up to 1 (Taal et al., IEEE TASLP 19(7), 2011); raises ValueError with the reason."""
    return _stoi(clean, processed, extended=False)


def estoi(clean: np.ndarray, processed: np.ndarray) -> float:
    """Extended STOI, up to 1 (Jensen and Taal, IEEE/ACM TASLP 24(11), 2016); raises ValueError with the reason."""
    return _stoi(clean, processed, extended=True)


def _stoi(clean: np.ndarray, processed: np.ndarray, extended: bool) -> float:
    from pystoi import stoi as pystoi  # here and below: a process that gives its recordings to others scores none

    try:
        with warnings.catch_warnings():
            # pystoi warns, and gives 1e-5, when too little speech is left without the pauses.
            warnings.simplefilter("error", RuntimeWarning)
            value = pystoi(clean, processed, SAMPLE_RATE, extended=extended)
    except (RuntimeWarning, ValueError, IndexError):
        raise ValueError("less than the 0.4 s of speech that STOI needs") from None
    return float(value)


def si_sdr(clean: np.ndarray, processed: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio in dB, means not removed (Le Roux et al., SDR - half-baked or well done?, 2019)."""
    import torch
    from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

    estimate, target = torch.from_numpy(processed.copy()), torch.from_numpy(clean.copy())
    return float(scale_invariant_signal_distortion_ratio(estimate, target))


Measure = Callable[[np.ndarray, np.ndarray], float]


def composite_of(figure: str) -> Measure:
    """The metric (clean, processed) -> CSIG, CBAK or COVL, 1 to 5 (Hu and Loizou, 2008); raises ValueError with the reason."""
    return lambda clean, processed: composite(figure, *_judged(clean.tobytes(), processed.tobytes()))


@lru_cache(maxsize=1)
def _judged(clean: bytes, processed: bytes) -> tuple[float, Distances]:
    """PESQ and distances of two recordings (S,) float64: once for the three figures, which are asked for one after the other."""
    signals = [np.frombuffer(samples, np.float64) for samples in (clean, processed)]
    return pesq_wb(*signals), distances(*signals)


METRICS: dict[str, Measure] = {
    "pesq_wb": pesq_wb,
    "stoi": stoi,
    "estoi": estoi,
    "si_sdr": si_sdr,
}
# What listeners would say, as papers on VoiceBank+DEMAND give it: half a second for a recording.
COMPOSITE: dict[str, Measure] = {figure: composite_of(figure) for figure in FIGURES}
# Each takes a second or more for a recording, and a package of its own.
SLOW_METRICS: dict[str, Measure] = {
    **{f"dnsmos_{figure}": dnsmos.measure(figure) for figure in dnsmos.FIGURES},
    **{f"haspi_{listener}": hearing.haspi(listener) for listener in hearing.AUDIOGRAMS},
    **{f"hasqi_{listener}": hearing.hasqi(listener) for listener in hearing.AUDIOGRAMS},
}
# Of a bundle with a fitting, for the ears that it was made for: `tools.evaluation.fitted` measures them.
FITTED = tuple(f"{index}_fitted" for index in hearing.INDICES)
_ALL = METRICS | COMPOSITE | SLOW_METRICS
LABELS = {
    "pesq_wb": "PESQ",
    "stoi": "STOI",
    "estoi": "ESTOI",
    "si_sdr": "SI-SDR dB",
    **{figure: figure.upper() for figure in FIGURES},
    **{f"dnsmos_{figure}": f"DNSMOS {figure.upper()}" for figure in dnsmos.FIGURES},
    **{f"haspi_{listener}": f"HASPI {listener}" for listener in hearing.AUDIOGRAMS},
    **{f"hasqi_{listener}": f"HASQI {listener}" for listener in hearing.AUDIOGRAMS},
    **{f"{index}_fitted": f"{index.upper()} fitted" for index in hearing.INDICES},
}
DIGITS = {**dict.fromkeys(LABELS, 3), "stoi": 4, "estoi": 4, "si_sdr": 2}


def scores(
    clean: np.ndarray,
    processed: np.ndarray,
    names: Sequence[str] = tuple(METRICS),
    rate: int = SAMPLE_RATE,
    known: Mapping[str, Measure] = _ALL,
) -> dict[str, Score]:
    """The metrics `names` for clean (S,) and processed (S,) float in [-1, 1) at `rate` Hz, aligned.

    The end of `processed` may be missing, at most LONGEST_DELAY samples of 16 kHz, as `aligned` leaves it.
    Raises StapesError for other lengths; what a metric cannot measure is a Score without value.
    """
    clean, processed = np.asarray(clean, np.float64), np.asarray(processed, np.float64)
    missing = len(clean) - len(processed) if clean.ndim == processed.ndim == 1 else -1
    if not 0 <= missing * SAMPLE_RATE <= LONGEST_DELAY * max(rate, SAMPLE_RATE):
        raise StapesError(
            f"metrics: shapes {clean.shape} and {processed.shape}; give two recordings of the same length"
        )
    clean = clean[: len(processed)]
    reason = _unmeasurable(clean, processed)
    if reason:
        return {name: Score(None, reason) for name in names}
    clean, processed = to_16k(clean, rate), to_16k(processed, rate)
    out = {}
    for name in names:
        if name in ("pesq_wb", *FIGURES) and rate < SAMPLE_RATE:
            out[name] = Score(None, f"recordings of {rate} Hz hold no wide band")
            continue
        try:
            value = known[name](clean, processed)
            out[name] = Score(round(value, DECIMALS)) if math.isfinite(value) else Score(None, f"the figure is {value}")
        except ValueError as error:
            out[name] = Score(None, str(error))
    return out


def measure(clean: np.ndarray, processed: np.ndarray, rate: int = SAMPLE_RATE) -> dict[str, float | None]:
    """The values of `scores`: metric -> figure, or None where it is not defined."""
    return {name: score.value for name, score in scores(clean, processed, rate=rate).items()}


def to_16k(audio: np.ndarray, rate: int) -> np.ndarray:
    """(S,) at `rate` Hz -> at 16 kHz."""
    return audio if rate == SAMPLE_RATE else soxr.resample(audio, rate, SAMPLE_RATE, quality="VHQ")


def _unmeasurable(clean: np.ndarray, processed: np.ndarray) -> str:
    if clean.size == 0:
        return "no samples"
    if not (np.isfinite(clean).all() and np.isfinite(processed).all()):
        return "NaN or Inf samples"
    if not clean.any():
        return "the clean recording is digital silence"
    if not processed.any():
        return "the processed recording is digital silence"
    return ""


def with_tail(audio: np.ndarray, delay: int) -> np.ndarray:
    """(..., S) -> (..., S + delay): zeros at the end, so that `aligned` gives back S samples of the stream's output."""
    return np.pad(audio, [(0, 0)] * (audio.ndim - 1) + [(0, delay)])


def aligned(output: np.ndarray, delay: int) -> np.ndarray:
    """Output (..., S) of a stream that lags `delay` samples -> (..., S - delay), in time with the stream's input."""
    return output[..., delay:]
