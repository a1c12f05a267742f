"""What every stage of the path is: frozen settings with a kind, which say what they read and make.

Sizes of a frame: N analysis samples, F = N / 2 + 1 bins, S synthesis samples, H hop. B utterances, T frames.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import pkgutil
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ..errors import StapesError
from ..schema import validated
from .controls import MOST_PROGRAMS, Control

if TYPE_CHECKING:
    from torch import Tensor

    from .transform import Transform

Values = Mapping[str, np.ndarray]

MOST_STAGES = 32
LONGEST_TENSOR_NAME = 256
AGAIN = "correct it and write the file again"


@dataclass(frozen=True)
class Quantity:
    """A value of a frame with a name that ends in its format: `gain_q15` holds gain * 2^15.

    `shape` is of one utterance, in numbers and the letters N, F, S, H; () is a scalar. `true_value` and `bound` say in words what the
    integers mean and what bounds them; `limits` are the smallest and the largest one, where another stage relies on them.
    `role`: "made" for other stages, "state" from frame to frame, "inside" of the stage's own computation; "features" are made for
    the network, what is "asked" is made by it. `tensor` names the network's input or output that such a quantity is; "" is the
    only one.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    true_value: str
    bound: str
    role: Literal["made", "state", "inside", "features", "asked"] = "made"
    limits: tuple[int, int] | None = None
    tensor: str = ""

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
        """`limits` of features and of what is asked of the network, which all have them."""
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
    # What the stage's controls are by their plain names: for `step` each of its own shape, for `run` (T, *shape) or that.
    controls: Mapping[str, np.ndarray] = MappingProxyType({})


class Pointwise(FloatStage):
    """A stage without a memory: its step takes any number of leading axes."""

    def run(self, values: Values) -> dict[str, np.ndarray]:
        return self.step(values)


class Stage:
    """Settings of one stage; subclasses are frozen dataclasses in the file of their kind."""

    kind: ClassVar[str]
    # What the simulators and the C show of it besides the tensors of the network, in this order.
    traced: ClassVar[tuple[str, ...]] = ()
    # Quantities that it makes anew in the place of those before it, for the stages behind it; it stands behind the network then.
    replaces: ClassVar[tuple[str, ...]] = ()
    # What the network gives it is free where there is no sound: it is judged by the sound, not by its own distance.
    judged_by_sound: ClassVar[bool] = False
    # Quantities that it makes as late as the end of the path: they are of no frame.
    of_no_frame: ClassVar[tuple[str, ...]] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of quantities that other stages, or the network, make."""
        raise NotImplementedError

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """Everything that it makes, keeps or computes, in order; a stage behind the network also what it asks for."""
        raise NotImplementedError

    @property
    def expects(self) -> dict[str, tuple[int | str, ...]]:
        """Shapes that quantities which it reads must have, where others can be made."""
        return {}

    @property
    def sizes(self) -> dict[str, int]:
        """What further letters in the shapes of its state in C stand for."""
        return {}

    @property
    def delay_frames(self) -> int:
        """Frames by which the stage makes the sound late."""
        return 0

    @property
    def bins_made_anew(self) -> int:
        """Lowest bins of a quantity that it replaces which it always makes anew: what stood there is not read."""
        return 0

    def narrowed(self, behind: Sequence[Stage], transform: Transform) -> Stage:
        """The same stage, asking the network for nothing that the stages behind it take the place of."""
        return self

    @property
    def controls(self) -> tuple[Control, ...]:
        """What of it may change while the device runs."""
        return ()

    def at_rest(self) -> dict[str, np.ndarray]:
        """Its controls by their plain names, until somebody sets them."""
        return {control.plain: control.at_rest for control in self.controls}

    def check(self, transform: Transform) -> None:
        """Raise StapesError where the settings cannot work with the path's transform."""

    def check_path(self, stages: Sequence[Stage]) -> None:
        """Raise StapesError where the settings cannot work with the other stages of the path."""

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

    def begins(self, name: str) -> bool:
        """Whether it makes a quantity of this name where there was none."""
        return name not in self.replaces and any(quantity.name == name for quantity in self.makes)

    def to_table(self) -> dict[str, Any]:
        """Kind and settings, ready for JSON; what equals its default is left out, so that a new setting changes no hash."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        told = {f.name: getattr(self, f.name) for f in fields}
        return {"kind": self.kind, **{f.name: told[f.name] for f in fields if told[f.name] != f.default}}


@dataclass(frozen=True)
class Programmed(Stage):
    """A stage whose controls a program sets; other stages' controls are the wearer's alone.

    `programs`: what the controls are in programs 1, 2, ..., each the integers that the device takes, control after control. Program 0 is
    what they are at rest.
    """

    programs: tuple[tuple[int, ...], ...] = field(default=(), kw_only=True)

    def in_program(self, number: int) -> dict[str, np.ndarray]:
        """Its controls by their plain names in a program, each of its own shape, real."""
        if number == 0:
            return self.at_rest()
        made, words = {}, list(self.programs[number - 1])
        for control in self.controls:
            taken, words = words[: control.size], words[control.size :]
            made[control.plain] = np.reshape(np.asarray(taken, np.float64) / 2.0**control.fraction_bits, control.shape)
        return made

    def check_programs(self) -> None:
        """Raise StapesError for too many, or too few values in one, and for a value beyond the limits of its control."""
        label = f"path: stage {self.kind!r}: programs"
        if len(self.programs) > MOST_PROGRAMS:
            raise StapesError(f"{label}: {len(self.programs)} of them; give {MOST_PROGRAMS} at most")
        size = sum(control.size for control in self.controls)
        for place, words in enumerate(self.programs):
            if len(words) != size:
                raise StapesError(f"{label}[{place}]: {len(words)} values; give {size}")
            for control, value in zip(self.controls, self.in_program(place + 1).values(), strict=True):
                low, high = control.limits
                if not ((value >= low) & (value <= high)).all():
                    scale = 2**control.fraction_bits
                    raise StapesError(
                        f"{label}[{place}]: {control.name} leaves {low * scale:.0f} ... {high * scale:.0f}; {AGAIN}"
                    )


class Filter(Stage):
    """A stage behind the network that takes its mask."""

    def under(self, gain: np.ndarray) -> np.ndarray:
        """The gain that the mask multiplies, of the shape of the Wiener gain."""
        return np.ones_like(gain)

    def in_training(self, mask: Tensor, under: Tensor) -> Tensor:
        """The factor of the spectrum (B, T, F), differentiable, from a mask and the gain under it."""
        raise NotImplementedError


def require_tensor(setting: str, name: str) -> None:
    """Raise StapesError for what names no tensor of a network."""
    if len(name) > LONGEST_TENSOR_NAME or not name.isprintable():
        raise StapesError(f"{setting} {name[:40]!r}: give the name of a tensor of the network")


def require_bins(setting: str, count: int, transform: Transform) -> None:
    """Raise StapesError for more bins, or bands, than the transform has bins."""
    if count > transform.bins:
        raise StapesError(f"{setting} {count}: this transform has {transform.bins} bins; give at most as many")


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
    made = {name: kind() for name, kind in found.items()}
    depths = _depths(made)
    order = sorted(made, key=lambda name: (depths[name], made[name].begins("output_q15"), name))
    return {name: found[name] for name in order}


def _depths(known: Mapping[str, Stage]) -> dict[str, int]:
    """How many stages are before each of these on the longest way to it."""
    makers = [(name, made, other.replaces) for name, other in known.items() for made in other.makes]

    @cache
    def depth(name: str) -> int:
        stage = known[name]
        behind = bool(stage.replaces) or any(q.role == "asked" for q in stage.quantities)
        reads = set(stage.reads)
        before = {
            other
            for other, made, replaced in makers
            if (made.name in reads and made.name not in replaced) or (behind and made.role == "features")
        }
        return 1 + max(map(depth, before), default=-1)

    return {name: depth(name) for name in known}
