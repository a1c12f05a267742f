"""Every number of a training, from a TOML file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le, Lt, MinLen

from ...models.audio import SoundPath
from ...models.errors import StapesError
from ...models.gru_mask import GruMaskConfig
from ...models.gtcrn import Gtcrn
from ...models.schema import STRICT, read_toml, validated
from ..corpus.degrade import BAND_HZ, CLIP_DB, ROOM_DIRECT_DB, ROOM_SECONDS

REMEDY = "compare it with a recipe of the zoo"

Count = Annotated[int, Ge(1)]
Positive = Annotated[float, Gt(0.0)]
Fraction = Annotated[float, Ge(0.0), Le(1.0)]
Between = tuple[float, float]
Speed = tuple[Positive, Positive]


@dataclass(frozen=True)
class GtcrnModel:
    """GTCRN as it was published: nothing of it can be chosen."""

    kind: Literal["gtcrn"] = "gtcrn"

    __pydantic_config__ = STRICT

    def sound_path(self) -> SoundPath:
        """The front end that the network is trained behind."""
        return Gtcrn.sound_path()


@dataclass(frozen=True)
class Data:
    """Pairs: `clip_seconds` long in the pool, of which a step takes `crop_seconds`.

    The pool is `chunks` times `chunk_clips` pairs; every `renew_steps` steps one chunk is made anew. Ranges are uniform:
    `snr_db`, `level_db` (of the pair, 0 being the corpus's -26 dBFS), `speed` (of the speech). `colour_db` bounds the random
    equalisers of speech, `noise_colour_db` those of noise, which plays at `noise_speed`. A `quiet_fraction` of the pairs has an SNR from `quiet_snr_db`, a `pause_fraction` a
    stretch of `pause_seconds` without speech, a `silence_fraction` leading digital silence of up to a second. To a `second_noise_fraction` another recording's noise
    is added, to a `modulated_fraction` a made-up one that swells and fades; a `room_fraction` is heard in a room (decay by
    60 dB in `room_seconds`, direct sound `room_direct_db` over the rest); of a `band_fraction` only what lies below `band_hz`
    is left; a `clip_fraction` is clipped `clip_db` under its peak.

    `front_end`: features and Wiener gains are computed in float, or fixed, as the device computes them, bit for bit; in
    validation as well.
    """

    front_end: Literal["float", "fixed"] = "float"
    clip_seconds: Positive = 6.0
    crop_seconds: Positive = 3.0
    chunk_clips: Count = 64
    chunks: Count = 8
    renew_steps: Count = 64
    snr_db: Between = (-5.0, 20.0)
    quiet_fraction: Fraction = 0.05
    quiet_snr_db: Between = (25.0, 45.0)
    level_db: Between = (-35.0, 0.0)
    speed: Speed = (0.85, 1.15)
    colour_db: float = 5.0
    pause_fraction: Fraction = 0.25
    pause_seconds: Between = (0.5, 2.5)
    silence_fraction: Fraction = 0.05
    noise_speed: Speed = (1.0, 1.0)
    noise_colour_db: float = 5.0
    second_noise_fraction: Fraction = 0.0
    modulated_fraction: Fraction = 0.0
    room_fraction: Fraction = 0.0
    room_seconds: Between = ROOM_SECONDS
    room_direct_db: Between = ROOM_DIRECT_DB
    band_fraction: Fraction = 0.0
    band_hz: Between = BAND_HZ
    clip_fraction: Fraction = 0.0
    clip_db: Between = CLIP_DB

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, tuple) and value[0] > value[1]:
                raise StapesError(f"data.{name} is {list(value)}; give two numbers, the smaller first")
        if self.crop_seconds > self.clip_seconds:
            raise StapesError(
                f"data.crop_seconds is {self.crop_seconds:g}, of clips of {self.clip_seconds:g}; make clip_seconds longer"
            )


@dataclass(frozen=True)
class Optimiser:
    """AdamW: a linear warm-up to `learning_rate`, then half a cosine down to zero at `steps`.

    With `average` > 0 the network that is scored and kept is a running mean of the weights, this being the weight of the
    past in it. `bfloat16_products`: matrix products over all frames at once round their factors to bfloat16, where the
    processor has instructions for it.
    """

    steps: Count = 7000
    batch: Count = 8
    learning_rate: Positive = 3e-3
    warmup_steps: int = 100
    weight_decay: float = 1e-4
    gradient_norm: Positive = 1.0
    average: Annotated[float, Ge(0.0), Lt(1.0)] = 0.0
    bfloat16_products: bool = False

    __pydantic_config__ = STRICT


@dataclass(frozen=True)
class Loss:
    """What a training minimises: every term of `loss` by its name and weight, those of weight 0 being left out.

    `transforms` are the lengths in samples of the Hann windows, half overlapping, behind complex, magnitude and
    suppression, which see spectra to the power of `compression`; above `si_sdr_limit_db` nothing is gained.
    """

    transforms: Annotated[tuple[Annotated[int, Ge(2)], ...], MinLen(1)] = (512,)
    compression: float = 0.3
    complex_weight: float = 0.3
    magnitude_weight: float = 0.7
    suppression_weight: float = 0.0
    si_sdr_weight: float = 0.02
    si_sdr_limit_db: float = 30.0
    intelligibility_weight: float = 0.0
    loudness_weight: float = 0.0
    multi_scale_weight: float = 0.0

    __pydantic_config__ = STRICT


@dataclass(frozen=True)
class Validation:
    """`pairs` fixed pairs of the validation split, scored every `every` steps.

    The network with the highest score `watch` (pesq, estoi or si_sdr_db) is kept beside the last one; when `patience` scores
    in a row were no better, training ends. 0 never ends it.
    """

    pairs: Count = 16
    seconds: Positive = 6.0
    snr_db: Annotated[tuple[float, ...], MinLen(1)] = (0.0, 5.0, 10.0)
    every: Count = 500
    watch: Literal["pesq", "estoi", "si_sdr_db"] = "pesq"
    patience: int = 0

    __pydantic_config__ = STRICT


@dataclass(frozen=True)
class Quantisation:
    """Training for integer arithmetic, see `fake_quant`; where a recipe has this table, training ends by snapping weights.

    `imitate`: "weights", which costs little and suits the whole of a training, "activations" besides, for its end, or
    "engine", where the integer graph of `recipe` (w8a8 or w8a8_features16) is the forward pass, bit for bit.

    `snr_weight` is the worth of one dB between the masks of the float and of the integer network, up to `snr_limit_db`.
    `term_reach`, `gate_reach` and `candidate_reach` bound what stands in front of the gates, at the price of `reach_weight`
    times the mean square of the excess.
    """

    imitate: Literal["weights", "activations", "engine"] = "activations"
    recipe: Literal["w8a8", "w8a8_features16"] = "w8a8"
    snr_weight: float = 0.015
    snr_limit_db: float = 48.0
    term_reach: float = 5.0
    gate_reach: float = 5.0
    candidate_reach: float = 2.5
    reach_weight: float = 1.0

    __pydantic_config__ = STRICT


@dataclass(frozen=True)
class Pruning:
    """Blocks of weights that become zeros and stay zeros, see `pruning`.

    Of each matrix, the `fraction` of blocks of `block` (rows, columns) with the smallest weights; it grows from 0 after
    `first_step` steps to its full size after `last_step`, and every `every` steps blocks are chosen. `matrices` are names of
    the checkpoint's weights, * standing for any part of one.
    """

    fraction: Annotated[float, Gt(0.0), Lt(1.0)] = 0.5
    block: tuple[int, ...] = (4, 4)
    first_step: Annotated[int, Ge(0)] = 0
    last_step: int = 500
    every: Count = 10
    matrices: Annotated[tuple[str, ...], MinLen(1)] = ("*",)

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if len(self.block) != 2 or any(size <= 0 or size % 4 for size in self.block):
            raise StapesError(
                f"pruning.block is {list(self.block)}; the kernels leave out blocks of 4 rows x 4 columns: give multiples of 4"
            )


@dataclass(frozen=True)
class Deployment:
    """What the saved checkpoint's front end has other than training had; None leaves a value alone. No weight depends on it."""

    mask_floor_db: float | None = None
    vad_hold_frames: int | None = None
    clear_snr_db: float | None = None

    __pydantic_config__ = STRICT


@dataclass(frozen=True)
class Recipe:
    """One training; `seed` draws the first weights, the pairs and the crops.

    In the file `kind` in [model] names the network, gru-mask or gtcrn.
    """

    seed: Annotated[int, Ge(0)] = 0
    model: GruMaskConfig | GtcrnModel = field(default_factory=GruMaskConfig)
    data: Data = field(default_factory=Data)
    optimiser: Optimiser = field(default_factory=Optimiser)
    loss: Loss = field(default_factory=Loss)
    validation: Validation = field(default_factory=Validation)
    quantisation: Quantisation | None = None
    pruning: Pruning | None = None
    deployment: Deployment = field(default_factory=Deployment)

    __pydantic_config__ = STRICT

    def __post_init__(self) -> None:
        if isinstance(self.model, GtcrnModel):
            self._require_fit_for_gtcrn()
        if (p := self.pruning) is not None and not p.first_step < p.last_step <= self.optimiser.steps:
            raise StapesError(
                f"pruning from step {p.first_step} to {p.last_step}; give first_step below last_step, and last_step at most"
                f" optimiser.steps ({self.optimiser.steps})"
            )

    def _require_fit_for_gtcrn(self) -> None:
        if self.quantisation is not None:
            raise StapesError("[quantisation] imitates the integer GRU mask only; leave it out for gtcrn")
        if self.data.front_end != "float":
            raise StapesError("data.front_end is of the Wiener filter, which gtcrn does not have; leave it out")
        if self.deployment != Deployment():
            raise StapesError("[deployment] is of the Wiener filter, which gtcrn does not have; leave it out")

    def to_dict(self) -> dict[str, Any]:
        """Plain values; tuples become lists, as a file would hold them."""
        values = _plain(dataclasses.asdict(self))
        left_out = {name for name in ("quantisation", "pruning") if values[name] is None}
        return {name: value for name, value in values.items() if name not in left_out}


@dataclass(frozen=True)
class _GruMaskRecipe(Recipe):
    """A recipe whose [model] is a GRU mask, as it stands in the file."""

    model: GruMaskConfig = field(default_factory=GruMaskConfig)


@dataclass(frozen=True)
class _GtcrnRecipe(Recipe):
    """A recipe whose [model] is GTCRN, as it stands in the file."""

    model: GtcrnModel = field(default_factory=GtcrnModel)


_SCHEMAS: dict[str, type[Recipe]] = {"gru-mask": _GruMaskRecipe, "gtcrn": _GtcrnRecipe}


def load_recipe(path: Path) -> Recipe:
    """Read a TOML recipe; what it leaves out takes its default. Raises StapesError naming an unknown table or key."""
    if not path.is_file():
        raise StapesError(f"{path}: no such recipe; check the path")
    values = read_toml(path, "correct that place")
    model = values.get("model", {})
    kind = "gru-mask"
    if isinstance(model, dict):
        kind = model.pop("kind", kind)
        if not isinstance(kind, str) or kind not in _SCHEMAS:
            raise StapesError(f"{path}: model.kind is {kind!r}; give one of {', '.join(_SCHEMAS)}")
        if kind == "gtcrn" and model:
            raise StapesError(f"{path}: model.{min(model)}: gtcrn is trained as published; [model] holds only its kind")
    return validated(_SCHEMAS[kind], values, str(path), REMEDY)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
