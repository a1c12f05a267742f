"""The fixed-point path of the device for B utterances at once: the stages in front of the network, those behind it.

Float reference in `models/pipeline.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...models.audio import SoundPath
from ...models.errors import StapesError
from ...quantize.audio.controls import integers, rest_words
from .twin import IntegerStage, start


class AudioPath:
    """`analyse` one hop, run a network on the features, `synthesise` the hop with what it made.

    `stages` holds the twin of each stage by its kind. Raises StapesError when a setting is outside of what the fixed-point formats hold.
    """

    def __init__(self, sound_path: SoundPath, batch: int) -> None:
        self.sound_path = sound_path
        self.batch = batch
        self.stages: dict[str, IntegerStage] = {
            stage.kind: start(stage, sound_path.transform, batch) for stage in sound_path.stages
        }
        self.set_controls(rest_words(sound_path))
        self.reset()

    def set_controls(self, words: np.ndarray) -> None:
        """What is in force from the next hop on, int32 (W,) as `quantize.audio.controls` has it; values are not checked here."""
        for kind, given in integers(self.sound_path, words).items():
            self.stages[kind].controls = given

    def reset(self) -> None:
        """Back to the start of a stream; the controls stay."""
        for stage in self.stages.values():
            stage.reset()
        self.frame: dict[str, np.ndarray] = {}

    def analyse(self, block_q15: np.ndarray) -> dict[str, np.ndarray]:
        """The next hop of the stream, (B, hop) int16 -> every quantity of the frame by name.

        Each as its stage's `Quantity` says, the batch in front, spectrum_q31 (B, F, 2), features_q20 (B, feature_size). Powers are uint64, flags bool,
        the rest int64.
        """
        hop = self.sound_path.hop
        if np.shape(block_q15) != (self.batch, hop):
            raise StapesError(
                f"analyse takes ({self.batch}, {hop}) samples a call, not an array of shape {np.shape(block_q15)}"
            )
        self.frame = {}
        for stage in self.sound_path.before:
            known = {"block_q15": block_q15, **self.frame}
            self.frame |= self.stages[stage.kind].step({name: known[name] for name in stage.reads})
        return dict(self.frame)

    def synthesise(self, asked: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """The hop that this frame completes, (B, hop) int16, `SoundPath.delay` samples behind the input.

        `asked` is what the network made by the names of `SoundPath.asked`, such as mask_q15, each (B, size); None leaves the Wiener
        gain, or the spectrum, alone.
        """
        values = {**self.frame, **(asked or {})}
        for stage in self.sound_path.after:
            values |= self.stages[stage.kind].step({name: values[name] for name in stage.reads if name in values})
        return values["output_q15"]
