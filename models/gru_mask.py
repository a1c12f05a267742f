"""The GRU mask: a recurrent network that turns the features of a frame into a mask in [0, 1] over its bins.

B utterances, T frames, F features, K bins, H hidden units, N layers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .audio import SoundPath, from_front_end
from .audio.complex import Complex
from .audio.magnitude import Magnitude
from .audio.power import Power
from .errors import StapesError
from .schema import STRICT, validated

# Far beyond what a hearing aid runs, and small enough that a damaged config cannot ask for all memory.
LARGEST, LAYERS = 4096, 16


@dataclass(frozen=True)
class GruMaskConfig:
    """`model_config` of a checkpoint; the first four fields are the published ones, whose network the other defaults describe.

    `narrow_dim` > 0: a linear layer to that width stands before the GRU, in place of the LayerNorm.
    `fc_dim`: width of the hidden output layer, 0 for none, None for `hidden_dim`.
    `features = "complex"`: magnitudes, real and imaginary parts of the noisy spectrum. `mask_on = "alone"`: no Wiener filter in the path.
    """

    n_fft: int = 128
    hidden_dim: int = 128
    num_layers: int = 2
    dropout: float = 0.2
    features: str = "magnitude"
    gain_input: bool = False
    mask_floor_db: float | None = None
    narrow_dim: int = 0
    fc_dim: int | None = None
    analysis: int | None = None
    synthesis: int = 128
    mask_on: str = "wiener"

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if self.analysis not in (None, self.n_fft):
            raise StapesError(
                f"model_config: analysis {self.analysis} and n_fft {self.n_fft} differ; give one value for both"
            )
        if self.features == Complex.kind and self.gain_input:
            raise StapesError("model_config: complex features have no gains behind them; leave gain_input out")
        if min(self.n_fft, self.hidden_dim, self.num_layers) < 1 or self.narrow_dim < 0 or (self.fc_dim or 0) < 0:
            raise StapesError(
                "model_config: n_fft, hidden_dim and num_layers are at least 1, narrow_dim and fc_dim at least 0"
            )
        if max(self.n_fft, self.hidden_dim, self.narrow_dim, self.fc_dim or 0) > LARGEST or self.num_layers > LAYERS:
            raise StapesError(
                f"model_config: sizes are at most {LARGEST} and num_layers {LAYERS}; correct model_config"
            )

    def sound_path(self) -> SoundPath:
        """The path that the network was trained in, other settings at their defaults."""
        # In such a table complex features stand before a complex mask.
        is_complex = self.features == Complex.kind
        path = from_front_end(
            {
                "analysis": self.n_fft,
                "synthesis": self.synthesis,
                "hop": self.synthesis // 2,
                "features": Magnitude.kind if is_complex else self.features,
                "gain_input": self.gain_input,
                "mask_floor_db": self.mask_floor_db,
                "mask_on": self.mask_on,
            }
        )
        if not is_complex:
            return path
        # Powers are for the Wiener filter, where there is one.
        left_out = () if path.makes("gain_q15") else (Power.kind,)
        stages = [Complex() if stage.kind == Magnitude.kind else stage for stage in path.stages]
        return SoundPath(tuple(stage for stage in stages if stage.kind not in left_out))

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GruMaskConfig:
        """Raises StapesError for a field that no version of the network has, and for a wrong type."""
        return validated(cls, values, "model_config", "correct it, or it is the checkpoint of another network")


class GruMask(nn.Module):
    """LayerNorm or narrowing layer, N GRU layers, one or two linear layers, sigmoid."""

    def __init__(self, config: GruMaskConfig | Mapping[str, Any] | None = None) -> None:
        super().__init__()
        config = config if isinstance(config, GruMaskConfig) else GruMaskConfig.from_dict(config or {})
        self.config = config
        self.bins = config.n_fft // 2 + 1
        self.feature_size = config.sound_path().feature_size
        self.narrow = nn.Linear(self.feature_size, config.narrow_dim) if config.narrow_dim else None
        self.input_norm = None if config.narrow_dim else nn.LayerNorm(self.feature_size)
        self.gru = nn.GRU(
            config.narrow_dim or self.feature_size,
            config.hidden_dim,
            config.num_layers,
            batch_first=True,
            dropout=config.dropout if config.num_layers > 1 else 0.0,
        )
        fc_dim = config.hidden_dim if config.fc_dim is None else config.fc_dim
        self.fc1 = nn.Linear(config.hidden_dim, fc_dim) if fc_dim else None
        self.dropout = nn.Dropout(config.dropout)
        self.fc2 = nn.Linear(fc_dim or config.hidden_dim, self.bins)

    def before(self, features: Tensor) -> Tensor:
        """Features (..., F) -> input of the first GRU layer."""
        layer = self.narrow or self.input_norm
        assert layer is not None
        result: Tensor = layer(features)
        return result

    def after(self, hidden: Tensor) -> Tensor:
        """Output of the last GRU layer (..., H) -> mask (..., K)."""
        if self.fc1 is not None:
            hidden = self.dropout(torch.relu(self.fc1(hidden)))
        return torch.sigmoid(self.fc2(hidden))

    def forward(self, features: Tensor, states: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """`features` (B, T, F) float32, `states` (N, B, H) or None for zeros -> mask (B, T, K), states (N, B, H)."""
        hidden, states = self.gru(self.before(features), states)
        return self.after(hidden), states
