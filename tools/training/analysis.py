"""What a network is given of noisy audio: by the front end in float, or by the fixed-point one of the device.

B utterances, S samples, T frames, F features, K bins.
"""

from __future__ import annotations

import numpy as np

from ...firmware_sim.audio.frontend import AudioPath
from ...firmware_sim.engines.base import to_blocks
from ...models.frontend import FrontEnd
from ...models.pipeline import FloatPipeline
from ...models.sound_files import float_to_q15
from ...models.stft import stft


def analyse(audio: np.ndarray, frontend: FrontEnd, arithmetic: str) -> dict[str, np.ndarray]:
    """`audio` (B, S) float in [-1, 1), `arithmetic` one of `recipe.FRONT_ENDS` -> arrays by name, float64.

    spectrum (B, T, K) complex, in float always; features (B, T, F), Wiener gain (B, T, K) and clarity (B, T). The fixed-point path hears
    the audio in q15.
    """
    if arithmetic == "float":
        return FloatPipeline(frontend).analyse(audio)
    path, features_q20, gain_q15, clarity_q15 = AudioPath(frontend, len(audio)), [], [], []
    for block in to_blocks(float_to_q15(audio), frontend.hop):
        frame = path.analyse(block)
        features_q20.append(frame["features_q20"])
        gain_q15.append(frame["gain_q15"])
        clarity_q15.append(frame["clarity_q15"])
    return {
        "spectrum": stft(audio, frontend),
        "features": np.stack(features_q20, axis=1) / 2**20,
        "gain": np.stack(gain_q15, axis=1) / 2**15,
        "clarity": np.stack(clarity_q15, axis=1) / 2**15,
    }
