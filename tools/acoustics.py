"""What a hearing aid is asked about, measured on the integer path alone: response, latency, noise of its own, distortion.

Signals go through the path of a bundle twice: with its reduction off (all gains at one, the network left out), and as it runs. The
second is of that signal only: a reducer may take a tone for noise. Levels are in dB re full scale; a sine of full scale is at
-3.01 dB. S samples, B signals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..firmware_sim.audio.path import AudioPath
from ..firmware_sim.engines.audio import from_blocks, to_blocks
from ..models.audio import SoundPath

ONE_Q15 = 1 << 15
# What is softer is told as this.
FLOOR_DB = -200.0
SETTLE_SECONDS, MEASURE_SECONDS = 1, 1
LEVEL_DB, SOFT_DB = -12.0, -60.0
SOFT_HZ = 1000
# Tones of ANSI S3.22 and IEC 60118-0 for harmonic distortion, and a pair for the products of two.
HARMONIC_HZ = (500, 800, 1600)
PAIR_HZ = (1000, 1200)
HARMONICS = range(2, 6)
SWEEP, IMPULSE, SILENCE, SOFT, PAIR = "sweep", "impulse", "silence", "soft tone", "two tones"
# Asked for in dB SPL: a sweep at the level of OSPL90 in IEC 60118-0.
LOUD, LOUD_SPL = "loud sweep", 90.0
# RMS of a sine of full scale, in dB re full scale.
SINE_DB = 10.0 * math.log10(0.5)
LOWEST_HZ, HIGHEST_PART = 50.0, 0.49


@dataclass(frozen=True)
class Response:
    """Gain of a sweep in bands a third of an octave wide: their middles in Hz, and dB."""

    hertz: tuple[float, ...]
    gain_db: tuple[float, ...]


@dataclass(frozen=True)
class Measured:
    """One way through the path.

    `delay_samples`: where the impulse comes out, None where nothing does. `silence_db`: what digital silence becomes. `noise_db`:
    what is there beside a soft tone. `harmonics_percent`: of each tone, amplitude of its harmonics over its own. `products_percent`:
    the difference tone and those of third order of two tones, over the two.
    """

    response: Response
    delay_samples: int | None
    silence_db: float
    noise_db: float
    harmonics_percent: Mapping[int, float]
    products_percent: float


@dataclass(frozen=True)
class SoundPressure:
    """What one way through the path is in dB SPL, where a sine of full scale, of microphone and receiver, is `calibration_db`.

    `silence_db`: what digital silence becomes. `noise_db`: what is there beside a soft tone. `output_db`: the level of what a sweep of `input_db` becomes,
    whole, while it passes each band of the response: `maximum_db` is the largest, at `maximum_hz`.
    """

    calibration_db: float
    silence_db: float | None
    noise_db: float
    input_db: float
    output_db: tuple[float, ...]
    maximum_db: float
    maximum_hz: float


def signals(rate: int, calibration_db: float | None = None) -> dict[str, np.ndarray]:
    """Every signal by its name, float64 (S,) in [-1, 1); tones fall on whole Hz, so that a second holds whole periods.

    With a calibration the loud sweep is among them.
    """
    samples = (SETTLE_SECONDS + MEASURE_SECONDS) * rate
    time = np.arange(samples) / rate
    level = 10.0 ** (LEVEL_DB / 20.0)

    def tone(hertz: int, amplitude: float) -> np.ndarray:
        result: np.ndarray = amplitude * np.sin(2.0 * np.pi * hertz * time)
        return result

    low, high, length = LOWEST_HZ, HIGHEST_PART * rate, samples / rate
    phase = 2.0 * np.pi * low * length / math.log(high / low) * np.expm1(time / length * math.log(high / low))
    impulse = np.zeros(samples)
    impulse[SETTLE_SECONDS * rate] = 0.5
    made = {
        SWEEP: level * np.sin(phase),
        IMPULSE: impulse,
        SILENCE: np.zeros(samples),
        SOFT: tone(SOFT_HZ, 10.0 ** (SOFT_DB / 20.0)),
        PAIR: sum((tone(hertz, level / 2.0) for hertz in PAIR_HZ), np.zeros(samples)),
    }
    if calibration_db is not None:
        made[LOUD] = 10.0 ** ((loud_db(calibration_db) - calibration_db) / 20.0) * np.sin(phase)
    return made | {f"{hertz} Hz": tone(hertz, level) for hertz in HARMONIC_HZ}


def loud_db(calibration_db: float) -> float:
    """The level of the loud sweep in dB SPL: 90, or that of full scale where it is lower."""
    return min(LOUD_SPL, calibration_db)


def sound_pressure(way: Measured, loud: np.ndarray, rate: int, calibration_db: float) -> SoundPressure:
    """The figures of one way in dB SPL; `loud` is what the loud sweep became, float64 (S,)."""
    above = calibration_db - SINE_DB
    octaves, length = math.log(HIGHEST_PART * rate / LOWEST_HZ), len(loud) / rate
    levels = []
    for middle in way.response.hertz:
        edges = [math.log(middle * 2.0**part / LOWEST_HZ) / octaves * length for part in (-1 / 6, 1 / 6)]
        first, end = (round(edge * rate) + (way.delay_samples or 0) for edge in edges)
        levels.append(level_db(loud[first:end]) + above)
    highest = int(np.argmax(levels))
    return SoundPressure(
        calibration_db=calibration_db,
        silence_db=None if way.silence_db <= FLOOR_DB else way.silence_db + above,
        noise_db=way.noise_db + above,
        input_db=loud_db(calibration_db),
        output_db=tuple(levels),
        maximum_db=levels[highest],
        maximum_hz=way.response.hertz[highest],
    )


def run_open(sound_path: SoundPath, audio_q15: np.ndarray) -> np.ndarray:
    """int16 (B, S) through the integer path with its reduction off: no network, and a Wiener gain of one."""
    blocks = to_blocks(audio_q15, sound_path.hop)
    path = AudioPath(sound_path, blocks.shape[1])
    made = []
    for block in blocks:
        path.analyse(block)
        if "gain_q15" in path.frame:
            path.frame["gain_q15"] = np.full_like(path.frame["gain_q15"], ONE_Q15)
        made.append(path.synthesise())
    return from_blocks(made, audio_q15.shape[1])


def measured(given: Mapping[str, np.ndarray], made: Mapping[str, np.ndarray], rate: int) -> Measured:
    """What came out of `signals`, by the same names, float64 (S,)."""
    end = slice(SETTLE_SECONDS * rate, (SETTLE_SECONDS + MEASURE_SECONDS) * rate)
    spectra = {name: amplitudes(signal[end]) for name, signal in made.items()}
    return Measured(
        response=response(given[SWEEP], made[SWEEP], rate),
        delay_samples=_delay(given[IMPULSE], made[IMPULSE]),
        silence_db=level_db(made[SILENCE][end]),
        noise_db=_beside(spectra[SOFT], (SOFT_HZ,)),
        harmonics_percent={hertz: _harmonics(spectra[f"{hertz} Hz"], hertz) for hertz in HARMONIC_HZ},
        products_percent=_products(spectra[PAIR]),
    )


def amplitudes(signal: np.ndarray) -> np.ndarray:
    """Amplitude at each whole Hz of one second."""
    result: np.ndarray = np.abs(np.fft.rfft(signal)) / (len(signal) / 2.0)
    return result


def level_db(signal: np.ndarray) -> float:
    """RMS in dB re full scale, FLOOR_DB at least."""
    return _decibels(float(np.sqrt(np.mean(np.square(signal)))))


def response(given: np.ndarray, made: np.ndarray, rate: int) -> Response:
    """Gain in bands a third of an octave wide: energy that came out over energy that went in."""
    powers = [np.abs(np.fft.rfft(signal)) ** 2 for signal in (given, made)]
    hertz = np.arange(len(powers[0])) * rate / len(given)
    middles, gains = [], []
    for band in range(-10, 20):
        middle = 1000.0 * 2.0 ** (band / 3.0)
        low, high = middle * 2.0 ** (-1 / 6), middle * 2.0 ** (1 / 6)
        if low < 80.0 or high > 0.46 * rate:
            continue
        inside = (hertz >= low) & (hertz < high)
        before, after = (float(power[inside].sum()) for power in powers)
        middles.append(middle)
        gains.append(_decibels(math.sqrt(after / before)))
    return Response(tuple(middles), tuple(gains))


def _delay(given: np.ndarray, made: np.ndarray) -> int | None:
    peak = int(np.argmax(np.abs(made)))
    return peak - int(np.argmax(np.abs(given))) if made[peak] else None


def _beside(spectrum: np.ndarray, tones: tuple[int, ...]) -> float:
    """The level of all that is none of these tones, and no constant."""
    rest = spectrum.copy()
    rest[[0, *tones]] = 0.0
    return _decibels(math.sqrt(float(np.sum(rest**2)) / 2.0))


def _harmonics(spectrum: np.ndarray, hertz: int) -> float:
    places = [hertz * n for n in HARMONICS if hertz * n < len(spectrum)]
    return _percent(math.sqrt(float(np.sum(spectrum[places] ** 2))), float(spectrum[hertz]))


def _products(spectrum: np.ndarray) -> float:
    low, high = PAIR_HZ
    places = [high - low, 2 * low - high, 2 * high - low]
    return _percent(math.sqrt(float(np.sum(spectrum[places] ** 2))), math.hypot(*spectrum[list(PAIR_HZ)]))


def _percent(part: float, whole: float) -> float:
    """NaN where nothing of the tone came out: there is no distortion of it."""
    return 100.0 * part / whole if whole > 10.0 ** (FLOOR_DB / 20.0) else math.nan


def _decibels(amplitude: float) -> float:
    return max(20.0 * math.log10(amplitude), FLOOR_DB) if amplitude > 0 else FLOOR_DB
