"""Products in bfloat16: where they can be computed, and where that pays."""

from __future__ import annotations

import warnings

import torch

from ...models.errors import Remark, StapesError
from .recipe import Recipe


def check(device: torch.device, recipe: Recipe) -> None:
    """Raises StapesError where the device or the recipe has no use for them; a remark where they cost time."""
    if device.type == "cuda":
        if recipe.quantisation is not None:
            raise StapesError(
                "--mixed-precision on a GPU rounds what [quantisation] imitates in float32; leave one of them out"
            )
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            raise StapesError("--mixed-precision: this GPU has no products in bfloat16; leave the option out")
    elif not pays_on_cpu():
        words = "--mixed-precision: this processor has no instructions for bfloat16; it takes longer here than without"
        warnings.warn(words, Remark, stacklevel=2)


def pays_on_cpu() -> bool:
    """Whether this processor multiplies bfloat16 by instructions of its own."""
    flags = torch.cpu.get_capabilities()
    return bool(flags.get("amx_bf16") or flags.get("avx512_bf16") or flags.get("bf16"))


def choose(bfloat16: bool) -> None:
    """On the processor: do products over all frames at once round their factors to bfloat16, or not?"""
    torch.backends.mkldnn.matmul.fp32_precision = "bf16" if bfloat16 else "ieee"  # type: ignore[attr-defined]
