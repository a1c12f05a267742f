"""What runs sound through a whole pipeline: audio in, audio out, and on request every tensor in between.

B utterances, S samples, T frames.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np

from ...models.audio import SoundPath
from ...models.errors import StapesError
from .network import Progress, no_progress


@dataclass(frozen=True)
class Run:
    """What an engine computed: audio_q15 int16 (B, S), `sound_path.delay` samples behind the input.

    `tensors` maps names to arrays (B, T, ...) in the order in which the pipeline makes them; empty unless asked for.
    """

    audio_q15: np.ndarray
    tensors: dict[str, np.ndarray] = field(default_factory=dict)


class AudioEngine(ABC):
    """One way to run path and network over sound. `exact` engines must agree in every bit; the others are for comparison.

    There are three. `Pipeline` is the path in numpy around any `NetworkEngine`, frame by frame. `CompiledPipeline` is an exported
    program that runs path and network in one call a hop: the wall between the two is inside the C, where it costs nothing, and
    `CompiledNetwork` is the same program entered at that wall. `FloatEngine` is the float path around the float network,
    with nothing rounded in between.
    """

    name: str
    exact: bool = True

    def __init__(self, sound_path: SoundPath) -> None:
        self.sound_path = sound_path

    @abstractmethod
    def run(
        self,
        audio_q15: np.ndarray,
        trace: bool = False,
        progress: Progress = no_progress,
        controls: np.ndarray | None = None,
    ) -> Run:
        """From reset, audio_q15 int16 (B, S) -> `Run`; a last partial hop is filled with zeros and cut again.

        `controls` int32 (T, W) are in force hop by hop, for all utterances, as `quantize.audio.controls` makes them; None leaves
        them at rest. Raises StapesError for values that the device refuses.
        """


def to_blocks(audio_q15: np.ndarray, hop: int) -> np.ndarray:
    """(B, S) int16 -> (T, B, hop), the last hop filled with zeros. Raises StapesError for another dtype or no samples."""
    audio_q15 = np.atleast_2d(np.asarray(audio_q15))
    if audio_q15.dtype != np.int16:
        raise StapesError(
            f"engines take int16 samples (q15), not {audio_q15.dtype}; convert with models.sound_files.float_to_q15"
        )
    if audio_q15.shape[1] == 0:
        raise StapesError("no samples: give at least one")
    frames = -(-audio_q15.shape[1] // hop)
    padded = np.pad(audio_q15, ((0, 0), (0, frames * hop - audio_q15.shape[1])))
    return padded.reshape(len(padded), frames, hop).transpose(1, 0, 2)


def from_blocks(blocks: list[np.ndarray], samples: int) -> np.ndarray:
    """T blocks (B, hop) -> (B, S)."""
    return np.concatenate(blocks, axis=1)[:, :samples]
