"""Every number of a training, from a TOML file."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from ...models.audio import SoundPath
from ...models.errors import StapesError
from ...models.gru_mask import GruMaskConfig
from ...models.gtcrn import Gtcrn
from ...models.schema import read_toml
from ..corpus.degrade import BAND_HZ, CLIP_DB, ROOM_DIRECT_DB, ROOM_SECONDS

FRONT_ENDS = ("float", "fixed")
IMITATED = ("weights", "activations", "engine")
INT8_RECIPES = ("w8a8", "w8a8_features16")
WATCHED = ("pesq", "estoi", "si_sdr_db")


@dataclass(frozen=True)
class GtcrnModel:
    """GTCRN as it was published: nothing of it can be chosen."""

    kind: str = "gtcrn"

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

    front_end: str = "float"
    clip_seconds: float = 6.0
    crop_seconds: float = 3.0
    chunk_clips: int = 64
    chunks: int = 8
    renew_steps: int = 64
    snr_db: tuple[float, float] = (-5.0, 20.0)
    quiet_fraction: float = 0.05
    quiet_snr_db: tuple[float, float] = (25.0, 45.0)
    level_db: tuple[float, float] = (-35.0, 0.0)
    speed: tuple[float, float] = (0.85, 1.15)
    colour_db: float = 5.0
    pause_fraction: float = 0.25
    pause_seconds: tuple[float, float] = (0.5, 2.5)
    silence_fraction: float = 0.05
    noise_speed: tuple[float, float] = (1.0, 1.0)
    noise_colour_db: float = 5.0
    second_noise_fraction: float = 0.0
    modulated_fraction: float = 0.0
    room_fraction: float = 0.0
    room_seconds: tuple[float, float] = ROOM_SECONDS
    room_direct_db: tuple[float, float] = ROOM_DIRECT_DB
    band_fraction: float = 0.0
    band_hz: tuple[float, float] = BAND_HZ
    clip_fraction: float = 0.0
    clip_db: tuple[float, float] = CLIP_DB


@dataclass(frozen=True)
class Optimiser:
    """AdamW: a linear warm-up to `learning_rate`, then half a cosine down to zero at `steps`.

    With `average` > 0 the network that is scored and kept is a running mean of the weights, this being the weight of the
    past in it. `bfloat16_products`: matrix products over all frames at once round their factors to bfloat16, where the
    processor has instructions for it.
    """

    steps: int = 7000
    batch: int = 8
    learning_rate: float = 3e-3
    warmup_steps: int = 100
    weight_decay: float = 1e-4
    gradient_norm: float = 1.0
    average: float = 0.0
    bfloat16_products: bool = False


@dataclass(frozen=True)
class Loss:
    """What a training minimises: every term of `loss` by its name and weight, those of weight 0 being left out.

    `transforms` are the lengths in samples of the Hann windows, half overlapping, behind complex, magnitude and
    suppression, which see spectra to the power of `compression`; above `si_sdr_limit_db` nothing is gained.
    """

    transforms: tuple[int, ...] = (512,)
    compression: float = 0.3
    complex_weight: float = 0.3
    magnitude_weight: float = 0.7
    suppression_weight: float = 0.0
    si_sdr_weight: float = 0.02
    si_sdr_limit_db: float = 30.0
    intelligibility_weight: float = 0.0
    loudness_weight: float = 0.0
    multi_scale_weight: float = 0.0


@dataclass(frozen=True)
class Validation:
    """`pairs` fixed pairs of the validation split, scored every `every` steps.

    The network with the highest score `watch` (pesq, estoi or si_sdr_db) is kept beside the last one; when `patience` scores
    in a row were no better, training ends. 0 never ends it.
    """

    pairs: int = 16
    seconds: float = 6.0
    snr_db: tuple[float, ...] = (0.0, 5.0, 10.0)
    every: int = 500
    watch: str = "pesq"
    patience: int = 0


@dataclass(frozen=True)
class Quantisation:
    """Training for integer arithmetic, see `fake_quant`; where a recipe has this table, training ends by snapping weights.

    `imitate`: "weights", which costs little and suits the whole of a training, "activations" besides, for its end, or
    "engine", where the integer graph of `recipe` (w8a8 or w8a8_features16) is the forward pass, bit for bit.

    `snr_weight` is the worth of one dB between the masks of the float and of the integer network, up to `snr_limit_db`.
    `term_reach`, `gate_reach` and `candidate_reach` bound what stands in front of the gates, at the price of `reach_weight`
    times the mean square of the excess.
    """

    imitate: str = "activations"
    recipe: str = "w8a8"
    snr_weight: float = 0.015
    snr_limit_db: float = 48.0
    term_reach: float = 5.0
    gate_reach: float = 5.0
    candidate_reach: float = 2.5
    reach_weight: float = 1.0


@dataclass(frozen=True)
class Pruning:
    """Blocks of weights that become zeros and stay zeros, see `pruning`.

    Of each matrix, the `fraction` of blocks of `block` (rows, columns) with the smallest weights; it grows from 0 after
    `first_step` steps to its full size after `last_step`, and every `every` steps blocks are chosen. `matrices` are names of
    the checkpoint's weights, * standing for any part of one.
    """

    fraction: float = 0.5
    block: tuple[int, ...] = (4, 4)
    first_step: int = 0
    last_step: int = 500
    every: int = 10
    matrices: tuple[str, ...] = ("*",)


@dataclass(frozen=True)
class Deployment:
    """What the saved checkpoint's front end has other than training had; None leaves a value alone. No weight depends on it."""

    mask_floor_db: float | None = None
    vad_hold_frames: int | None = None
    clear_snr_db: float | None = None


@dataclass(frozen=True)
class Recipe:
    """One training; `seed` draws the first weights, the pairs and the crops.

    In the file `kind` in [model] names the network, gru-mask or gtcrn.
    """

    seed: int = 0
    model: GruMaskConfig | GtcrnModel = field(default_factory=GruMaskConfig)
    data: Data = field(default_factory=Data)
    optimiser: Optimiser = field(default_factory=Optimiser)
    loss: Loss = field(default_factory=Loss)
    validation: Validation = field(default_factory=Validation)
    quantisation: Quantisation | None = None
    pruning: Pruning | None = None
    deployment: Deployment = field(default_factory=Deployment)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; tuples become lists, as a file would hold them."""
        values = _plain(dataclasses.asdict(self))
        left_out = {name for name in ("quantisation", "pruning") if values[name] is None}
        return {name: value for name, value in values.items() if name not in left_out}


_AT_LEAST_ONE = ("chunk_clips", "chunks", "renew_steps", "steps", "batch", "pairs", "every")
_ABOVE_ZERO = ("clip_seconds", "crop_seconds", "learning_rate", "gradient_norm", "seconds")
_MODELS = {"gru-mask": GruMaskConfig, "gtcrn": GtcrnModel}
_TABLES = {
    "data": Data,
    "optimiser": Optimiser,
    "loss": Loss,
    "validation": Validation,
    "quantisation": Quantisation,
    "pruning": Pruning,
    "deployment": Deployment,
}


def load_recipe(path: Path) -> Recipe:
    """Read a TOML recipe; what it leaves out takes its default. Raises StapesError naming an unknown table or key."""
    if not path.is_file():
        raise StapesError(f"{path}: no such recipe; check the path")
    values = read_toml(path, "correct that place")
    try:
        recipe = _fill(Recipe, values, "")
    except StapesError as error:
        raise StapesError(f"{path}: {error}") from error
    _require_sound_numbers(path, recipe)
    if recipe.validation.watch not in WATCHED:
        raise StapesError(f"{path}: validation.watch is {recipe.validation.watch!r}; give one of {', '.join(WATCHED)}")
    if (q := recipe.quantisation) is not None:
        for name, known in (("imitate", IMITATED), ("recipe", INT8_RECIPES)):
            if getattr(q, name) not in known:
                raise StapesError(
                    f"{path}: quantisation.{name} is {getattr(q, name)!r}; give one of {', '.join(known)}"
                )
    if recipe.data.crop_seconds > recipe.data.clip_seconds:
        raise StapesError(f"{path}: crop_seconds exceeds clip_seconds; make the clips longer")
    if recipe.data.front_end not in FRONT_ENDS:
        raise StapesError(f"{path}: data.front_end is {recipe.data.front_end!r}; give {' or '.join(FRONT_ENDS)}")
    if isinstance(recipe.model, GtcrnModel):
        _require_fit_for_gtcrn(path, recipe)
    if recipe.pruning is not None:
        _require_sensible(path, recipe.pruning, recipe.optimiser.steps)
    return recipe


def _require_sound_numbers(path: Path, recipe: Recipe) -> None:
    for table in ("data", "optimiser", "validation"):
        for name, value in vars(getattr(recipe, table)).items():
            if name in _AT_LEAST_ONE and value < 1:
                raise StapesError(f"{path}: {table}.{name} is {value}; it must be at least 1")
            if name in _ABOVE_ZERO and value <= 0:
                raise StapesError(f"{path}: {table}.{name} is {value}; it must be above 0")
            if name.endswith("_fraction") and not 0 <= value <= 1:
                raise StapesError(f"{path}: {table}.{name} is {value}; it must lie between 0 and 1")
    if not 0 <= recipe.optimiser.average < 1:
        raise StapesError(
            f"{path}: optimiser.average is {recipe.optimiser.average}; it must be less than 1, 0 for none"
        )


def _require_sensible(path: Path, pruning: Pruning, steps: int) -> None:
    if not 0.0 < pruning.fraction < 1.0:
        raise StapesError(
            f"{path}: pruning.fraction is {pruning.fraction}; give a part of the blocks, above 0 and below 1"
        )
    block = pruning.block
    if len(block) != 2 or not all(isinstance(n, int) and n > 0 and n % 4 == 0 for n in block):
        raise StapesError(
            f"{path}: pruning.block is {list(block)}; the kernels leave out blocks of 4 rows x 4 columns: give multiples of 4"
        )
    if not 0 <= pruning.first_step < pruning.last_step <= steps:
        raise StapesError(
            f"{path}: pruning from step {pruning.first_step} to {pruning.last_step}; give first_step below last_step,"
            f" and last_step at most optimiser.steps ({steps})"
        )
    if pruning.every < 1:
        raise StapesError(f"{path}: pruning.every is {pruning.every}; give a number of steps, 1 or more")


def _require_fit_for_gtcrn(path: Path, recipe: Recipe) -> None:
    if recipe.quantisation is not None:
        raise StapesError(f"{path}: [quantisation] imitates the integer GRU mask only; leave it out for gtcrn")
    if recipe.data.front_end != "float":
        raise StapesError(f"{path}: data.front_end is of the Wiener filter, which gtcrn does not have; leave it out")
    if recipe.deployment != Deployment():
        raise StapesError(f"{path}: [deployment] is of the Wiener filter, which gtcrn does not have; leave it out")


def _fill(kind: type, values: dict[str, Any], where: str) -> Any:
    fields = {item.name: item for item in dataclasses.fields(kind)}
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise StapesError(f"unknown key {where}{unknown[0]}; known: {', '.join(fields)}")
    filled, hints = {}, get_type_hints(kind)
    for name, value in values.items():
        if not where and name in {"model", *_TABLES}:
            if not isinstance(value, dict):
                raise StapesError(f"{name} is a table: write [{name}]")
            filled[name] = _fill(_TABLES[name], value, f"{name}.") if name in _TABLES else _model(value)
        elif not _fits(value, hints[name]):
            raise StapesError(f"{where}{name} is {value!r}; it must be {_words(hints[name])}")
        else:
            filled[name] = tuple(value) if isinstance(value, list) else value
    return kind(**filled)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of a TOML file is of a field's type; integers serve as numbers with a point, two numbers as a range."""
    if get_origin(hint) is tuple:
        kind, *others = get_args(hint)
        right = isinstance(value, list) and len(value) > 0 and all(_fits(item, kind) for item in value)
        return right and (others == [Ellipsis] or (len(value) == 2 and value[0] <= value[1]))
    kinds = get_args(hint) or (hint,)
    finite = not isinstance(value, float) or math.isfinite(value)
    return finite and (type(value) in kinds or (type(value) is int and float in kinds))


def _words(hint: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    if get_origin(hint) is tuple:
        kind, *others = get_args(hint)
        return f"a list of {names[kind].split()[-1]}s" if others == [Ellipsis] else "two numbers, the smaller first"
    return " or ".join(names[kind] for kind in get_args(hint) or (hint,) if kind in names)


def _model(values: dict[str, Any]) -> GruMaskConfig | GtcrnModel:
    kind = values.get("kind", "gru-mask")
    if kind not in _MODELS:
        raise StapesError(f"model.kind is {kind!r}; give one of {', '.join(_MODELS)}")
    numbers = {name: value for name, value in values.items() if name != "kind"}
    if kind == "gtcrn" and numbers:
        raise StapesError(f"model.{min(numbers)}: gtcrn is trained as published; [model] holds only its kind")
    return _fill(_MODELS[kind], numbers, "model.")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
