"""The C audio path compiled for the host and called through ctypes, one stream at a time."""

from __future__ import annotations

import ctypes
import subprocess
from ctypes import POINTER, byref, c_bool, c_int16, c_int32, c_int64, c_uint16, c_uint32, c_uint64
from pathlib import Path

import numpy as np
from stapes.export.c.runtime import RUNTIME, runtime_files, runtime_includes
from stapes.quantize.audio_params import FEATURES, AudioParams, RfftTables, TensorScaling

from tests.compiling import compile_object
from tests.machine import cmsis_dsp, require

STRICT = (
    "-std=c99 -pedantic -Wall -Wextra -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion -Wundef -Wcast-align"
)
BUILDS = {
    "gcc": ["gcc", "-O2"],
    "clang": ["clang", "-O3"],
    "sanitised": ["gcc", "-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all"],
}


def compile_library(folder: Path, build: str) -> Path:
    """Compile the runtime's audio path, every warning an error, with CMSIS-DSP's transform; skips without the compiler."""
    compiler, *flags = BUILDS[build]
    require("gcc sanitised" if build == "sanitised" else compiler)
    dsp = cmsis_dsp()
    includes = [flag for path in dsp.include_dirs for flag in ("-isystem", str(path))]
    defines = [f"-D{name}" for name in dsp.defines]
    sources = [path.name for path in RUNTIME.rglob("stapes_audio*.c")]
    own = [RUNTIME / name for name in runtime_files([], sources) if name.endswith(".c")]
    objects = []
    for path in [*own, Path(__file__).with_name("audio_scalar.c"), *dsp.c_files]:
        # CMSIS-DSP shifts negative numbers to the left, which its compilers define: only our own code is sanitised.
        options = ["-O2"] if path in dsp.c_files else [*flags, *STRICT.split(), "-Werror", *runtime_includes()]
        objects.append(
            compile_object([compiler, *options, "-fPIC", *includes, *defines], path, folder / f"{path.stem}.o")
        )
    library = folder / "audio.so"
    subprocess.run([compiler, *flags, "-shared", *objects, "-o", library], check=True)
    return library


class _Rfft(ctypes.Structure):
    _fields_ = [
        ("length", c_uint16),
        ("bit_reversal_length", c_uint16),
        ("twiddle_q31", POINTER(c_int32)),
        ("bit_reversal", POINTER(c_uint16)),
        ("split_a_q31", POINTER(c_int32)),
        ("split_b_q31", POINTER(c_int32)),
    ]


class _Params(ctypes.Structure):
    _fields_ = [
        ("analysis", c_int32),
        ("synthesis", c_int32),
        ("hop", c_int32),
        ("bins", c_int32),
        ("analysis_window_q31", POINTER(c_int32)),
        ("synthesis_window_q31", POINTER(c_int32)),
        ("rfft", POINTER(_Rfft)),
        ("power_shift", c_int32),
        ("window_power_log2", c_int32),
        ("synthesis_shift", c_int32),
        ("feature_shift", c_int32),
        ("noise_floor_q40", c_uint64),
        ("silent_sum_q40", c_uint64),
        ("startup_frames", c_int32),
        ("startup_mean_q31", c_uint32),
        ("startup_gain2_q30", c_int32),
        ("startup_gain_q15", c_uint16),
        ("gamma_max_q24", c_int32),
        ("xi_min_q24", c_int32),
        ("prior_weight_q31", c_int32),
        ("vad_threshold_sum_q24", c_int64),
        ("noise_step_q16", c_int32),
        ("hold_step_q16", c_int32),
        ("vad_hold_frames", c_int32),
        ("features", c_int32),
        ("gain_input", c_bool),
        ("log2_floor_q16", c_int32),
        ("bins_reciprocal_q32", c_uint32),
        ("level_shift", c_int32),
        ("log_shift", c_int32),
        ("log_clip_q20", c_int32),
        ("compression_q31", c_int32),
        ("compressed_clip_q20", c_int32),
        ("mask_floor_q15", c_int16),
        ("mask_on_noisy", c_bool),
        ("signal_shift", c_int32),
        ("clear_octaves_q16", c_int32),
        ("clear_run_shift", c_int32),
    ]


class _State(ctypes.Structure):
    _fields_ = [
        ("noise_q40", POINTER(c_uint64)),
        ("prior_q24", POINTER(c_int32)),
        ("spectrum_q31", POINTER(c_int32)),
        ("overlap_q25", POINTER(c_int32)),
        ("history_q15", POINTER(c_int16)),
        ("gain_q15", POINTER(c_uint16)),
        ("windowed_q30", POINTER(c_int32)),
        ("power_q40", POINTER(c_uint64)),
        ("transform_q31", POINTER(c_int32)),
        ("signal_q40", c_uint64),
        ("startup_left", c_int32),
        ("speech_run", c_int32),
        ("level_q24", c_int32),
        ("has_level", c_bool),
        ("exponent", c_int32),
        ("score_q24", c_int64),
        ("clarity_q15", c_int32),
        ("silent", c_bool),
        ("speech", c_bool),
    ]


class _Tensor(ctypes.Structure):
    _fields_ = [(name, c_int32) for name in ("multiplier_q31", "shift", "zero_point", "minimum", "maximum")]


def pointer_to(array: np.ndarray):
    """The array's memory as a typed C pointer."""
    return array.ctypes.data_as(POINTER(np.ctypeslib.as_ctypes_type(array.dtype)))


def c_rfft_tables(tables: RfftTables) -> _Rfft:
    """`stapes_rfft_tables`; the arrays stay with `tables`."""
    arrays = {name: pointer_to(getattr(tables, name)) for name, kind in _Rfft._fields_ if kind not in (c_uint16,)}
    return _Rfft(length=tables.length, bit_reversal_length=len(tables.bit_reversal), **arrays)


def _c_params(params: AudioParams, rfft: _Rfft) -> _Params:
    """`stapes_audio_params` from the dataclass, field by field of the same name."""
    values = {}
    for name, _ in _Params._fields_:
        value = getattr(params, name)
        values[name] = pointer_to(value) if isinstance(value, np.ndarray) else value
    values["rfft"] = ctypes.pointer(rfft)
    return _Params(**values)


class CAudioPath:
    """One stream of the C audio path; every array is fenced by values that no call may touch."""

    FENCE = 77

    def __init__(self, library: Path, params: AudioParams) -> None:
        self.c = ctypes.CDLL(str(library))
        self.params = params
        self.rfft = c_rfft_tables(params.rfft)
        self.c_params = _c_params(params, self.rfft)
        analysis, hop, bins = params.analysis, params.hop, params.bins
        # windowed_q30 and power_q40 are one memory, as in STAPES_AUDIO_SCRATCH.
        shared = self._fenced(max((analysis + 1) // 2, bins), np.uint64)
        self.arrays = {
            "noise_q40": self._fenced(bins, np.uint64),
            "prior_q24": self._fenced(bins, np.int32),
            "spectrum_q31": self._fenced(2 * bins, np.int32),
            "overlap_q25": self._fenced(hop, np.int32),
            "history_q15": self._fenced(analysis - hop, np.int16),
            "gain_q15": self._fenced(bins, np.uint16),
            "windowed_q30": shared.view(np.int32),
            "power_q40": shared,
            "transform_q31": self._fenced(2 * analysis, np.int32),
        }
        self.complex = params.features == FEATURES.index("complex")
        if self.complex:
            for name in ("noise_q40", "prior_q24", "gain_q15", "power_q40"):
                del self.arrays[name]
        self.state = _State(**{name: pointer_to(array) for name, array in self.arrays.items()})
        size = bins * (3 if self.complex else 2 if params.gain_input else 1)
        self.features_q20 = self._fenced(size, np.int32)
        self.output_q15 = self._fenced(hop, np.int16)
        self.reset()

    def _fenced(self, size: int, dtype: type) -> np.ndarray:
        array = np.full(size + 4, self.FENCE, dtype)
        self.fences = [*getattr(self, "fences", []), array[size:]]
        return array[:size]

    def fences_stand(self) -> bool:
        return all((fence == self.FENCE).all() for fence in self.fences)

    def reset(self) -> None:
        self.c.stapes_audio_reset(byref(self.c_params), byref(self.state))

    def analyse(self, block_q15: np.ndarray) -> dict[str, np.ndarray]:
        """As `AudioPath.analyse`, without the batch axis."""
        block_q15 = np.ascontiguousarray(block_q15, np.int16)
        function = self.c.stapes_audio_analyse_complex if self.complex else self.c.stapes_audio_analyse
        function(byref(self.c_params), byref(self.state), pointer_to(block_q15), pointer_to(self.features_q20))
        bins, state = self.params.bins, self.state
        frame = {
            "exponent": state.exponent,
            "spectrum_q31": self.arrays["spectrum_q31"].reshape(bins, 2).copy(),
            "features_q20": self.features_q20.copy(),
        }
        if self.complex:
            return frame
        return frame | {
            "power_q40": self.arrays["power_q40"][:bins].copy(),
            "noise_q40": self.arrays["noise_q40"].copy(),
            "prior_q24": self.arrays["prior_q24"].copy(),
            "gain2_q30": self.arrays["transform_q31"][:bins].copy(),
            "gain_q15": self.arrays["gain_q15"].copy(),
            "score_q24": state.score_q24,
            "clarity_q15": state.clarity_q15,
            "silent": state.silent,
            "speech": state.speech,
            "level_q24": state.level_q24,
        }

    def synthesise(self, mask_q15: np.ndarray | None = None) -> np.ndarray:
        """As `AudioPath.synthesise`, without the batch axis."""
        mask = None if mask_q15 is None else np.ascontiguousarray(mask_q15, np.int16)
        function = self.c.stapes_audio_synthesise_complex if self.complex else self.c.stapes_audio_synthesise
        function(
            byref(self.c_params),
            byref(self.state),
            None if mask is None else pointer_to(mask),
            pointer_to(self.output_q15),
        )
        return self.output_q15.copy()


def c_quantise_features(library: Path, features_q20: np.ndarray, scaling: TensorScaling, dtype: type) -> np.ndarray:
    """`stapes_audio_quantise_s8` or `_s16` over a flat array."""
    features_q20, out = np.ascontiguousarray(features_q20, np.int32), np.empty(features_q20.shape, dtype)
    function = getattr(ctypes.CDLL(str(library)), f"stapes_audio_quantise_s{8 * out.itemsize}")
    tensor = _Tensor(**vars(scaling))
    function(byref(tensor), c_int32(features_q20.size), pointer_to(features_q20), pointer_to(out))
    return out


def c_mask_to_q15(library: Path, mask: np.ndarray, scaling: TensorScaling) -> np.ndarray:
    """`stapes_audio_mask_s8` or `_s16` over a flat array of int8 or int16."""
    out = np.empty(mask.shape, np.int16)
    function = getattr(ctypes.CDLL(str(library)), f"stapes_audio_mask_s{8 * mask.itemsize}")
    tensor = _Tensor(**vars(scaling))
    function(byref(tensor), c_int32(mask.size), pointer_to(np.ascontiguousarray(mask)), pointer_to(out))
    return out
