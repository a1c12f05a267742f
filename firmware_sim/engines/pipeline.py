"""The audio path in numpy around an engine of a network, whichever it is."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ...models.audio import SoundPath
from ...quantize.audio.controls import control_turns
from ...quantize.audio.ends import network_ends
from ..audio.path import AudioPath
from ..audio.tensors import mask_values, quantise_features
from .audio import AudioEngine, Run, from_blocks, to_blocks
from .network import NetworkEngine, Progress, no_progress


class Pipeline(AudioEngine):
    """The audio path of a front end, in numpy, around any engine of its network, whose name it bears.

    Raises StapesError where the network does not fit the path.
    """

    def __init__(self, sound_path: SoundPath, network: NetworkEngine) -> None:
        super().__init__(sound_path)
        self.name, self.exact = network.name, network.exact
        self.network, self.graph = network, network.graph
        self.ends = network_ends(network.graph, sound_path)

    def run(
        self,
        audio_q15: np.ndarray,
        trace: bool | Collection[str] = False,
        progress: Progress = no_progress,
        controls: np.ndarray | None = None,
    ) -> Run:
        """As `AudioEngine.run`; names instead of True trace only these of the audio path, such as mask_q15."""
        audio_q15 = np.atleast_2d(audio_q15)
        blocks = to_blocks(audio_q15, self.sound_path.hop)
        batch = blocks.shape[1]
        path = AudioPath(self.sound_path, batch)
        changes = dict(control_turns(self.sound_path, controls, len(blocks)))
        self.network.start(batch, trace is True)
        made: list[np.ndarray] = []
        kept: dict[str, list[np.ndarray]] = {}
        traced = [name for stage in self.sound_path.before for name in stage.traced]
        for hop, block in enumerate(blocks):
            if hop in changes:
                path.set_controls(changes[hop])
            before = path.analyse(block)
            codes = {
                end.tensor.name: quantise_features(before[end.quantity.name], end.scaling) for end in self.ends.inputs
            }
            shaped = {
                end.tensor.name: codes[end.tensor.name].reshape(batch, *end.tensor.shape) for end in self.ends.inputs
            }
            tensors = self.network.step(shaped)
            asked = {
                end.quantity.name: mask_values(tensors[end.tensor.name].reshape(batch, -1), end.scaling)
                for end in self.ends.outputs
            }
            made.append(path.synthesise(asked))
            if trace:
                named = {name: before[name] for name in traced}
                for name, value in {**named, **codes, **tensors, **asked}.items():
                    if trace is not True and name not in trace:
                        continue
                    kept.setdefault(name, []).append(np.asarray(value).reshape(batch, -1))
            progress(batch)
        tensors = {name: np.stack(frames, axis=1) for name, frames in kept.items()}
        return Run(from_blocks(made, audio_q15.shape[1]), tensors)
