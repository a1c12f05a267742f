"""The network that hears the tone of the sound and sets an equaliser towards the usual spectrum of speech.

    tone (K + 1) -> encoder: Linear, ReLU, Linear, ReLU, the latent -> decoder: Linear, tanh, a gain of 12 dB for each peak

The stage `tone_level` makes its features, `tone_equaliser` takes its gains. Its memory is that of the features: it has no states.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper

from .audio.bands import band_edges
from .audio.output import Output
from .audio.power import Power
from .audio.sound_path import SoundPath
from .audio.through import Through
from .audio.tone_equaliser import ToneEqualiser
from .audio.tone_level import ToneLevel
from .audio.transform import Transform
from .audio.wide_inverse import WideInverse
from .dense_graph import DenseGraph
from .fitting.rules import SPEECH_DB, SPEECH_HZ
from .onnx_export import IR_VERSION, OPSET, name_stages

HIDDEN, LATENT = 24, 12
LEVEL, EQUALISER = ToneLevel(), ToneEqualiser()
# Of the usual spectrum of speech nothing is asked below and above: voices and microphones differ there.
JUDGED_HZ = (110.0, 7500.0)
_FINE = 32


def tone_path() -> SoundPath:
    """The path of the network alone: it hears and equalises, and takes no noise away."""
    return SoundPath((Transform(), Power(), LEVEL, Through(), WideInverse(), EQUALISER, Output()))


def to_onnx(layers: Sequence[tuple[np.ndarray, np.ndarray]], sound_path: SoundPath) -> onnx.ModelProto:
    """Weights (rows, columns) and biases (rows,) of the three layers -> `tone` (1, K + 1) to `gains` (1, peaks), with the path.

    Each layer is two products of 8 bits: with one in any of them, some gains would be more than 0.1 dB off.
    """
    made, given = DenseGraph(), "tone"
    for index, (weight, bias) in enumerate(layers):
        last = index == len(layers) - 1
        name = "gains" if last else "latent" if index == len(layers) - 2 else f"hidden{index}"
        after = "Tanh" if last else "Relu"
        given = made.layer(
            given, f"layer{index}", np.asarray(weight, np.float64), np.asarray(bias, np.float64), name, after
        )
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, size])
        for name, size in (("tone", layers[0][0].shape[1]), ("gains", layers[-1][0].shape[0]))
    ]
    graph = helper.make_graph(made.nodes, "tone", ends[:1], ends[1:], made.constants)
    opset = [helper.make_opsetid("", OPSET)]
    proto = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="stapes")
    name_stages(proto, sound_path)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def usual_speech_db(transform: Transform) -> np.ndarray:
    """Power of usual speech in the bands of `LEVEL`, as a path's transform sees it, dB (K,), at no level in particular.

    Third octaves of Byrne et al. (1994), over their widths, through the window of the transform.
    """
    window = transform.windows()[0]
    points = transform.analysis * _FINE
    seen = np.abs(np.fft.fft(window, points)) ** 2
    hertz = np.arange(points // 2 + 1) * transform.sample_rate / points
    density_db = np.asarray(SPEECH_DB) - 10.0 * np.log10(np.asarray(SPEECH_HZ))
    density = 10.0 ** (np.interp(np.log(np.maximum(hertz, 1.0)), np.log(SPEECH_HZ), density_db) / 10.0)
    both = np.concatenate([density, density[-2:0:-1]])
    # A convolution on the circle of frequencies.
    power = np.fft.ifft(np.fft.fft(both) * np.fft.fft(seen)).real[: points // 2 + 1 : _FINE]
    made: np.ndarray = 10.0 * np.log10(np.add.reduceat(power, band_edges(LEVEL.bands, transform)[:-1]))
    return made


def judged(transform: Transform) -> np.ndarray:
    """Which bands are compared with usual speech, bool (K,): those whose middle lies within `JUDGED_HZ`."""
    edges = band_edges(LEVEL.bands, transform)
    middles = (edges[:-1] + edges[1:] - 1) / 2.0 * transform.sample_rate / transform.analysis
    result: np.ndarray = (middles >= JUDGED_HZ[0]) & (middles <= JUDGED_HZ[1])
    return result
