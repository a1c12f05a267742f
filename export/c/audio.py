"""The audio path around the network, as the templates print it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from types import SimpleNamespace

import numpy as np

from ...models.audio import SoundPath
from ...models.errors import StapesError
from ...quantize.audio_params import (
    CMSIS_DEFINES,
    CMSIS_SOURCES,
    AudioParams,
    TensorScaling,
    audio_params,
    feature_scaling,
    flat,
    mask_scaling,
)
from ...quantize.graph import Graph, Tensor
from ..template import Code
from .constants import Constants
from .text import SUFFIXES, Names, code, initialiser, shape

# What every audio path is compiled from, besides its analysis, its synthesis, and what the files ask for.
_SOURCES = ("stapes_audio_reset.c", "stapes_audio_tensors.c", "stapes_rfft_q31.c")


@dataclass(frozen=True)
class Struct:
    """One constant of the program: `static const TYPE NAME = TEXT;`."""

    type: str
    name: str
    text: Code


@dataclass(frozen=True)
class Quantity:
    """A traced quantity of the audio path: name, C expression of its address, bytes, and its entry in the table."""

    name: str
    expression: Code
    bytes: int
    entry: str


@dataclass(frozen=True)
class AudioProgram:
    """Constants and wiring of the audio path; `array_bytes` and `scratch_bytes` are its part of the context."""

    sound_path: SoundPath
    structs: tuple[Struct, ...]
    input: Tensor
    output: Tensor
    before: tuple[Quantity, ...]
    after: tuple[Quantity, ...]

    @property
    def flat(self) -> SimpleNamespace:
        return flat(self.sound_path)

    @property
    def sources(self) -> tuple[str, ...]:
        return (*_SOURCES, f"{self.analyse}.c", f"{self.synthesise}.c")

    @property
    def analyse(self) -> str:
        """The runtime's function from a hop to features."""
        return "stapes_audio_analyse_complex" if (self.flat.features == "complex") else "stapes_audio_analyse"

    @property
    def synthesise(self) -> str:
        """The runtime's function from a mask to a hop."""
        return "stapes_audio_synthesise_complex" if (self.flat.features == "complex") else "stapes_audio_synthesise"

    @property
    def macro(self) -> str:
        """What the runtime's macros _ARRAYS and _BIND begin with."""
        return "STAPES_AUDIO_COMPLEX" if (self.flat.features == "complex") else "STAPES_AUDIO"

    @property
    def cmsis(self) -> tuple[str, ...]:
        return CMSIS_SOURCES

    @property
    def cmsis_defines(self) -> tuple[str, ...]:
        return CMSIS_DEFINES

    @property
    def input_suffix(self) -> str:
        return SUFFIXES[self.input.dtype]

    @property
    def output_suffix(self) -> str:
        return SUFFIXES[self.output.dtype]

    @property
    def array_bytes(self) -> int:
        """Bytes of STAPES_AUDIO_ARRAYS or STAPES_AUDIO_COMPLEX_ARRAYS."""
        f = self.flat
        wiener = 0 if f.complex_mask else 14 * f.bins
        return wiener + 4 * (f.analysis + 2) + 4 * f.hop + 2 * (f.analysis - f.hop)

    @property
    def scratch_bytes(self) -> int:
        """Bytes of STAPES_AUDIO_SCRATCH."""
        f = self.flat
        return max(4 * f.analysis, 8 * f.bins) + 8 * f.analysis


def _ends(graph: Graph, sound_path: SoundPath) -> tuple[Tensor, Tensor]:
    """The one input and the one output that the audio path feeds and reads."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise StapesError(
            f"graph '{graph.name}' has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs; the audio path "
            "needs one of each, or export the network alone"
        )
    features, mask = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    for tensor, size, what in (
        (features, sound_path.feature_size, "features"),
        (mask, sound_path.mask_size, "mask values"),
    ):
        if tensor.size != size:
            raise StapesError(
                f"tensor '{tensor.name}' has shape {shape(tensor.shape)}; the front end has {size} {what} a frame"
            )
    return features, mask


def _params(params: AudioParams, arrays: Constants) -> tuple[Struct, ...]:
    """`stapes_rfft_tables` and `stapes_audio_params`, whose members have the names of the dataclass."""
    rfft = params.rfft
    tables = {
        "length": rfft.length,
        "bit_reversal_length": len(rfft.bit_reversal),
        **{
            name: arrays.add(f"rfft {name}", getattr(rfft, name))
            for name in ("twiddle_q31", "bit_reversal", "split_a_q31", "split_b_q31")
        },
    }
    members: dict[str, object] = {}
    for field in fields(params):
        value = getattr(params, field.name)
        members[field.name] = arrays.add(field.name, value) if isinstance(value, np.ndarray) else value
    members["rfft"] = "&audio_rfft"
    return (
        Struct("stapes_rfft_tables", "audio_rfft", initialiser(tables)),
        Struct("stapes_audio_params", "audio_params", initialiser(members)),
    )


def _tensor(name: str, scaling: TensorScaling) -> Struct:
    return Struct("stapes_audio_tensor", name, initialiser(asdict(scaling)))


def build_audio(graph: Graph, sound_path: SoundPath, arrays: Constants, entries: Names) -> AudioProgram:
    """The audio path of `sound_path` around a graph.

    Raises `StapesError` where the graph does not fit the front end, or the front end not the fixed-point formats.
    """
    features, mask = _ends(graph, sound_path)
    structs = (
        *_params(audio_params(sound_path), arrays),
        _tensor("audio_input", feature_scaling(sound_path, features)),
        _tensor("audio_output", mask_scaling(sound_path, mask)),
    )
    bins = sound_path.transform.bins

    def quantity(name: str, expression: str, size: int) -> Quantity:
        return Quantity(name, code(expression), size, entries.take(name))

    wiener = (
        ()
        if not sound_path.makes("power_q40")
        else (
            quantity("power_q40", "ctx->audio.power_q40", 8 * bins),
            quantity("noise_q40", "ctx->audio.noise_q40", 8 * bins),
            quantity("gain_q15", "ctx->audio.gain_q15", 2 * bins),
            quantity("speech", "&ctx->audio.speech", 1),
        )
    )
    before = (
        quantity("exponent", "&ctx->audio.exponent", 4),
        quantity("spectrum_q31", "ctx->audio.spectrum_q31", 8 * bins),
        *wiener,
        quantity("features_q20", "ctx->frame.features_q20", 4 * sound_path.feature_size),
    )
    after = (quantity("mask_q15", "ctx->frame.mask_q15", 2 * sound_path.mask_size),)
    return AudioProgram(sound_path, structs, features, mask, before, after)
