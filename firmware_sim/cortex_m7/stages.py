"""Which stage of the pipeline an executed function belongs to, by the names that the exported C gives its functions.

A function without a rule belongs to the stage of its caller.
"""

from __future__ import annotations

FRAMING, RFFT, POWER, NOISE, GAIN, FEATURES = (
    "framing and window",
    "rfft",
    "power",
    "noise estimate",
    "gain",
    "features",
)
NETWORK, MASK, IRFFT, OVERLAP_ADD, CALLS = "network", "mask", "irfft", "overlap-add", "calls between stages"

_STAGE_OF = {
    "stapes_audio_analyse": CALLS,
    "stapes_audio_analyse_complex": FEATURES,
    "stapes_audio_spectrum": FRAMING,
    "stapes_rfft_q31": RFFT,
    "stapes_audio_power": POWER,
    "stapes_audio_wiener": GAIN,
    "is_silent": NOISE,
    "start_up": NOISE,
    "mean_of_startup": NOISE,
    "track_noise": NOISE,
    "decision_directed": GAIN,
    "stapes_audio_features": FEATURES,
    "stapes_audio_quantise_s8": FEATURES,
    "stapes_audio_quantise_s16": FEATURES,
    "run_network": CALLS,
    "stapes_audio_mask_s8": MASK,
    "stapes_audio_mask_s16": MASK,
    "stapes_audio_synthesise": MASK,
    "stapes_audio_synthesise_complex": MASK,
    "stapes_audio_overlap_add": OVERLAP_ADD,
    "stapes_irfft_q31": IRFFT,
}
ORDER = (FRAMING, RFFT, POWER, NOISE, GAIN, FEATURES, NETWORK, MASK, IRFFT, OVERLAP_ADD, CALLS)
_PARAMS = "_params"


def own_name(function: str) -> str:
    """Without what a compiler appends to its variants: `window.isra.0` is `window`."""
    return function.partition(".")[0]


def stage_of(function: str) -> str | None:
    return _STAGE_OF.get(function)


def is_kernel(function: str) -> bool:
    """Whether a function computes a step of the network."""
    return function.startswith("stapes_") and not function.startswith(("stapes_audio_", "stapes_rfft", "stapes_irfft"))


def layer_stage(function: str, params: str | None) -> str:
    """The stage of a kernel that the program calls with the constant `params`, which is named after its layer."""
    if params is not None and params.endswith(_PARAMS):
        return f"{NETWORK}: {params.removesuffix(_PARAMS)}"
    return f"{NETWORK}: {function}"


def in_order(stages: dict[str, int]) -> dict[str, int]:
    """Stages in the order of the pipeline, layers in the order in which they were met."""
    return dict(sorted(stages.items(), key=lambda entry: ORDER.index(entry[0].partition(":")[0])))
