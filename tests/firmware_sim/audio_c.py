"""The C audio path compiled for the host and called through ctypes, one stream at a time."""

from __future__ import annotations

import ctypes
import functools
import subprocess
from collections.abc import Mapping
from ctypes import POINTER, byref, c_int32
from pathlib import Path

import numpy as np
from stapes.export.c.audio.memory import values
from stapes.export.c.audio.stage import c_stage
from stapes.export.c.runtime import RUNTIME, runtime_files, runtime_includes
from stapes.firmware_sim.audio.path import AudioPath
from stapes.models.audio import SoundPath, Stage, kinds
from stapes.quantize.audio import path_params
from stapes.quantize.audio.c_struct import Member, members, struct_name
from stapes.quantize.audio.controls import integers, rest_words
from stapes.quantize.audio.rfft import RfftTables
from stapes.quantize.audio.scaling import TensorScaling

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
    names = [f"stapes_{kind}" for kind in kinds()] + [
        "stapes_mixed_transform",
        "stapes_mixed_inverse",
        "stapes_wide_mixed_inverse",
        *(name for kind in kinds() for name in c_stage(kind).companions),
    ]
    sources = ["stapes_audio_tensors.c", "stapes_audio_wide.c", *(f"{name}.c" for name in names)]
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


def structure(name: str, parts: tuple[Member, ...]) -> type[ctypes.Structure]:
    """A struct of these members as ctypes lay it out."""
    kinds = {member.name: _c_type(member) for member in parts}
    return type(name, (ctypes.Structure,), {"_fields_": list(kinds.items())})


def _c_type(member: Member):
    if member.struct is not None:
        return POINTER(struct_of(member.struct))
    plain = ctypes.c_bool if member.dtype == "bool" else np.ctypeslib.as_ctypes_type(np.dtype(member.dtype))
    return POINTER(plain) if member.pointer else plain


@functools.cache
def struct_of(kind: type) -> type[ctypes.Structure]:
    """The ctypes struct of a dataclass that is one in C."""
    return structure(struct_name(kind), members(kind))


def _function(params) -> str:
    """The function of the runtime that takes these constants."""
    return struct_name(type(params)).removesuffix("_params")


def pointer_to(array: np.ndarray):
    """The array's memory as a typed C pointer."""
    return array.ctypes.data_as(POINTER(np.ctypeslib.as_ctypes_type(array.dtype)))


def c_struct(params) -> ctypes.Structure:
    """A dataclass as its C struct; the arrays stay with the dataclass."""
    made = {}
    for member in members(type(params)):
        value = getattr(params, member.name)
        if member.struct is not None:
            value = ctypes.pointer(c_struct(value))
        made[member.name] = pointer_to(value) if isinstance(value, np.ndarray) else value
    return struct_of(type(params))(**made)


def c_rfft_tables(tables: RfftTables) -> ctypes.Structure:
    """`stapes_rfft_tables`; the arrays stay with `tables`."""
    return c_struct(tables)


@functools.lru_cache(maxsize=2)
def _params(sound_path: SoundPath) -> list:
    """The constants of a path, which its streams have in common."""
    return path_params(sound_path)


class CAudioPath:
    """One stream of the stages in C, called as the exporter would; every array is fenced by values that no call may touch."""

    FENCE = 77

    def __init__(self, library: Path, sound_path: SoundPath) -> None:
        self.c = ctypes.CDLL(str(library))
        self.sound_path = sound_path
        self.params = _params(sound_path)
        self.structs = [c_struct(params) for params in self.params]
        self.fences: list[np.ndarray] = []
        self.arrays = {"output_q15": self._fenced(sound_path.hop, "int16")}
        self.states = {}
        for stage in sound_path.stages:
            c = c_stage(stage.kind)
            for quantity in stage.makes:
                if quantity.shape and quantity.name not in (*self.arrays, *c.views):
                    self.arrays[quantity.name] = self._fenced(values(quantity.shape, sound_path), quantity.dtype)
            for member in (*c.state, *c.scratch):
                if member.shape is not None and not member.view:
                    self.arrays[member.name] = self._fenced(values(member.shape, sound_path, stage), member.dtype)
            if c.state:
                known = {m.name: pointer_to(self.arrays[m.name]) for m in c.state if m.shape is not None and not m.view}
                self.states[stage.kind] = structure(f"{stage.kind}_state", c.state)(**known)
        self.scalars = [
            (member.name, state)
            for kind, state in self.states.items()
            for member in c_stage(kind).state
            if member.shape is None and member.name in sound_path.quantities
        ]
        self.views = {name: state for kind, state in self.states.items() for name in c_stage(kind).views}
        self.controls = {
            stage.kind: np.zeros(sum(control.size for control in stage.controls), np.int32)
            for stage in sound_path.stages
            if stage.controls
        }
        self.set_controls(rest_words(sound_path))
        self.prepared: dict[str, tuple] = {}
        self.reset()

    def set_controls(self, words: np.ndarray) -> None:
        """As `AudioPath.set_controls`."""
        for kind, given in integers(self.sound_path, words).items():
            self.controls[kind][:] = np.concatenate([values.ravel() for values in given.values()])

    def _fenced(self, size: int, dtype: str) -> np.ndarray:
        array = np.full(size + 4, self.FENCE, dtype)
        self.fences.append(array[size:])
        return array[:size]

    def fences_stand(self) -> bool:
        return all((fence == self.FENCE).all() for fence in self.fences)

    def reset(self) -> None:
        for stage, params, struct in zip(self.sound_path.stages, self.params, self.structs, strict=True):
            if stage.kind in self.states:
                reset = getattr(self.c, f"{_function(params)}_reset")
                reset(byref(struct), byref(self.states[stage.kind]))

    def _prepared(self, stage: Stage) -> tuple:
        """The function of a stage, its arguments, and which of them each call finds anew: by place, the way to it."""
        c = c_stage(stage.kind)
        known = {*stage.reads, *(q.name for q in stage.makes), *(m.name for m in c.scratch)}
        index = self.sound_path.stages.index(stage)
        scalars = {q.name: (s.kind, q) for s in self.sound_path.stages[:index] for q in s.makes if not q.shape}
        arguments = [byref(self.structs[index])]
        if stage.kind in self.states:
            arguments.append(byref(self.states[stage.kind]))
        if stage.controls:
            arguments.append(pointer_to(self.controls[stage.kind]))
        anew: dict[int, tuple] = {}
        for place, name in enumerate(c.arguments, len(arguments)):
            array = None
            if name in self.views:
                anew[place] = (name, self.views[name], None)
            elif name in scalars:
                kind, quantity = scalars[name]
                anew[place] = (name, self.states[kind], _c_type(Member(name, quantity.dtype)))
            else:
                array = self.arrays.get(name) if name in known else None
                if name in stage.reads:
                    anew[place] = (name, None, None)
            arguments.append(None if array is None else pointer_to(array))
        return getattr(self.c, _function(self.params[index])), arguments, anew

    def call(self, stage: Stage, given: dict[str, np.ndarray | None]) -> None:
        """One stage; `given` is what comes from outside, by name, and None for a null pointer."""
        if stage.kind not in self.prepared:
            self.prepared[stage.kind] = self._prepared(stage)
        function, arguments, anew = self.prepared[stage.kind]
        for place, (name, state, scalar) in anew.items():
            if state is not None:
                value = getattr(state, name)
                arguments[place] = value if scalar is None else scalar(value)
            elif name in given:
                arguments[place] = None if given[name] is None else pointer_to(given[name])
        function(*arguments)

    def analyse(self, block_q15: np.ndarray) -> dict[str, np.ndarray]:
        """As `AudioPath.analyse`, without the batch axis."""
        given = {"block_q15": np.ascontiguousarray(block_q15, np.int16)}
        frame: dict[str, np.ndarray] = {}
        for stage in self.sound_path.before:
            self.call(stage, given)
        frame |= {name: self.arrays[name].copy() for name in self.sound_path.quantities if name in self.arrays}
        frame |= {name: getattr(state, name) for name, state in self.scalars}
        hop = (self.sound_path.hop,)
        frame |= {name: np.ctypeslib.as_array(getattr(state, name), hop).copy() for name, state in self.views.items()}
        frame["spectrum_q31"] = frame["spectrum_q31"].reshape(-1, 2)
        return frame

    def synthesise(self, asked: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """As `AudioPath.synthesise`, without the batch axis."""
        given = {
            q.name: np.ascontiguousarray(asked[q.name], q.dtype) if asked is not None else None
            for q in self.sound_path.asked
        }
        for stage in self.sound_path.after:
            self.call(stage, given)
        return self.arrays["output_q15"].copy()


def assert_equal_stages(library, sound_path, signals, asked, reset_at=None):
    """Every quantity behind the network, of every stage of every frame, in C and in numpy; `asked` None is without a network."""
    python = AudioPath(sound_path, len(signals))
    streams = [CAudioPath(library, sound_path) for _ in signals]
    hop = sound_path.hop
    for t in range(signals.shape[1] // hop):
        if t == reset_at:
            for path in (python, *streams):
                path.reset()
        block = signals[:, t * hop : (t + 1) * hop]
        values = python.analyse(block) | ({} if asked is None else {name: rows[t] for name, rows in asked.items()})
        givens = []
        for row, stream in enumerate(streams):
            stream.analyse(block[row])
            givens.append(
                {
                    q.name: None if asked is None else np.ascontiguousarray(asked[q.name][t, row], q.dtype)
                    for q in sound_path.asked
                }
            )
        for stage in sound_path.after:
            values |= python.stages[stage.kind].step({n: values[n] for n in stage.reads if n in values})
            for row, (stream, given) in enumerate(zip(streams, givens, strict=True)):
                stream.call(stage, given)
                for quantity in stage.makes:
                    if quantity.shape:
                        made = stream.arrays[quantity.name]
                        same = np.array_equal(made, values[quantity.name][row].reshape(-1))
                    else:
                        same = getattr(stream.states[stage.kind], quantity.name) == values[quantity.name][row]
                    assert same, f"{stage.kind}: {quantity.name}, signal {row}, frame {t}"
        last = next(stage for stage in python.stages.values() if hasattr(stage, "overlap_q25"))
        for row, stream in enumerate(streams):
            assert np.array_equal(stream.arrays["overlap_q25"], last.overlap_q25[row])
    assert all(stream.fences_stand() for stream in streams)


def c_quantise_features(library: Path, features_q20: np.ndarray, scaling: TensorScaling, dtype: type) -> np.ndarray:
    """`stapes_audio_quantise_s8` or `_s16` over a flat array."""
    features_q20, out = np.ascontiguousarray(features_q20, np.int32), np.empty(features_q20.shape, dtype)
    function = getattr(ctypes.CDLL(str(library)), f"stapes_audio_quantise_s{8 * out.itemsize}")
    tensor = c_struct(scaling)
    function(byref(tensor), c_int32(features_q20.size), pointer_to(features_q20), pointer_to(out))
    return out


def c_mask_values(library: Path, mask: np.ndarray, scaling: TensorScaling, dtype: str = "int16") -> np.ndarray:
    """`stapes_audio_mask_s8` or `_s16` over a flat array of int8 or int16; for int32 `stapes_audio_wide_s8` or `_s16`."""
    out = np.empty(mask.shape, dtype)
    what = {"int16": "mask", "int32": "wide"}[dtype]
    function = getattr(ctypes.CDLL(str(library)), f"stapes_audio_{what}_s{8 * mask.itemsize}")
    tensor = c_struct(scaling)
    function(byref(tensor), c_int32(mask.size), pointer_to(np.ascontiguousarray(mask)), pointer_to(out))
    return out
