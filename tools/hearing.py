"""HASPI and HASQI: speech through the ears of a listener with a given audiogram, whose hearing aid amplifies by NAL-R or by a fitting.

HASPI version 2 predicts intelligibility (Kates and Arehart, Speech Communication 131, 2021), HASQI version 2 quality
(Kates and Arehart, J. Audio Eng. Soc. 62(3), 2014); both are the package pyclarity's. The convention here: the clean recording as a
whole lies at 65 dB SPL RMS, the processed one is scaled by the same factor, so that what the processing takes away stays away, and
is then amplified by the NAL-R prescription of the audiogram. HASQI's reference gets the same amplification. With a fitting the audiogram
is the one it was made for, and no gain is added: the processed recording has been through its equaliser.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..models.audio.transform import SAMPLE_RATE
from ..models.errors import StapesError
from ..models.fitting import STANDARD, Audiogram

LEVEL_DB_SPL = 65.0
FREQUENCIES_HZ = (250, 500, 1000, 2000, 4000, 6000)
_LISTENERS = {"mild": "N2", "moderate": "N3", "severe": "N5"}
# dB HL at FREQUENCIES_HZ.
AUDIOGRAMS: dict[str, tuple[float, ...]] = {
    "normal": (0.0,) * len(FREQUENCIES_HZ),
    **{
        name: tuple(map(float, STANDARD[audiogram].at(np.array(FREQUENCIES_HZ))))
        for name, audiogram in _LISTENERS.items()
    },
}
EAR_RATE = 24_000
# The length of NAL-R's filter that HASQI gives its reference, at EAR_RATE.
NAL_R_TAPS = 140
SEED = 0
INDICES = ("haspi", "hasqi")


def require() -> None:
    """Raise StapesError when pyclarity is not installed."""
    _package()


def haspi(listener: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """The metric (clean, processed) -> HASPI of a listener in AUDIOGRAMS, up to 1; raises ValueError with the reason."""
    return lambda clean, processed: _measure(clean, processed, listener, "haspi")


def hasqi(listener: str) -> Callable[[np.ndarray, np.ndarray], float]:
    """The metric (clean, processed) -> HASQI of a listener in AUDIOGRAMS, 0 to 1; raises ValueError with the reason."""
    return lambda clean, processed: _measure(clean, processed, listener, "hasqi")


def fitted(index: str, audiogram: Audiogram, rms_of_one_db_spl: float) -> Callable[[np.ndarray, np.ndarray], float]:
    """The metric (reference, processed) -> HASPI or HASQI of the ears of an audiogram; nothing is amplified, `processed` has been.

    An RMS of one is at `rms_of_one_db_spl`. HASPI takes the clean recording as its reference, HASQI the same amplified as `processed` is.
    Raises ValueError with the reason.
    """
    levels = audiogram.at(np.array(FREQUENCIES_HZ))
    scale = 10.0 ** ((rms_of_one_db_spl - LEVEL_DB_SPL) / 20.0)
    further = {"haspi": {}, "hasqi": {"equalisation": 2}}[index]
    return lambda reference, processed: _index(
        index, scale * reference, scale * processed, levels, further, nal_r=False
    )


def _measure(clean: np.ndarray, processed: np.ndarray, listener: str, index: str) -> float:
    scale = 1.0 / np.sqrt(np.mean(clean**2))
    levels = np.array(AUDIOGRAMS[listener], np.float64)
    return _index(index, scale * clean, scale * processed, levels, {}, nal_r=True)


def _index(
    index: str, reference: np.ndarray, heard: np.ndarray, levels: np.ndarray, further: dict[str, int], nal_r: bool
) -> float:
    """Recordings whose RMS of one is at LEVEL_DB_SPL, as pyclarity counts; levels in dB HL at FREQUENCIES_HZ."""
    package = _package()
    audiogram = package.Audiogram(levels=levels, frequencies=np.array(FREQUENCIES_HZ))
    with _repeatable():
        try:
            reference, _ = package.resample(reference, SAMPLE_RATE)
            heard, _ = package.resample(heard, SAMPLE_RATE)
            if nal_r:
                heard = _amplified(package, heard, audiogram)
            measure = package.indices[index]
            value = measure(reference, EAR_RATE, heard, EAR_RATE, audiogram, level1=LEVEL_DB_SPL, **further)[0]
        except (ValueError, IndexError, ZeroDivisionError) as error:
            raise ValueError(f"the model of the ear fails, perhaps for too little speech: {error}") from None
    return float(value)


def _amplified(package: SimpleNamespace, audio: np.ndarray, audiogram: Any) -> np.ndarray:
    """NAL-R, its delay removed: (S,) at EAR_RATE -> (S,)."""
    prescription = package.NALR(NAL_R_TAPS, EAR_RATE)
    taps, _ = prescription.build(audiogram)
    result: np.ndarray = prescription.apply(taps, audio)[NAL_R_TAPS // 2 :][: len(audio)]
    return result


@contextlib.contextmanager
def _repeatable() -> Iterator[None]:
    """The same dither for every call (pyclarity draws it from numpy's global generator), and no warnings of arithmetic."""
    state = np.random.get_state()
    np.random.seed(SEED)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(state)


def _package() -> SimpleNamespace:
    try:
        from clarity.enhancer.nalr import NALR
        from clarity.evaluator.haspi import haspi_v2
        from clarity.evaluator.haspi.eb import resample_24khz
        from clarity.evaluator.hasqi import hasqi_v2
        from clarity.utils.audiogram import Audiogram
    except ImportError as error:
        raise StapesError(
            f"HASPI and HASQI need the package pyclarity ({error}): pip install 'stapes[metrics]'"
        ) from None
    return SimpleNamespace(
        NALR=NALR, Audiogram=Audiogram, resample=resample_24khz, indices={"haspi": haspi_v2, "hasqi": hasqi_v2}
    )
