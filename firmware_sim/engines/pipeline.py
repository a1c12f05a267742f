"""The audio path in numpy around an engine of a network, whichever it is."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ...models.audio import SoundPath
from ...models.errors import StapesError
from ...quantize.graph import Graph, Tensor
from ..audio.path import AudioPath
from .audio import AudioEngine, Run, from_blocks, to_blocks
from .network import NetworkEngine, Progress, no_progress


def network_ends(graph: Graph, sound_path: SoundPath) -> tuple[Tensor, Tensor]:
    """The feature tensor and the mask tensor of a graph; raises StapesError when it does not fit the audio path."""
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise StapesError(
            f"network {graph.name!r}: {len(graph.inputs)} inputs and {len(graph.outputs)} outputs besides the states; "
            "the audio path needs one feature vector and one mask"
        )
    features, mask = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    if features.size != sound_path.feature_size or mask.size != sound_path.mask_size:
        raise StapesError(
            f"network {graph.name!r} takes {features.size} features and gives {mask.size} mask values; the front end has "
            f"{sound_path.feature_size} and {sound_path.mask_size}: quantise it with the front end it was trained with"
        )
    return features, mask


class Pipeline(AudioEngine):
    """The audio path of a front end, in numpy, around any engine of its network, whose name it bears.

    Raises StapesError where the network does not fit the path.
    """

    def __init__(self, sound_path: SoundPath, network: NetworkEngine) -> None:
        super().__init__(sound_path)
        self.name, self.exact = network.name, network.exact
        self.network, self.graph = network, network.graph
        self.features, self.mask = network_ends(network.graph, sound_path)

    def run(
        self, audio_q15: np.ndarray, trace: bool | Collection[str] = False, progress: Progress = no_progress
    ) -> Run:
        """As `AudioEngine.run`; names instead of True trace only these of the audio path, such as mask_q15."""
        audio_q15 = np.atleast_2d(audio_q15)
        blocks = to_blocks(audio_q15, self.sound_path.hop)
        batch = blocks.shape[1]
        path = AudioPath(self.sound_path, batch)
        self.network.start(batch, trace is True)
        made: list[np.ndarray] = []
        kept: dict[str, list[np.ndarray]] = {}
        traced = [name for stage in self.sound_path.before for name in stage.traced]
        for block in blocks:
            before = path.analyse(block)
            codes = path.quantise_features(before["features_q20"], self.features)
            tensors = self.network.step({self.features.name: codes.reshape(batch, *self.features.shape)})
            mask_q15 = path.mask_to_q15(tensors[self.mask.name].reshape(batch, -1), self.mask)
            made.append(path.synthesise(mask_q15))
            if trace:
                named = {name: before[name] for name in traced}
                for name, value in {**named, self.features.name: codes, **tensors, "mask_q15": mask_q15}.items():
                    if trace is not True and name not in trace:
                        continue
                    kept.setdefault(name, []).append(np.asarray(value).reshape(batch, -1))
            progress(batch)
        tensors = {name: np.stack(frames, axis=1) for name, frames in kept.items()}
        return Run(from_blocks(made, audio_q15.shape[1]), tensors)
