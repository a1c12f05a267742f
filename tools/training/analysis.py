"""What a network is given of noisy audio: by the front end in float, or by the fixed-point one of the device.

B utterances, S samples, T frames, F features, K bins.
"""

from __future__ import annotations

import numpy as np

from ...firmware_sim.audio.path import AudioPath
from ...firmware_sim.engines.audio import to_blocks
from ...models.audio import Quantity, SoundPath
from ...models.audio.transform import stft
from ...models.pipeline import FloatPipeline
from ...models.sound_files import float_to_q15


def analyse(audio: np.ndarray, sound_path: SoundPath, arithmetic: str) -> dict[str, np.ndarray]:
    """`audio` (B, S) float in [-1, 1), `arithmetic` "float" or "fixed" -> arrays by name, float64.

    spectrum (B, T, K) complex, in float always; features (B, T, F), and what the filter reads, such as the Wiener gain (B, T, K) and
    clarity (B, T). The fixed-point path hears the audio in q15.
    """
    if arithmetic == "float":
        return FloatPipeline(sound_path).analyse(audio)
    path = AudioPath(sound_path, len(audio))
    wanted = [sound_path.features, *(q for q in _read_behind_the_network(sound_path) if q.plain != "spectrum")]
    frames = [path.analyse(block) for block in to_blocks(float_to_q15(audio), sound_path.hop)]
    real = {q.plain: np.stack([frame[q.name] for frame in frames], axis=1) / 2**q.fraction_bits for q in wanted}
    return {"spectrum": stft(audio, sound_path.transform), **real}


def _read_behind_the_network(sound_path: SoundPath) -> list[Quantity]:
    """What stages in front of the network make for those behind it."""
    read = {name for stage in sound_path.after for name in stage.reads}
    return [q for stage in sound_path.before for q in stage.makes if q.name in read and q.name != "exponent"]
