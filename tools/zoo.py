"""The networks that come along; their cards and the recipes of their training stand beside them in `models/zoo`."""

from __future__ import annotations

from pathlib import Path

from .. import models
from ..quantize.recipe import Recipe

_FOLDER = Path(models.__file__).parent / "zoo"
GRU_MASK = _FOLDER / "gru_mask.pt"
GRU_MASK_W8A8 = _FOLDER / "gru_mask_w8a8.pt"
GRU_MASK_SPARSE = _FOLDER / "gru_mask_sparse.pt"
TONE_CORRECTION = _FOLDER / "tone_correction.onnx"


def network_for(recipe: Recipe) -> Path:
    """The GRU mask to quantise by `recipe`: that for int8 activations has been fine-tuned to them."""
    return GRU_MASK_W8A8 if recipe.activations.dtype == "int8" else GRU_MASK
