"""Which tensors of a network a path feeds and reads: features to its inputs, its outputs to the stages behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import StapesError
from .sound_path import SoundPath
from .stage import Quantity

RETRAIN = "give the front end that it was trained with"


@dataclass(frozen=True)
class Wiring:
    """Quantities by the names of the network's tensors: every input, and the outputs that a stage asks for, in the network's order."""

    inputs: dict[str, Quantity]
    outputs: dict[str, Quantity]


def wire(sound_path: SoundPath, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> Wiring:
    """The wiring of a path around a network whose inputs and outputs, without its states, hold so many values.

    A quantity that names no tensor is the only input or output. Raises StapesError for an input that nobody feeds, for a tensor
    that the network does not have, and for another size.
    """
    state = f"; or, if one is a state, name its output with --state INPUT=OUTPUT; outputs are {', '.join(outputs)}"
    fed = _matched(sound_path, sound_path.given, inputs, "input", state)
    for name in inputs:
        if name not in fed:
            raise StapesError(f"no stage of this front end feeds the network's input {name!r}; {RETRAIN}")
    return Wiring(fed, _matched(sound_path, sound_path.asked, outputs, "output"))


def _matched(
    sound_path: SoundPath, ends: tuple[Quantity, ...], sizes: Mapping[str, int], what: str, besides: str = ""
) -> dict[str, Quantity]:
    found: dict[str, Quantity] = {}
    told = ", ".join(sizes) or "none"
    for quantity in ends:
        if not quantity.tensor and len(sizes) != 1:
            raise StapesError(
                f"this front end takes a network of one {what} besides its states, this one has {len(sizes)}: {told}; name one "
                f"with {what} = 'NAME' in the stage of {quantity.name}{besides if sizes else ''}"
            )
        name = quantity.tensor or next(iter(sizes))
        if name not in sizes:
            raise StapesError(f"this front end names the {what} {name!r}, which the network has not: {told}; {RETRAIN}")
        size = quantity.size(sound_path.transform)
        if sizes[name] != size:
            raise StapesError(
                f"this front end has {size} values for the network's {what} {name!r}, which has {sizes[name]}; {RETRAIN}"
            )
        found[name] = quantity
    return {name: found[name] for name in sizes if name in found}
