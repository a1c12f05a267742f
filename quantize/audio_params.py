"""Every table and integer constant of the fixed-point audio path, computed once from a front end.

`audio_params` and `rfft_tables` serve the Python path and the C exporter alike: the fields carry the names and the order
of `stapes_audio_params` and `stapes_rfft_tables` in the C runtime. Which quantity has which format is told in
`firmware_sim/audio/__init__.py`. N is the analysis length, F the number of bins.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from ..models.audio import SoundPath
from ..models.audio.compressed import CLIP as COMPRESSED_CLIP
from ..models.audio.compressed import COMPRESSION
from ..models.audio.level import FLOOR_RATIO
from ..models.audio.level import SMOOTHING as LEVEL_SMOOTHING
from ..models.audio.log import CLIP as LOG_CLIP
from ..models.audio.log import RANGE as LOG_RANGE
from ..models.audio.mask import Mask
from ..models.audio.wiener import CLEAR_RUN_FRAMES, HOLD_SMOOTHING, SIGNAL_SMOOTHING, Wiener
from ..models.errors import StapesError
from .arithmetic import INT32_MAX, quantize_multiplier
from .graph import Tensor

# Shortest real transform of CMSIS-DSP, and the longest one whose synthesis keeps its head room in 32 bits.
SHORTEST_ANALYSIS, LONGEST_ANALYSIS = 32, 1024
# A complex factor may reach sqrt(2), which takes the head room of the longest one.
LONGEST_COMPLEX_ANALYSIS = 512
LARGEST_STARTUP = 4096
# No SNR that the powers' formats hold is as many octaves.
_OUT_OF_REACH_OCTAVES = 64.0
LARGEST_GAMMA_MAX = 64.0
LARGEST_VAD_THRESHOLD = 2.0**20
# CMSIS-DSP rounds its split tables, but cuts its twiddles off where their fraction is under 0.95: this gives every entry.
_TWIDDLE_ROUNDING = 0.05
# |feature| in Q20 stays below: |X| * G of full-scale audio at N = 1024 is under 2 / pi * 1024, the other modes are clipped.
FEATURES = ("magnitude", "log", "compressed", "complex")
_FEATURE_LIMIT_Q20 = {"magnitude": 2**30, "log": 2**23, "compressed": 2**24, "complex": 2**30}

# CMSIS-DSP's real Q31 transform, the only code of others on the path: its files below the folder of CMSIS-DSP. The defines serve for
# all hosts and cores alike: the first keeps CMSIS-Core's headers out (GCC, Clang), the second unrolls loops, with equal bits, and the
# third takes the plain C on cores with Helium, whose own transform gives other bits.
CMSIS_SOURCES = (
    "Source/TransformFunctions/arm_rfft_q31.c",
    "Source/TransformFunctions/arm_cfft_q31.c",
    "Source/TransformFunctions/arm_cfft_radix4_q31.c",
    "Source/TransformFunctions/arm_bitreversal2.c",
    "Source/TransformFunctions/arm_bitreversal.c",
    "Source/BasicMathFunctions/arm_shift_q31.c",
)
CMSIS_DEFINES = ("__GNUC_PYTHON__", "ARM_MATH_LOOPUNROLL", "ARM_MATH_AUTOVECTORIZE")

# Golden audio in a bundle's vectors, beside the codes of the network's inputs and outputs.
AUDIO_IN, AUDIO_OUT = "audio_in_q15", "audio_out_q15"
# What the audio path traces beside the tensors of the graph, and its types.
TRACED = {
    "spectrum_q31": np.int32,
    "exponent": np.int32,
    "power_q40": np.uint64,
    "noise_q40": np.uint64,
    "speech": np.bool_,
    "gain_q15": np.uint16,
    "features_q20": np.int32,
    "mask_q15": np.int16,
}


def require_free_tensors(names: Iterable[str], audio: bool) -> None:
    """Raise StapesError for a tensor whose name the tables of a program cannot hold, or that the audio path has itself."""
    for name in names:
        if "\0" in name:
            raise StapesError(f"tensor {name!r} has a zero character in its name, where a name in C ends; rename it")
        if audio and name in (*TRACED, AUDIO_IN, AUDIO_OUT):
            raise StapesError(f"tensor '{name}' has the name of a quantity of the audio path; rename it in the network")


@dataclass(frozen=True, eq=False)
class RfftTables:
    """Constants of a real transform of `length` points, those of CMSIS-DSP cut down to this length.

    twiddle_q31 (3 * N / 4,) int32: cos and sin of 2 pi i / (N / 2), in turn; bit_reversal uint16: pairs of byte offsets to
    swap; split_a_q31, split_b_q31 (N,) int32.
    """

    length: int
    twiddle_q31: np.ndarray
    bit_reversal: np.ndarray
    split_a_q31: np.ndarray
    split_b_q31: np.ndarray


@dataclass(frozen=True, eq=False)
class AudioParams:
    """Constants of one front end; plain integers, and int32 tables (analysis,) and (synthesis,)."""

    analysis: int
    synthesis: int
    hop: int
    bins: int
    analysis_window_q31: np.ndarray
    synthesis_window_q31: np.ndarray
    rfft: RfftTables
    power_shift: int
    """power_q40 = |spectrum_q31|^2 >> (power_shift + 2 * exponent)"""
    window_power_log2: int
    """|X|^2 = power * 2^window_power_log2"""
    synthesis_shift: int
    """the inverse transform, shifted left by this, windowed in the high half and shifted right by the exponent, is in Q25"""
    feature_shift: int
    """complex features_q20 = spectrum_q31 >> (feature_shift + exponent)"""
    noise_floor_q40: int
    silent_sum_q40: int
    """a frame whose powers sum to less is silent"""
    startup_frames: int
    startup_mean_q31: int
    """2^31 / startup_frames"""
    startup_gain2_q30: int
    startup_gain_q15: int
    gamma_max_q24: int
    xi_min_q24: int
    prior_weight_q31: int
    """xi_smoothing; the weight of the present frame is the rest of 1"""
    vad_threshold_sum_q24: int
    """vad_threshold times the number of bins"""
    noise_step_q16: int
    hold_step_q16: int
    vad_hold_frames: int
    features: int
    """index into FEATURES"""
    gain_input: bool
    log2_floor_q16: int
    bins_reciprocal_q32: int
    level_shift: int
    """the level moves by the difference >> level_shift"""
    log_shift: int
    log_clip_q20: int
    compression_q31: int
    compressed_clip_q20: int
    mask_floor_q15: int
    mask_on_noisy: bool
    """features and mask are of the noisy spectrum, as if the Wiener gain were one"""
    signal_shift: int
    """the signal moves by the difference >> signal_shift"""
    clear_octaves_q16: int
    """log2 of the SNR from which the Wiener gain begins to be a floor under the mask; out of reach without a clear_snr_db"""
    clear_run_shift: int
    """2^(15 - clear_run_shift) frames of unbroken speech leave the clarity alone, twice as many end it"""


@dataclass(frozen=True)
class TensorScaling:
    """How a real value enters or leaves an int8 or int16 tensor: requantise_double, zero point, limits."""

    multiplier_q31: int
    shift: int
    zero_point: int
    minimum: int
    maximum: int


def _round(value: float) -> int:
    """Nearest integer, halves away from zero."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def _to_q31(values: np.ndarray, rounding: float = 0.5) -> np.ndarray:
    """floor(values * 2^31 + rounding), 1.0 becomes 2^31 - 1."""
    table = np.minimum(np.floor(values * 2.0**31 + rounding), INT32_MAX).astype(np.int32)
    table.flags.writeable = False
    return table


def _interleave(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.stack([first, second], axis=1).reshape(-1)


def _bit_reversal(points: int) -> np.ndarray:
    """Pairs of places that a bit reversal swaps, as offsets of 8 bytes a place, in rising order of the first."""
    bits = points.bit_length() - 1
    reverse = [int(f"{place:0{bits}b}"[::-1], 2) for place in range(points)]
    pairs = [(place, other) for place, other in enumerate(reverse) if place < other]
    table = np.array(pairs, np.uint16).reshape(-1) * np.uint16(8)
    table.flags.writeable = False
    return table


def rfft_tables(length: int) -> RfftTables:
    """Tables of the real transform of `length` points (a power of two).

    Formulas: those stated beside `realCoefAQ31`, `realCoefBQ31` and `twiddleCoef_64_q31` in CMSIS-DSP.
    """
    twiddle = np.arange(3 * length // 8) * (2 * np.pi / (length // 2))
    split = np.arange(length // 2) * (2 * np.pi / length)
    return RfftTables(
        length=length,
        twiddle_q31=_to_q31(_interleave(np.cos(twiddle), np.sin(twiddle)), _TWIDDLE_ROUNDING),
        bit_reversal=_bit_reversal(length // 2),
        split_a_q31=_to_q31(_interleave(0.5 * (1.0 - np.sin(split)), -0.5 * np.cos(split))),
        split_b_q31=_to_q31(_interleave(0.5 * (1.0 + np.sin(split)), 0.5 * np.cos(split))),
    )


# What C holds in 64 bits, and in 32 bits without a sign; all other numbers fit in 32 with one.
_OF_64_BITS = ("noise_floor_q40", "silent_sum_q40", "vad_threshold_sum_q24")
_UNSIGNED = ("startup_mean_q31",)


def flat(sound_path: SoundPath) -> SimpleNamespace:
    """The settings of all stages side by side."""
    found = SimpleNamespace(**{**vars(Wiener()), **vars(Mask()), "gain_input": False, "of": "wiener"})
    for stage in sound_path.stages:
        vars(found).update({**vars(stage), **({"features": stage.kind} if stage.kind in FEATURES else {})})
    wiener = next((s for s in sound_path.stages if isinstance(s, Wiener)), Wiener())
    mask = next((s for s in sound_path.stages if isinstance(s, Mask)), Mask())
    found.noise_floor, found.xi_min, found.clear_snr_octaves = (
        wiener.noise_floor,
        wiener.xi_min,
        wiener.clear_snr_octaves,
    )
    found.mask_floor, found.mask_on, found.complex_mask = mask.floor, mask.on, found.features == "complex"
    found.bins, found.windows, found.window_power = (
        sound_path.transform.bins,
        sound_path.transform.windows,
        sound_path.transform.window_power,
    )
    return found


def _check(sound_path: SimpleNamespace) -> None:
    """Refuse what the fixed-point formats cannot hold."""
    longest, where = (
        (LONGEST_COMPLEX_ANALYSIS, " with a complex mask") if sound_path.complex_mask else (LONGEST_ANALYSIS, "")
    )
    if not SHORTEST_ANALYSIS <= sound_path.analysis <= longest:
        raise StapesError(
            f"analysis {sound_path.analysis}: the fixed-point transform takes {SHORTEST_ANALYSIS} to {longest} samples{where}"
        )
    if sound_path.gamma_max > LARGEST_GAMMA_MAX:
        raise StapesError(f"gamma_max {sound_path.gamma_max}: the fixed-point path takes at most {LARGEST_GAMMA_MAX:g}")
    if sound_path.startup_frames > LARGEST_STARTUP:
        raise StapesError(
            f"startup_frames {sound_path.startup_frames}: the fixed-point path takes at most {LARGEST_STARTUP}"
        )
    if sound_path.noise_floor > 1.0 or _round(sound_path.noise_floor * 2.0**40) < 16:
        raise StapesError(f"noise_floor {sound_path.noise_floor:g}: the fixed-point path takes 2^-36 to 1")
    if not 2.0**-20 <= sound_path.xi_min <= LARGEST_GAMMA_MAX:
        raise StapesError(f"xi_min_db {sound_path.xi_min_db:g}: the fixed-point path takes -60 to 18")
    if abs(sound_path.vad_threshold) > LARGEST_VAD_THRESHOLD:
        raise StapesError(
            f"vad_threshold {sound_path.vad_threshold:g}: the fixed-point path takes at most {LARGEST_VAD_THRESHOLD:g}"
        )


def audio_params(sound_path: SoundPath) -> AudioParams:
    """Constants of `sound_path`; raises StapesError when a value is out of what the formats hold."""
    settings = flat(sound_path)
    _check(settings)
    params = _params(settings)
    for name, value in vars(params).items():
        bits = 62 if name in _OF_64_BITS else 32 if name in _UNSIGNED else 31
        if type(value) is int and not -(2**bits) <= value < 2**bits:
            raise StapesError(
                f"{name.rpartition('_q')[0] or name}: too large for the fixed-point path; give a smaller value"
            )
    return params


def _params(sound_path: SimpleNamespace) -> AudioParams:
    analysis_window, synthesis_window = sound_path.windows()
    log2_analysis = sound_path.analysis.bit_length() - 1
    window_power_log2 = _round(math.log2(sound_path.window_power))
    noise_floor_q40 = _round(sound_path.noise_floor * 2.0**40)
    startup_gain2 = sound_path.xi_smoothing / (1.0 + sound_path.xi_smoothing)
    return AudioParams(
        analysis=sound_path.analysis,
        synthesis=sound_path.synthesis,
        hop=sound_path.hop,
        bins=sound_path.bins,
        analysis_window_q31=_to_q31(analysis_window),
        synthesis_window_q31=_to_q31(synthesis_window),
        rfft=rfft_tables(sound_path.analysis),
        power_shift=20 + window_power_log2 - 2 * log2_analysis,
        window_power_log2=window_power_log2,
        synthesis_shift=log2_analysis - 5,
        feature_shift=10 - log2_analysis,
        noise_floor_q40=noise_floor_q40,
        silent_sum_q40=noise_floor_q40 * sound_path.bins,
        startup_frames=sound_path.startup_frames,
        startup_mean_q31=_round(2.0**31 / sound_path.startup_frames),
        startup_gain2_q30=_round(startup_gain2 * 2.0**30),
        startup_gain_q15=_round(math.sqrt(startup_gain2) * 2.0**15),
        gamma_max_q24=_round(sound_path.gamma_max * 2.0**24),
        xi_min_q24=_round(sound_path.xi_min * 2.0**24),
        prior_weight_q31=min(_round(sound_path.xi_smoothing * 2.0**31), INT32_MAX),
        vad_threshold_sum_q24=_round(sound_path.vad_threshold * sound_path.bins * 2.0**24),
        noise_step_q16=_round((1.0 - sound_path.noise_smoothing) * 2.0**16),
        hold_step_q16=_round((1.0 - HOLD_SMOOTHING) * 2.0**16),
        vad_hold_frames=sound_path.vad_hold_frames,
        features=FEATURES.index(sound_path.features),
        gain_input=sound_path.gain_input,
        log2_floor_q16=_round(math.log2(sound_path.noise_floor * FLOOR_RATIO) * 2.0**16),
        bins_reciprocal_q32=_round(2.0**32 / sound_path.bins),
        level_shift=_round(-math.log2(LEVEL_SMOOTHING)),
        log_shift=_round(math.log2(LOG_RANGE)),
        log_clip_q20=_round(LOG_CLIP * 2.0**20),
        compression_q31=_round(COMPRESSION * 2.0**31),
        compressed_clip_q20=_round(COMPRESSED_CLIP * 2.0**20),
        mask_floor_q15=min(_round(sound_path.mask_floor * 2.0**15), 2**15 - 1),
        mask_on_noisy=sound_path.mask_on == "noisy",
        signal_shift=_round(-math.log2(SIGNAL_SMOOTHING)),
        clear_octaves_q16=_round(min(sound_path.clear_snr_octaves, _OUT_OF_REACH_OCTAVES) * 2.0**16),
        clear_run_shift=15 - _round(math.log2(CLEAR_RUN_FRAMES)),
    )


def _scaling(real: float, tensor: Tensor, minimum: int, maximum: int, largest: int) -> TensorScaling:
    """`real` as multiplier and shift; the left shift of `largest` must stay within 32 bits."""
    multiplier_q31, shift = quantize_multiplier(real)
    if multiplier_q31 <= 0 or largest << max(shift, 0) > 2**31:
        raise StapesError(
            f"tensor '{tensor.name}': scale {_scale_of(tensor):g} is outside what the audio path can convert; calibrate it again"
        )
    return TensorScaling(multiplier_q31, shift, tensor.zero_point, minimum, maximum)


def _scale_of(tensor: Tensor) -> float:
    """The one scale of a per-tensor int8 or int16 tensor."""
    if tensor.dtype not in ("int8", "int16") or tensor.scale is None or tensor.scale.size != 1 or tensor.scale[0] <= 0:
        raise StapesError(
            f"tensor '{tensor.name}': the audio path needs int8 or int16 with one positive scale; quantize the network again"
        )
    return float(tensor.scale[0])


def feature_scaling(sound_path: SoundPath, tensor: Tensor) -> TensorScaling:
    """From features_q20 to the network's input `tensor`: limits are those of its dtype."""
    _, limit = sound_path.features.known_limits
    return _scaling(2.0**-20 / _scale_of(tensor), tensor, *tensor.limits, limit)


def mask_scaling(sound_path: SoundPath, tensor: Tensor) -> TensorScaling:
    """From the network's output `tensor` to mask_q15: limits 0 and 32767, those of int16 where the mask is complex."""
    return _scaling(_scale_of(tensor) * 2.0**15, tensor, *sound_path.mask.known_limits, 2**16)
