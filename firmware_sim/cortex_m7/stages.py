"""Which stage of the pipeline an executed function belongs to, by the names that the exported C gives its functions.

A function without a rule belongs to the stage of its caller.
"""

from __future__ import annotations

from ...models.audio import kinds
from ..audio.twin import twin_class

NETWORK, CALLS = "network", "calls between stages"

# What a twin says of its C functions, stage after stage; then what stands between the stages and the network.
_WORK = {kind: twin_class(kind).work for kind in kinds()}
_STAGE_OF = {
    **{function: label for work in _WORK.values() for function, label in work.items()},
    "stapes_audio_quantise_s8": "features",
    "stapes_audio_quantise_s16": "features",
    "run_network": CALLS,
    "stapes_audio_mask_s8": "mask",
    "stapes_audio_mask_s16": "mask",
    "stapes_audio_wide_s8": "mask",
    "stapes_audio_wide_s16": "mask",
}


def _order() -> tuple[str, ...]:
    """The labels as a path has them, the network in front of the first stage that asks for something of it."""
    asks = [kind for kind, stage in kinds().items() if any(q.role == "asked" for q in stage().quantities)]
    before, after = (
        [label for kind, work in _WORK.items() if (kind in behind) == later for label in work.values()]
        for later, behind in ((False, {*asks, *_behind(asks)}), (True, {*asks, *_behind(asks)}))
    )
    # Kinds of features stand in each other's place: their work comes where the last of them is.
    before = list(dict.fromkeys(before[::-1]))[::-1]
    return tuple(dict.fromkeys([*before, NETWORK, *after, CALLS]))


def _behind(asks: list[str]) -> list[str]:
    """Kinds that stand behind the network."""
    known = list(kinds())
    return known[known.index(asks[0]) :]


ORDER = _order()
_PARAMS = "_params"
# What the stages call, under names that kernels do not begin with.
_OTHERS = ("stapes_audio_", "stapes_rfft", "stapes_irfft", "stapes_mixed_rfft")


def own_name(function: str) -> str:
    """Without what a compiler appends to its variants: `window.isra.0` is `window`."""
    return function.partition(".")[0]


def stage_of(function: str) -> str | None:
    return _STAGE_OF.get(function)


def is_kernel(function: str) -> bool:
    """Whether a function computes a step of the network."""
    return function.startswith("stapes_") and function not in _STAGE_OF and not function.startswith(_OTHERS)


def layer_stage(function: str, params: str | None) -> str:
    """The stage of a kernel that the program calls with the constant `params`, which is named after its layer."""
    if params is not None and params.endswith(_PARAMS):
        return f"{NETWORK}: {params.removesuffix(_PARAMS)}"
    return f"{NETWORK}: {function}"


def in_order(stages: dict[str, int]) -> dict[str, int]:
    """Stages in the order of the pipeline, layers in the order in which they were met."""
    return dict(sorted(stages.items(), key=lambda entry: ORDER.index(entry[0].partition(":")[0])))
