"""The golden vectors of a bundle, and how far the integers are from float over them."""

from __future__ import annotations

import math

import numpy as np
import onnx

from ...firmware_sim.compare import snr_db
from ...firmware_sim.engines.float_engine import FloatEngine
from ...firmware_sim.engines.numpy_engine import NumpyNetwork
from ...firmware_sim.engines.pipeline import Pipeline
from ...firmware_sim.network import NetworkSimulator
from ...models.audio import SoundPath
from ...models.sound_files import q15_to_float
from ...quantize.audio import AUDIO_IN, AUDIO_OUT
from ...quantize.calibrate import run_float
from ...quantize.graph import DTYPES, to_codes, to_real
from ...quantize.onnx_reader import StreamingOnnx
from ...quantize.pipeline import Quantised
from ..calibration import Calibration

# Of the first recording. The first third of a second alone is mostly silence, in which an SNR says nothing.
SECONDS = 1.0
# Without an audio path.
FRAMES = 250
# An SNR beyond which two signals are equal for all purposes.
MOST_DB = 200.0


def samples(sound_path: SoundPath | None) -> int:
    """How many samples of audio golden vectors hold, at the path's own rate; 0 without a path.

    >>> samples(None)
    0
    """
    return round(SECONDS * sound_path.sample_rate) if sound_path is not None else 0


def golden_vectors(
    result: Quantised,
    sound_path: SoundPath | None,
    data: Calibration,
    source: StreamingOnnx,
    float_model: onnx.ModelProto,
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Golden arrays, and the output's SNR against float over them.

    With an audio path: `audio_in_q15`, `audio_out_q15` (S,), and codes by tensor name (T, size); else codes alone.
    """
    graph = result.graph
    if sound_path is None:
        codes = {name: to_codes(graph.tensors[name], data.sequences[0][name][:FRAMES]) for name in graph.inputs}
        simulator = NetworkSimulator(graph, 1)
        frames = len(next(iter(codes.values())))
        rows = [simulator.step({name: values[t][None] for name, values in codes.items()}) for t in range(frames)]
        out = {name: np.stack([row[name].ravel() for row in rows]) for name in graph.outputs}
        arrays = {name: values.reshape(frames, -1) for name, values in codes.items()} | out
    else:
        audio = data.audio_q15[:1, : samples(sound_path)]
        run = Pipeline(sound_path, NumpyNetwork(graph)).run(audio, trace=True)
        arrays = {AUDIO_IN: audio[0], AUDIO_OUT: run.audio_q15[0]}
        arrays |= {name: run.tensors[name][0] for name in (*graph.inputs, *graph.outputs)}
    typed = {
        name: values.astype(DTYPES[graph.tensors[name].dtype] if name in graph.tensors else np.int16)
        for name, values in arrays.items()
    }
    return typed, {"vectors_snr_db": _output_snr(result, typed, source, float_model)}


def _output_snr(
    result: Quantised, vectors: dict[str, np.ndarray], source: StreamingOnnx, float_model: onnx.ModelProto
) -> float:
    """SNR of the integer network's outputs against the float network fed with the same, dequantised, inputs."""
    graph = result.graph

    def real(name: str) -> np.ndarray:
        return to_real(graph.tensors[name], vectors[name])

    fed = [{name: real(name).astype(np.float32) for name in graph.inputs}]
    expected = run_float(float_model, source.states, fed, list(source.outputs))[0]
    return _finite(min(snr_db(expected[name], real(name)) for name in source.outputs))


def sound_snr(reference: FloatEngine, vectors: dict[str, np.ndarray]) -> float:
    """SNR of the pipeline's output against the float pipeline's over the golden audio."""
    expected = reference.trace_float(q15_to_float(vectors[AUDIO_IN][None]))["output"][0]
    return _finite(snr_db(expected, q15_to_float(vectors[AUDIO_OUT])))


def _finite(snr: float) -> float:
    """In dB; JSON has no infinity, which equal signals give, nor what two silent ones give."""
    return MOST_DB if math.isnan(snr) else round(min(max(snr, -MOST_DB), MOST_DB), 2)
