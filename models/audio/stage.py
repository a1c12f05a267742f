"""What every stage of the path is: frozen settings with a kind, which say what they read and make.

Sizes of a frame: N analysis samples, F = N / 2 + 1 bins, S synthesis samples, H hop. B utterances, T frames.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ..errors import StapesError
from ..schema import validated

if TYPE_CHECKING:
    from torch import Tensor

    from .transform import Transform

Values = Mapping[str, np.ndarray]

MOST_STAGES = 32
AGAIN = "correct it and write the file again"


@dataclass(frozen=True)
class Quantity:
    """A value of a frame with a name that ends in its format: `gain_q15` holds gain * 2^15.

    `shape` is of one utterance, in numbers and the letters N, F, S, H; () is a scalar. `true_value` and `bound` say in words what the
    integers mean and what bounds them; `limits` are the smallest and the largest one, where another stage relies on them.
    `role`: "made" for other stages, "state" from frame to frame, "inside" of the stage's own computation; "features" are made for
    the network, a "mask" is asked of it.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    true_value: str
    bound: str
    role: Literal["made", "state", "inside", "features", "mask"] = "made"
    limits: tuple[int, int] | None = None

    @property
    def plain(self) -> str:
        """The name without its format, which is its name in float: `gain`."""
        return plain_name(self.name)

    @property
    def fraction_bits(self) -> int:
        """15 of `gain_q15`; 0 of a whole number."""
        found = re.search(r"_q(\d+)$", self.name)
        return int(found[1]) if found else 0

    @property
    def known_limits(self) -> tuple[int, int]:
        """`limits` of features and masks, which all have them."""
        assert self.limits is not None, self.name
        return self.limits

    def size(self, transform: Transform) -> int:
        """Number of values a frame and utterance."""
        letters = transform.sizes
        return math.prod(letters[part] if isinstance(part, str) else part for part in self.shape)

    @property
    def shape_in_words(self) -> str:
        """`F x 2`; of a scalar 1."""
        return " x ".join(str(part) for part in self.shape) or "1"


def plain_name(name: str) -> str:
    """A quantity's name without its format.

    >>> plain_name("gain2_q30"), plain_name("exponent")
    ('gain2', 'exponent')
    """
    return re.sub(r"_q\d+$", "", name)


class FloatStage:
    """The float definition of a stage for B utterances from their start on; values go by their plain names."""

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """What one frame makes, each (B, ...), of what stages before it made."""
        raise NotImplementedError

    def run(self, values: Values) -> dict[str, np.ndarray]:
        """The same for whole sequences, each (B, T, ...): frame after frame."""
        inputs = {name: value for name, value in values.items() if name in self.takes}
        frames = next(iter(inputs.values())).shape[1]
        made = [self.step({name: value[:, t] for name, value in inputs.items()}) for t in range(frames)]
        return {name: np.stack([frame[name] for frame in made], axis=1) for name in made[0]}

    takes: tuple[str, ...] = ()


class Pointwise(FloatStage):
    """A stage without a memory: its step takes any number of leading axes."""

    def run(self, values: Values) -> dict[str, np.ndarray]:
        return self.step(values)


class Stage:
    """Settings of one stage; subclasses are frozen dataclasses in the file of their kind."""

    kind: ClassVar[str]
    # What the simulators and the C show of it besides the tensors of the network, in this order.
    traced: ClassVar[tuple[str, ...]] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of quantities that other stages, or the network, make."""
        raise NotImplementedError

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Everything that it makes, keeps or computes, in order; a stage behind the network also the mask that it asks for."""
        raise NotImplementedError

    def check(self, transform: Transform) -> None:
        """Raise StapesError where the settings cannot work with the path's transform."""

    @property
    def startup_frames(self) -> int:
        """Frames with sound that the stage hears before it does its work."""
        return 0

    def start(self, transform: Transform, batch: int) -> FloatStage:
        """The float definition for `batch` utterances, at their start."""
        raise NotImplementedError

    @property
    def makes(self) -> tuple[Quantity, ...]:
        """What other stages and the network may read."""
        return tuple(q for q in self.quantities if q.role in ("made", "features"))

    def to_table(self) -> dict[str, Any]:
        """Kind and settings, ready for JSON; what equals its default is left out, so that a new setting changes no hash."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        told = {field.name: getattr(self, field.name) for field in fields}
        return {"kind": self.kind, **{f.name: told[f.name] for f in fields if told[f.name] != f.default}}


class Filter(Stage):
    """A stage behind the network that takes its mask."""

    # A mask whose values are free where there is no sound is judged by the sound, not by its own distance.
    judged_by_sound: ClassVar[bool] = False

    def under(self, gain: np.ndarray) -> np.ndarray:
        """The gain that the mask multiplies, of the shape of the Wiener gain."""
        return np.ones_like(gain)

    def in_training(self, mask: Tensor, under: Tensor) -> Tensor:
        """The factor of the spectrum (B, T, F), differentiable, from a mask and the gain under it."""
        raise NotImplementedError


def from_table(table: object, label: str) -> Stage:
    """Inverse of `to_table`; raises StapesError, `label` in front, for an unknown kind or setting and for a wrong type."""
    if not isinstance(table, Mapping) or not isinstance(table.get("kind"), str):
        raise StapesError(f"{label}: a stage is a table with a kind, such as kind = 'wiener'; {AGAIN}")
    known = kinds()
    if table["kind"] not in known:
        raise StapesError(f"{label}: kind {table['kind'][:40]!r} is unknown; known are {', '.join(known)}; {AGAIN}")
    settings = {key: value for key, value in table.items() if key != "kind"}
    return validated(known[table["kind"]], settings, f"{label} ({table['kind']})", AGAIN)


@cache
def kinds() -> dict[str, type[Stage]]:
    """Every kind of stage by its name, in the order in which a path can have them; ties by name.

    A kind stands where the longest way from the microphone to it ends, by what its defaults read and make.
    """
    found: dict[str, type[Stage]] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)])):
        for item in vars(importlib.import_module(f".{module}", __package__)).values():
            if isinstance(item, type) and issubclass(item, Stage) and "kind" in vars(item) and item.kind == module:
                found[item.kind] = item
    return dict(sorted(found.items(), key=lambda entry: (_depth(entry[1], found), entry[0])))


def _depth(kind: type[Stage], known: Mapping[str, type[Stage]]) -> int:
    """Stages before this one on the longest way to it."""
    stage = kind()
    asked = any(q.role == "mask" for q in stage.quantities)
    before = [
        other
        for other in known.values()
        for made in other().makes
        if made.name in stage.reads or (asked and made.role == "features")
    ]
    return 1 + max((_depth(other, known) for other in before), default=-1)
