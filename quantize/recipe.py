"""Recipes: every choice that turns a float graph into an integer graph, as readable TOML.

name = "w8a8_features16"
[weights]
granularity = "channel"        # or "tensor": one scale a matrix
form = "fully_connected"       # or "conv_2d": the same product as a 1x1 convolution
equalisation = 0.5             # 0 to 1: how far channels between two layers are brought to one range; 0 leaves them
bias_correction = true         # biases without the mean error that rounding and clipping bring
leave_out_silent = true        # rectifiers that gave only zeros in calibration go, and what works for them alone
leave_out_unread = true        # results that the path of the sound does not read go, and what works for them alone
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

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from annotated_types import Ge, Gt, Le, MinLen

from ..models.errors import StapesError
from ..models.schema import STRICT, read_toml, validated

BUILTIN = Path(__file__).parent / "recipes"
REMEDY = "compare it with a built-in recipe"
LONGEST_NAME = 100

Dtype = Literal["int8", "int16"]
Range = Literal["minmax", "percentile", "mse"]
Clip = Annotated[float, Gt(0.0), Le(4.0)]
Patterns = Annotated[tuple[str, ...], MinLen(1)]


@dataclass(frozen=True)
class Activations:
    """How an activation's format is chosen: `percentile` is two-sided, `headroom` widens int16 ranges, `clip` narrows int8 ones."""

    dtype: Dtype = "int8"
    range: Range = "mse"
    percentile: Annotated[float, Gt(50.0), Le(100.0)] = 99.99
    headroom: Annotated[float, Ge(1.0), Le(64.0)] = 2.0
    clip: Clip = 1.0

    __pydantic_config__ = STRICT


@dataclass(frozen=True)
class Override:
    """An exception for the tensors and regions whose name matches one of the patterns."""

    match: Patterns
    dtype: Dtype | None = None
    range: Range | None = None
    clip: Clip | None = None
    reason: str = ""

    __pydantic_config__ = STRICT


@dataclass(frozen=True)
class _Weights:
    """The table [weights]."""

    granularity: Literal["channel", "tensor"] = "channel"
    form: Literal["fully_connected", "conv_2d"] = "fully_connected"
    equalisation: Annotated[float, Ge(0.0), Le(1.0)] = 0.0
    bias_correction: bool = False
    leave_out_silent: bool = False
    leave_out_unread: bool = False

    __pydantic_config__ = STRICT


@dataclass(frozen=True)
class _Thresholds:
    """The table [thresholds]."""

    mask_snr_db: float | None = None
    output_snr_db: float | None = None
    pesq_drop: float | None = None

    __pydantic_config__ = STRICT


@dataclass(frozen=True)
class _Document:
    """A recipe as it stands in the file."""

    name: str
    description: str = ""
    weights: _Weights = _Weights()
    activations: Activations = Activations()
    tensor: tuple[Override, ...] = ()
    thresholds: _Thresholds = _Thresholds()

    __pydantic_config__ = STRICT


@dataclass(frozen=True)
class Recipe:
    """A whole recipe; see the module's example."""

    name: str
    description: str = ""
    granularity: str = "channel"
    form: str = "fully_connected"
    equalisation: float = 0.0
    bias_correction: bool = False
    leave_out_silent: bool = False
    leave_out_unread: bool = False
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

    def unmatched(self, names: Iterable[str]) -> list[str]:
        """The patterns of `overrides` that match none of the names."""
        known = set(names)
        patterns = dict.fromkeys(pattern for override in self.overrides for pattern in override.match)
        return [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in known)]

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
        if self.leave_out_silent:
            document["weights"]["leave_out_silent"] = True
        if self.leave_out_unread:
            document["weights"]["leave_out_unread"] = True
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


def load_recipe(name_or_path: str | os.PathLike[str]) -> Recipe:
    """A built-in recipe by name, or a TOML file; raises StapesError that names the key and what it may be."""
    path = builtin_recipes().get(str(name_or_path), Path(name_or_path))
    if not path.is_file():
        known = ", ".join(builtin_recipes())
        raise StapesError(
            f"recipe {str(name_or_path)!r}: not built in, and no such file; give one of {known}, or a TOML file"
        )
    return parse_recipe(read_toml(path, REMEDY), str(path))


def parse_recipe(document: Mapping[str, Any], label: str) -> Recipe:
    """A recipe from parsed TOML; `label` names it in errors, and the recipe where it has no name of its own."""
    made = {"name": Path(label).stem, **document}
    if isinstance(made.get("tensor"), list):  # one pattern may stand without brackets
        made["tensor"] = [_with_list(entry) for entry in made["tensor"]]
    found = validated(_Document, made, label, REMEDY)
    if not found.name.strip() or not found.name.isprintable() or len(found.name) > LONGEST_NAME:
        raise StapesError(f"{label}: name is {found.name[:40]!r}; give one line of 1 to {LONGEST_NAME} letters")
    return Recipe(
        name=found.name,
        description=found.description,
        granularity=found.weights.granularity,
        form=found.weights.form,
        equalisation=found.weights.equalisation,
        bias_correction=found.weights.bias_correction,
        leave_out_silent=found.weights.leave_out_silent,
        leave_out_unread=found.weights.leave_out_unread,
        activations=found.activations,
        overrides=found.tensor,
        thresholds={key: value for key, value in vars(found.thresholds).items() if value is not None},
    )


def _with_list(entry: Any) -> Any:
    if isinstance(entry, Mapping) and isinstance(entry.get("match"), str):
        return {**entry, "match": [entry["match"]]}
    return entry
