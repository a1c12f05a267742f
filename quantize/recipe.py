"""Recipes: every choice that turns a float graph into an integer graph, as readable TOML.

name = "w8a8_features16"
[weights]
granularity = "channel"        # or "tensor": one scale a matrix
form = "fully_connected"       # or "conv_2d": the same product as a 1x1 convolution
equalisation = 0.5             # 0 to 1: how far channels between two layers are brought to one range; 0 leaves them
bias_correction = true         # biases without the mean error that rounding and clipping bring
[activations]
dtype = "int8"
range = "mse"                  # or "minmax", "percentile"
[[tensor]]                     # exceptions by name pattern, the first match counts
match = ["@input"]             # tensor names with * and ?; @input, @output: the graph's edges and the layer there
dtype = "int16"
reason = "steps of int8 are too coarse for a spectrum"
[[tensor]]
match = ["E3/pc1"]
clip = 0.7                     # in int8 the range times this: finer steps for most, what lies outside saturates
[thresholds]
mask_snr_db = 40.0             # what `stapes regress` holds the bundle to
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import tomli_w

from models.errors import StapesError

BUILTIN = Path(__file__).parent / "recipes"
DTYPES = ("int8", "int16")
RANGES = ("minmax", "percentile", "mse")
GRANULARITIES = ("channel", "tensor")
FORMS = ("fully_connected", "conv_2d")
THRESHOLDS = ("mask_snr_db", "output_snr_db", "pesq_drop")


@dataclass(frozen=True)
class Activations:
    """How an activation's format is chosen: `percentile` is two-sided, `headroom` widens int16 ranges, `clip` narrows int8 ones."""

    dtype: str = "int8"
    range: str = "mse"
    percentile: float = 99.99
    headroom: float = 2.0
    clip: float = 1.0


@dataclass(frozen=True)
class Override:
    """An exception for the tensors and regions whose name matches one of the patterns."""

    match: tuple[str, ...]
    dtype: str | None = None
    range: str | None = None
    clip: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Recipe:
    """A whole recipe; see the module's example."""

    name: str
    description: str = ""
    granularity: str = "channel"
    form: str = "fully_connected"
    equalisation: float = 0.0
    bias_correction: bool = False
    activations: Activations = field(default_factory=Activations)
    overrides: tuple[Override, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def for_tensor(self, names: tuple[str, ...]) -> Activations:
        """The choices for a tensor known by any of `names` (its own, its region's)."""
        for override in self.overrides:
            if any(fnmatchcase(name, pattern) for name in names for pattern in override.match):
                return replace(
                    self.activations,
                    dtype=override.dtype or self.activations.dtype,
                    range=override.range or self.activations.range,
                    clip=override.clip or self.activations.clip,
                )
        return self.activations

    def to_toml(self) -> str:
        """The recipe as TOML that `load_recipe` reads back to an equal recipe."""
        document: dict[str, Any] = {"name": self.name}
        if self.description:
            document["description"] = self.description
        document["weights"] = {"granularity": self.granularity, "form": self.form}
        if self.equalisation:
            document["weights"]["equalisation"] = self.equalisation
        if self.bias_correction:
            document["weights"]["bias_correction"] = True
        document["activations"] = dict(vars(self.activations))
        document["thresholds"] = dict(self.thresholds)
        if self.overrides:
            document["tensor"] = [
                {key: list(value) if isinstance(value, tuple) else value for key, value in vars(o).items() if value}
                for o in self.overrides
            ]
        return tomli_w.dumps(document)


def builtin_recipes() -> dict[str, Path]:
    """Names and files of the recipes that come with stapes."""
    return {path.stem: path for path in sorted(BUILTIN.glob("*.toml"))}


def load_recipe(name_or_path: str | Path) -> Recipe:
    """A built-in recipe by name, or a TOML file; raises StapesError that names the key and what it may be."""
    path = builtin_recipes().get(str(name_or_path), Path(name_or_path))
    if not path.is_file():
        known = ", ".join(builtin_recipes())
        raise StapesError(f"recipe {str(name_or_path)!r}: not built in ({known}) and no such file")
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StapesError(f"{path}: not TOML ({error}); compare it with a built-in recipe") from None
    return parse_recipe(document, str(path))


def parse_recipe(document: Mapping[str, Any], label: str) -> Recipe:
    """A recipe from parsed TOML; `label` names it in errors."""
    _require_keys(document, {"name", "description", "weights", "activations", "tensor", "thresholds"}, label)
    weights = document.get("weights", {})
    _require_keys(weights, {"granularity", "form", "equalisation", "bias_correction"}, f"{label} [weights]")
    _require_numbers(weights, ("equalisation",), f"{label} [weights]")
    activations = document.get("activations", {})
    _require_keys(activations, set(vars(Activations())), f"{label} [activations]")
    thresholds = document.get("thresholds", {})
    _require_keys(thresholds, set(THRESHOLDS), f"{label} [thresholds]")
    _require_numbers(thresholds, thresholds, f"{label} [thresholds]")
    _require_numbers(activations, ("percentile", "headroom", "clip"), f"{label} [activations]")
    overrides = _overrides(document.get("tensor", []), f"{label} [[tensor]]")
    recipe = Recipe(
        name=str(document.get("name", Path(label).stem)),
        description=str(document.get("description", "")),
        granularity=weights.get("granularity", "channel"),
        form=weights.get("form", "fully_connected"),
        equalisation=float(weights.get("equalisation", 0.0)),
        bias_correction=weights.get("bias_correction", False),
        activations=Activations(**activations),
        overrides=overrides,
        thresholds={key: float(value) for key, value in thresholds.items()},
    )
    _require_one_of(recipe.granularity, GRANULARITIES, f"{label}: weights.granularity")
    _require_one_of(recipe.form, FORMS, f"{label}: weights.form")
    if not isinstance(recipe.bias_correction, bool):
        raise StapesError(f"{label}: weights.bias_correction is {recipe.bias_correction!r}; it may be true or false")
    choices = [(recipe.activations.dtype, recipe.activations.range), *((o.dtype, o.range) for o in overrides)]
    for dtype, method in choices:
        if dtype is not None:
            _require_one_of(dtype, DTYPES, f"{label}: dtype")
        if method is not None:
            _require_one_of(method, RANGES, f"{label}: range")
    clips = [recipe.activations.clip, *(o.clip for o in overrides if o.clip is not None)]
    if not all(0.0 < clip <= 4.0 for clip in clips):
        raise StapesError(f"{label}: clip must lie in (0, 4]")
    if not 50.0 < recipe.activations.percentile <= 100.0 or not 1.0 <= recipe.activations.headroom <= 64.0:
        raise StapesError(f"{label}: percentile must lie in (50, 100] and headroom in [1, 64]")
    if not 0.0 <= recipe.equalisation <= 1.0:
        raise StapesError(f"{label}: weights.equalisation is {recipe.equalisation}; give a number from 0 to 1")
    return recipe


def _overrides(entries: Any, label: str) -> tuple[Override, ...]:
    if not isinstance(entries, list):
        raise StapesError(f"{label}: expected tables; write [[tensor]] above each")
    overrides = []
    for entry in entries:
        _require_keys(entry, {"match", "dtype", "range", "clip", "reason"}, label)
        _require_numbers(entry, ("clip",), label)
        match = entry.get("match", ())
        patterns = [match] if isinstance(match, str) else match
        if not patterns or not isinstance(patterns, list) or not all(isinstance(p, str) for p in patterns):
            raise StapesError(f"{label}: 'match' is missing or no text; give name patterns, such as [\"gru0*\"]")
        reason = str(entry.get("reason", ""))
        clip = float(entry["clip"]) if "clip" in entry else None
        overrides.append(Override(tuple(patterns), entry.get("dtype"), entry.get("range"), clip, reason))
    return tuple(overrides)


def _require_numbers(table: Mapping[str, Any], names: Iterable[str], label: str) -> None:
    for name in names:
        value = table.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise StapesError(f"{label}: {name} is {value!r}; give a number")


def _require_keys(table: Mapping[str, Any], known: set[str], label: str) -> None:
    if not isinstance(table, Mapping):
        raise StapesError(f"{label}: expected a table with {', '.join(sorted(known))}")
    unknown = sorted(set(table) - known)
    if unknown:
        raise StapesError(f"{label}: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}")


def _require_one_of(value: Any, known: tuple[str, ...], label: str) -> None:
    if value not in known:
        raise StapesError(f"{label} is {value!r}; it may be {', '.join(known)}")
