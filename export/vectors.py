"""Golden vectors: what goes into a program from reset on, and what comes out, to the bit.

`T` frames; a hop is what one frame of audio takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..models.audio import SoundPath
from ..models.errors import StapesError
from ..quantize.audio import AUDIO_IN, AUDIO_OUT
from ..quantize.graph import DTYPES, Graph

# Of the start of the vectors a program's self-test keeps so many: past the start-up of the noise estimate, some 65 KB.
SELF_TEST_FRAMES = 100


@dataclass(frozen=True, eq=False)
class Vectors:
    """`network` maps each input and output of the graph to codes `(T, size)` in its dtype; audio is int16 `(S,)`.

    The two parts are independent, each starts from reset. Both audio signals stand as the program takes and gives
    them, hop by hop: the output is not shifted back by the delay.
    """

    network: Mapping[str, np.ndarray]
    audio_in_q15: np.ndarray | None = None
    audio_out_q15: np.ndarray | None = None

    @property
    def frames(self) -> int:
        """Frames of the network part, 0 without one."""
        return len(next(iter(self.network.values()))) if self.network else 0

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        audio = [signal for signal in (self.audio_in_q15, self.audio_out_q15) if signal is not None]
        return sum(array.nbytes for array in (*self.network.values(), *audio))

    def first(self, frames: int, hop: int) -> Vectors:
        """The first `frames` frames of the network and as many hops of the audio."""
        network = {name: data[:frames] for name, data in self.network.items()}
        if self.audio_in_q15 is None or self.audio_out_q15 is None:
            return Vectors(network)
        samples = frames * hop
        return Vectors(network, self.audio_in_q15[:samples], self.audio_out_q15[:samples])

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], graph: Graph, sound_path: SoundPath | None) -> Vectors:
        """Arrays by name, as a bundle's `vectors.npz` holds them: `audio_in_q15`, `audio_out_q15`, codes by tensor name.

        A last partial hop is left out. Raises `StapesError` unless names, shapes and dtypes are those of the graph.
        """
        # Without an audio path these names are the network's as any other.
        audio = {AUDIO_IN, AUDIO_OUT} & set(arrays) if sound_path is not None else set()
        network = {name: data for name, data in arrays.items() if name not in audio}
        wanted = {*graph.inputs, *graph.outputs}
        if network and set(network) != wanted:
            raise StapesError(f"golden vectors hold {sorted(network)}; the graph needs {sorted(wanted)}")
        codes = {name: _codes(graph, name, data) for name, data in network.items()}
        if len({len(data) for data in codes.values()}) > 1:
            raise StapesError("golden vectors differ in their number of frames; write them again")
        if len(audio) == 1:
            raise StapesError(f"golden audio has one side only; give {AUDIO_IN} and {AUDIO_OUT}")
        if not codes and not audio:
            raise StapesError("the golden vectors are empty; write them again")
        if not audio:
            return cls(codes)
        return cls(codes, *_audio(arrays[AUDIO_IN], arrays[AUDIO_OUT], sound_path))


def _codes(graph: Graph, name: str, data: np.ndarray) -> np.ndarray:
    tensor = graph.tensors[name]
    if data.dtype != DTYPES[tensor.dtype] or data.ndim < 2 or len(data) == 0 or data[0].size != tensor.size:
        raise StapesError(
            f"golden vector '{name}' is {data.dtype} {data.shape}; it must be {tensor.dtype} (frames, {tensor.size})"
        )
    return data.reshape(len(data), tensor.size)


def _audio(given: np.ndarray, made: np.ndarray, sound_path: SoundPath | None) -> tuple[np.ndarray, np.ndarray]:
    if sound_path is None:
        raise StapesError("golden audio, but no audio path; give the front end too")
    for data in (given, made):
        if data.dtype != np.int16 or data.ndim != 1 or data.size < sound_path.hop:
            raise StapesError(
                f"golden audio is {data.dtype} {data.shape}; it must be int16, {sound_path.hop} samples or more"
            )
    if given.size != made.size:
        raise StapesError(f"golden audio has {given.size} samples in and {made.size} out; they must agree")
    whole = given.size // sound_path.hop * sound_path.hop
    return given[:whole], made[:whole]
