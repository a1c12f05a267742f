"""Constants by which outputs of a white-box network's decoder become controls of the stage `steered_equaliser`."""

from __future__ import annotations

import math

from ...models.errors import StapesError
from ..graph import Graph, Tensor
from .rounding import rounded

# A logit is of powers of e, the device has those of two.
LOG2_E_Q30 = rounded(math.log2(math.e) * 2.0**30)
LATENT = "latent"
# Outputs whose codes are parts of 2^15.
PARTS = ("gain", "quality")
WEIGHT = "weight"


def scale_q31(tensor: Tensor) -> int | None:
    """What a code of a tensor is worth, times 2^31; None where that is no single number below one, or does not begin at zero."""
    if tensor.scale is None or tensor.scale.size != 1 or tensor.zero_point:
        return None
    scale = rounded(float(tensor.scale.reshape(-1)[0]) * 2.0**31)
    return scale if 0 < scale < 2**31 else None


def frequency_scale_q31(graph: Graph, label: str) -> int:
    """Of a decoder's graph; raises StapesError, `label` in front, for a graph that is no decoder, and for one of other formats."""
    if list(graph.inputs) != [LATENT] or not {"frequency", *PARTS} <= set(graph.outputs):
        raise StapesError(
            f"{label}: no parametric decoder of a white-box network; make it with stapes quantize from its checkpoint"
        )
    for name in ("frequency", *PARTS, WEIGHT):
        if name not in graph.outputs:
            continue
        tensor = graph.tensors[name]
        scale = scale_q31(tensor) if tensor.dtype == "int16" else None
        if scale is None or (name != "frequency" and scale != 1 << 16):
            raise StapesError(
                f"{label}: {name} is no int16 of the format that the device takes; quantise it with w8a16"
            )
    found = scale_q31(graph.tensors["frequency"])
    assert found is not None
    return found
