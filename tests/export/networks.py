"""Whole networks with their audio path, quantised once a session, and golden vectors from the numpy engine."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from stapes.firmware_sim.engines.audio import Run
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.firmware_sim.engines.pipeline import Pipeline
from stapes.models.audio import SoundPath
from stapes.models.onnx_export import export_onnx
from stapes.models.pipeline import FloatPipeline
from stapes.models.sound_files import float_to_q15
from stapes.quantize.graph import Graph
from stapes.quantize.onnx_reader import read_onnx
from stapes.quantize.pipeline import quantise
from stapes.quantize.recipe import load_recipe

from tests.complex_network import FRONTEND as COMPLEX_FRONTEND
from tests.complex_network import complex_network
from tests.helpers import OWN_CONFIG, PUBLISHED_CONFIG, random_network, speech_like

# Of fewer units than the networks that they stand for: what is compiled, laid out and run of them is the same.
FEWER = {"hidden_dim": 64}
CONFIGS = {
    "published": PUBLISHED_CONFIG | FEWER,
    "own": OWN_CONFIG | FEWER | {"narrow_dim": 32},
    # Fits a microcontroller of 256 kB.
    "small": OWN_CONFIG | {"hidden_dim": 32, "num_layers": 1, "narrow_dim": 16},
    "long window": OWN_CONFIG | FEWER | {"n_fft": 256, "analysis": 256, "features": "compressed"},
}
SECONDS = 0.5


@dataclass(frozen=True)
class Network:
    """An integer graph with its front end, and half a second of what the numpy engine makes of it."""

    graph: Graph
    sound_path: SoundPath
    audio_in_q15: np.ndarray
    run: Run

    @property
    def vectors(self) -> dict[str, np.ndarray]:
        """Arrays as a bundle's vectors.npz holds them."""
        arrays = {"audio_in_q15": self.audio_in_q15, "audio_out_q15": self.run.audio_q15[0]}
        for name in (*self.graph.inputs, *self.graph.outputs):
            codes = self.run.tensors[name][0]
            arrays[name] = codes.astype(self.graph.tensors[name].dtype).reshape(len(codes), -1)
        return arrays


@functools.cache
def network(config: str = "own", recipe: str = "w8a16") -> Network:
    """A network of seeded random weights, calibrated on a second of a made-up voice."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.onnx"
        if config == "complex":
            complex_network(path)
            sound_path = COMPLEX_FRONTEND
        else:
            model = random_network(CONFIGS[config])
            sound_path = model.config.sound_path()
            export_onnx(model, sound_path, path)
        _, source = read_onnx(path)
    features = np.asarray(FloatPipeline(sound_path).analyse(speech_like(1.0)[None])["features"], np.float32)
    graph = quantise(source, load_recipe(recipe), [{source.inputs[0]: features[0]}]).graph
    audio = np.asarray(float_to_q15(speech_like(SECONDS, seed=4, level_db=0.0)), np.int16)
    return Network(graph, sound_path, audio, Pipeline(sound_path, NumpyNetwork(graph)).run(audio[None], trace=True))
