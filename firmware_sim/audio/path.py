"""The fixed-point audio path of the device for B utterances at once: analysis before the network, synthesis after it.

Twin of `stapes_audio.h`; float reference in `models/pipeline.py`.
"""

from __future__ import annotations

import numpy as np

from ...models.audio import SoundPath
from ...models.errors import StapesError
from ...quantize.audio_params import audio_params, feature_scaling, mask_scaling
from ...quantize.graph import Tensor
from . import tensors
from .complex_mask import apply_complex_mask, complex_features_q20
from .features import FeatureExtractor
from .rfft_q31 import RfftQ31
from .spectrum import Spectrum, power_q40
from .synthesis import Synthesis, apply_mask
from .wiener import WienerFilter


class AudioPath:
    """`analyse` one hop, run a network on the features, `synthesise` the hop with its mask.

    Where the mask is complex there is no Wiener filter: `wiener` and `features` stand still and nobody reads them. Raises StapesError when the front end is outside of what the fixed-point formats hold.
    """

    def __init__(self, sound_path: SoundPath, batch: int, use_wheel: bool = True) -> None:
        self.sound_path = sound_path
        self.batch = batch
        self.params = audio_params(sound_path)
        self.complex_mask = self.params.features == 3
        rfft = RfftQ31(self.params.rfft, use_wheel)
        self.spectrum = Spectrum(self.params, batch, rfft)
        self.wiener = WienerFilter(self.params, batch)
        self.features = FeatureExtractor(self.params, batch)
        self.synthesis = Synthesis(self.params, batch, rfft)
        self.reset()

    def reset(self) -> None:
        """Back to the start of a stream."""
        for stage in (self.spectrum, self.wiener, self.features, self.synthesis):
            stage.reset()
        self.spectrum_q31 = np.zeros((self.batch, self.params.bins, 2), np.int64)
        self.exponent = np.zeros(self.batch, np.int64)

    def analyse(self, block_q15: np.ndarray) -> dict[str, np.ndarray]:
        """The next hop of the stream, (B, hop) int16 -> every quantity of the frame by name.

        exponent (B,); spectrum_q31 (B, F, 2); power_q40, noise_q40 (B, F) uint64; prior_q24, gain2_q30, gain_q15 (B, F);
        score_q24, clarity_q15, level_q24 (B,); silent, speech (B,) bool; features_q20 (B, feature_size). int64 where nothing is said.
        Where the mask is complex: exponent, spectrum_q31 and features_q20.
        """
        if np.shape(block_q15) != (self.batch, self.params.hop):
            raise StapesError(
                f"analyse takes ({self.batch}, {self.params.hop}) samples a call, not an array of shape {np.shape(block_q15)}"
            )
        self.spectrum_q31, self.exponent = self.spectrum.step(block_q15)
        if self.complex_mask:
            return {
                "exponent": self.exponent,
                "spectrum_q31": self.spectrum_q31,
                "features_q20": complex_features_q20(self.params, self.spectrum_q31, self.exponent),
            }
        power = power_q40(self.params, self.spectrum_q31, self.exponent)
        self.wiener.step(power)
        features_q20 = self.features.step(power, self.wiener)
        wiener = self.wiener
        return {
            "exponent": self.exponent,
            "spectrum_q31": self.spectrum_q31,
            "power_q40": power,
            "noise_q40": wiener.noise_q40,
            "prior_q24": wiener.prior_q24,
            "gain2_q30": wiener.gain2_q30,
            "gain_q15": wiener.gain_q15,
            "score_q24": wiener.score_q24,
            "clarity_q15": wiener.clarity_q15,
            "silent": wiener.silent,
            "speech": wiener.speech,
            "level_q24": self.features.level_q24,
            "features_q20": features_q20,
        }

    def synthesise(self, mask_q15: np.ndarray | None = None) -> np.ndarray:
        """The hop that this frame completes, (B, hop) int16, `SoundPath.delay` samples behind the input.

        `mask_q15` (B, mask_size) is the network's; None leaves the Wiener gain, or the spectrum, alone.
        """
        if self.complex_mask:
            filtered = apply_complex_mask(self.spectrum_q31, mask_q15)
        else:
            filtered = apply_mask(self.params, self.spectrum_q31, self.wiener, mask_q15)
        return self.synthesis.step(filtered, self.exponent)

    def quantise_features(self, features_q20: np.ndarray, tensor: Tensor) -> np.ndarray:
        """features_q20 -> values of the network's input tensor, int64 within its dtype, same shape."""
        return tensors.quantise_features(features_q20, feature_scaling(self.sound_path, tensor))

    def mask_to_q15(self, mask: np.ndarray, tensor: Tensor) -> np.ndarray:
        """Values of the network's output tensor -> mask_q15, same shape."""
        return tensors.mask_to_q15(mask, mask_scaling(self.sound_path, tensor))
