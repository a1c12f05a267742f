"""Recordings by which recipes are judged: what the integers do to the sound of the whole pipeline."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..export.c import export_c
from ..export.stamp import Stamp
from ..export.tflite import to_bytes
from ..firmware_sim.engines.audio import AudioEngine
from ..firmware_sim.engines.compiled import CompiledPipeline
from ..firmware_sim.engines.native import Native
from ..firmware_sim.engines.numpy_engine import NumpyNetwork
from ..firmware_sim.engines.pipeline import Pipeline
from ..firmware_sim.engines.tflm import TflmNetwork
from ..models.audio import SoundPath
from ..models.audio.transform import stft
from ..models.audio.wiring import wire
from ..models.errors import StapesError
from ..models.pipeline import FloatPipeline, synthesise
from ..models.sound_files import float_to_q15, q15_to_float, read_audio
from ..quantize.calibrate import run_float
from ..quantize.float_graph import FloatGraph
from ..quantize.float_onnx import to_onnx
from ..quantize.graph import Graph
from .audio import CLIPS, DEMO
from .metrics import pesq_wb, to_16k
from .pairs import find_pairs

SECONDS = 3.0
MIX_SNR_DB, LEVELS_DBFS = (0.0, 5.0, 10.0, 15.0), (-22.0, -34.0, -46.0)
# A spectrum to the power of COMPRESSED is nearer to what is heard; below FLOOR, some ten last bits of the output, nothing is.
COMPRESSED, FLOOR = 0.3, 1e-3
# A program that runs for a second is not worth more of the compiler's time.
QUICKLY = ("-O1", "-march=native")


@dataclass(frozen=True, eq=False)
class Listening:
    """Recordings (B, S): clean, noisy in q15, what the float pipeline makes of it, and the PESQ of that (B,)."""

    sound_path: SoundPath
    clean: np.ndarray
    noisy_q15: np.ndarray
    output: np.ndarray
    pesq: np.ndarray

    def through(self, graph: Graph) -> np.ndarray:
        """The recordings through the integers: float (B, S)."""
        return q15_to_float(_engine(graph, self.sound_path).run(self.noisy_q15).audio_q15)

    def error(self, output: np.ndarray) -> tuple[float, float]:
        """Error against float, relative, of the spectrum and of the compressed spectrum: means over the recordings."""
        exact, made = (stft(audio, self.sound_path.transform) for audio in (self.output, output))
        plain, heard = _relative(exact, made), _relative(_compressed(exact), _compressed(made))
        return float(plain.mean()), float(heard.mean())

    def pesq_drop(self, output: np.ndarray) -> float:
        """Loss of PESQ against float, the mean over the recordings."""
        return float(np.mean(self.pesq - _pesq(self.sound_path, self.clean, output)))


def recordings(lowered: FloatGraph, sound_path: SoundPath) -> Listening:
    """The demonstration recordings, and the shipped clips mixed at several ratios, loud and soft."""
    pairs = [
        _at_level(*pair, level)
        for turn, level in enumerate(LEVELS_DBFS)
        for pair in (*_demonstrations(sound_path.sample_rate), *_mixtures(turn, sound_path.sample_rate))
    ]
    samples = round(SECONDS * sound_path.sample_rate)
    clean, noisy = (np.stack([np.resize(pair[side], samples) for pair in pairs]) for side in (0, 1))
    noisy_q15 = float_to_q15(noisy)
    before = FloatPipeline(sound_path).analyse(q15_to_float(noisy_q15))
    output = synthesise(sound_path, {**before, **_float_network(lowered, sound_path, before)})[:, :samples]
    return Listening(sound_path, clean, noisy_q15, output, _pesq(sound_path, clean, output))


def _demonstrations(rate: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(read_audio(pair.clean, rate=rate), read_audio(pair.noisy, rate=rate)) for pair in find_pairs(DEMO)]


def _mixtures(turn: int, rate: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Clean and noisy, one of each voice; each turn has other noises."""
    speech = [read_audio(path, rate=rate) for path in sorted(CLIPS.glob("speech_*.flac"))]
    noises = [read_audio(path, rate=rate) for path in sorted(CLIPS.glob("noise_*.flac"))]
    for index, voice in enumerate(speech):
        noise = np.resize(noises[(index + turn) % len(noises)], len(voice))
        snr = MIX_SNR_DB[(index + turn) % len(MIX_SNR_DB)]
        yield voice, voice + noise * np.sqrt(np.mean(voice**2) / np.mean(noise**2) * 10.0 ** (-snr / 10.0))


def _at_level(clean: np.ndarray, noisy: np.ndarray, level_dbfs: float) -> tuple[np.ndarray, np.ndarray]:
    """Both times one factor, by which the clean one has this RMS."""
    factor = 10.0 ** (level_dbfs / 20.0) / np.sqrt(np.mean(clean**2))
    return clean * factor, noisy * factor


def _float_network(
    lowered: FloatGraph, sound_path: SoundPath, before: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What the stages behind the network ask of it, by plain name, each (B, T, size)."""
    sizes = [
        {name: math.prod(lowered.tensors[name].shape) for name in names} for names in (lowered.inputs, lowered.outputs)
    ]
    wiring = wire(sound_path, *sizes)
    given = {name: before[q.plain].astype(np.float32) for name, q in wiring.inputs.items()}
    sequences = [{name: values[row] for name, values in given.items()} for row in range(len(before["spectrum"]))]
    made = run_float(to_onnx(lowered), lowered.states, sequences, list(wiring.outputs))
    return {q.plain: np.stack([run[name] for run in made]) for name, q in wiring.outputs.items()}


def _engine(graph: Graph, sound_path: SoundPath) -> AudioEngine:
    """The fastest engine that this machine has; all of them give the same bits."""
    work = Path(tempfile.mkdtemp(prefix="stapes-"))
    try:
        export_c(graph, work / "trial", name="trial", sound_path=sound_path, stamp=Stamp("0" * 16, "0", "trial"))
        return CompiledPipeline(Native(QUICKLY), work / "trial", graph, sound_path)
    except StapesError:
        pass
    finally:
        shutil.rmtree(work, ignore_errors=True)
    try:
        return Pipeline(sound_path, TflmNetwork(to_bytes(graph), graph))
    except StapesError:
        return Pipeline(sound_path, NumpyNetwork(graph))


def _pesq(sound_path: SoundPath, clean: np.ndarray, output: np.ndarray) -> np.ndarray:
    heard = output[:, sound_path.delay :]
    rows = zip(clean[:, : heard.shape[1]], heard, strict=True)
    return np.array([pesq_wb(*(to_16k(audio, sound_path.sample_rate) for audio in row)) for row in rows])


def _compressed(spectrum: np.ndarray) -> np.ndarray:
    result: np.ndarray = spectrum * np.maximum(np.abs(spectrum), FLOOR) ** (COMPRESSED - 1.0)
    return result


def _relative(exact: np.ndarray, made: np.ndarray) -> np.ndarray:
    """Power of the error over the power of what is exact, recording by recording: (B,)."""
    axes: Sequence[int] = (1, 2)
    result: np.ndarray = np.sum(np.abs(exact - made) ** 2, axis=tuple(axes)) / np.sum(
        np.abs(exact) ** 2, axis=tuple(axes)
    )
    return result
