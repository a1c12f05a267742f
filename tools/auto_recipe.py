"""`stapes quantize --recipe auto`: which activations are worth int16, found by trying them.

1. every set of tensors that shares a dtype goes to int8 by itself, the rest stays in int16: the error it adds is its price;
2. the sets whose int8 costs most for their size go to int16, never more than a quarter of all numbers;
3. the dearest of those that stay in int8 get narrower ranges, as long as the error at the output falls;
4. sets are exchanged: the cheapest in int16 for the dearest that then fits, as long as the error falls;
5. of what is left in that order, as few as a quarter of the allowed loss of PESQ permits, or all: unheard recordings lose more.

What is counted are the numbers of a frame over all activation tensors of the finished graph, those that are int16 in every
recipe and the copies between formats among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..models.audio import SoundPath
from ..models.audio.equaliser import without_equaliser
from ..models.errors import StapesError
from ..quantize.bias_correction import MeanErrors
from ..quantize.build import build
from ..quantize.calibrate import Observations
from ..quantize.equalise import equalise, free_groups
from ..quantize.float_graph import FloatGraph
from ..quantize.formats import Assigner, Format
from ..quantize.graph import Graph
from ..quantize.recipe import Activations, Override, Recipe
from .listening import Listening, recordings
from .work import Crew, Lost

STRENGTHS = (0.0, 0.5)
# What int16 may take of all activations, in numbers.
MOST_SHARE = 0.25
# Price over size^power is what ranks the sets: 1 favours small ones, and leaves room in the quarter that a large one would fill.
POWERS = (1.0, 0.5, 0.0)
# The recordings are a sample of few voices: GTCRN loses up to three times as much on others. A recipe that keeps to this part
# of the budget here is looked for first.
MARGIN = 0.25
# How many sets get a narrower range, its steps, and what it must take from the error to be kept.
CLIPPED, CLIPS, WORTH_CLIPPING = 6, (0.7, 0.5, 0.35), 0.99
EXCHANGES = 4
# A trial takes a second or more; a process needs some seconds to start.
TRIALS_A_PROCESS = 8

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Found:
    """A recipe and what it costs: PESQ lost on the recordings, share of activations (in numbers) in int16."""

    recipe: Recipe
    pesq_drop: float
    share: float


@dataclass(frozen=True)
class _Group:
    """Tensors that share a dtype: a name that stands for them, how many numbers they hold, and the error that int8 adds."""

    name: str
    members: tuple[str, ...]
    size: int
    error: float = 0.0

    @property
    def snr_db(self) -> float:
        return -10.0 * float(np.log10(max(self.error, 1e-12)))


def search(
    lowered: FloatGraph,
    seen: Observations,
    sound_path: SoundPath,
    budget: float,
    progress: Progress = lambda steps: None,
    crew: Crew | None = None,
) -> Found:
    """The recipe with the fewest numbers in int16, at most a quarter of all, whose loss of PESQ stays within `budget`.

    It is to stay within a quarter of it on the recordings of the search, where a quarter is enough for that. The `crew` tries the sets
    one by one; the recipe does not hang on their number.

    Raises StapesError where int16 for every activation, or for a quarter of them, loses more, or the front end does not fit.
    """
    # What a fitting amplifies, PESQ takes for an error: the sound is judged in front of it.
    trial = _Trial(lowered, seen, recordings(lowered, without_equaliser(sound_path)), progress)
    wide = trial.drop(trial.names())
    if wide > budget:
        raise StapesError(
            f"--budget {budget}: int16 for every activation already loses {wide:.3f} PESQ; allow more, or retrain"
        )
    strength = max(STRENGTHS, key=trial.strength_snr)
    trial.equalise(strength)
    priced = trial.priced(crew or Crew(1))
    taken = min(
        (_fitting(priced, power, trial.fits) for power in POWERS), key=lambda groups: trial.error(_names(groups))
    )
    trial.clip([group for group in _by_price(priced) if group not in taken], _names(taken))
    taken = trial.exchanged(taken, priced)
    ranked = sorted(taken, key=lambda group: -group.error / group.size)
    count, drop = _fewest(len(ranked), MARGIN * budget, lambda n: trial.drop(_names(ranked[:n])))
    if drop > budget:
        raise StapesError(
            f"--budget {budget}: a quarter of the activations in int16 loses {drop:.3f} PESQ; allow that much, or take "
            f"a recipe with int16 activations, such as w8a16"
        )
    share = trial.share(_names(ranked[:count]))
    return Found(_recipe(ranked[:count], trial.clips, strength, budget, drop, share), drop, share)


def steps(lowered: FloatGraph) -> int:
    """How many steps `search` reports at most."""
    groups = len(_groups(lowered))
    shaping = len(POWERS) + 1 + CLIPPED * len(CLIPS) + 1 + EXCHANGES
    return groups + 2 * len(STRENGTHS) + 2 + max(groups, 1).bit_length() + shaping


def _groups(lowered: FloatGraph) -> list[_Group]:
    """The sets whose dtype a recipe may choose."""
    empty = Observations({}, {}, 0)
    assigner = Assigner(lowered, Recipe("groups"), empty)
    groups = []
    for members in assigner.dtype_groups():
        name = min(members, key=lambda member: (member.count("/"), len(member), member))
        size = sum(int(np.prod(lowered.tensors[member].shape)) for member in members)
        groups.append(_Group(name, tuple(members), size))
    return groups


class _Trial:
    """Builds and runs graphs that differ in which sets are int16; `clips`: the narrower ranges found for sets in int8."""

    def __init__(self, lowered: FloatGraph, seen: Observations, listening: Listening, progress: Progress) -> None:
        self._original = lowered, seen
        self._listening, self._progress = listening, progress
        self.groups = _groups(lowered)
        self.clips: dict[str, float] = {}
        self.equalise(0.0)

    def equalise(self, strength: float) -> None:
        self._lowered, self._seen = equalise(*self._original, strength)
        self._known: dict[tuple[object, ...], Format] = {}
        self._errors = MeanErrors(self._lowered, self._seen)

    def names(self) -> list[str]:
        return _names(self.groups)

    def drop(self, wide: Sequence[str]) -> float:
        """PESQ lost with these sets in int16 and the rest in int8."""
        return self._listening.pesq_drop(self._through(wide))

    def error(self, wide: Sequence[str], clips: dict[str, float] | None = None) -> float:
        """Error at the output with these sets in int16 and the rest in int8."""
        return sum(self._listening.error(self._through(wide, clips)))

    def share(self, wide: Sequence[str]) -> float:
        """Which part of the numbers of the finished graph is in int16."""
        return share_of_int16(self._graph(wide, self.clips))

    def fits(self, wide: Sequence[str]) -> bool:
        return self.share(wide) <= MOST_SHARE

    def strength_snr(self, strength: float) -> float:
        """Minus the error, after equalisation, with int8 for what equalisation can reach and int16 for the rest."""
        self.equalise(strength)
        reached = {name for members in free_groups(self._lowered) for name in members}
        return -self.error([group.name for group in self.groups if not reached & set(group.members)])

    def priced(self, crew: Crew) -> list[_Group]:
        """The sets with the error that int8 for each alone adds; raises StapesError where a worker dies each time."""
        names = self.names()
        least = self.error(names)
        crew.worth(len(names) // TRIALS_A_PROCESS)
        errors: dict[int, float] = {}
        for place, made in crew.each(_error_without, self, names):
            if isinstance(made, Lost):
                raise StapesError(f"--recipe auto, int8 for {names[place]}: {made.reason}; give --workers 1")
            errors[place] = made
            self._progress(1)
        return [replace(group, error=max(errors[i] - least, 1e-9)) for i, group in enumerate(self.groups)]

    def without(self, name: str) -> float:
        """The error with int8 for one of the sets alone, in silence."""
        wide = [other for other in self.names() if other != name]
        return sum(self._listening.error(self._listening.through(self._graph(wide, self.clips))))

    def __getstate__(self) -> dict[str, Any]:
        """For another process, where nobody waits for progress."""
        return {**self.__dict__, "_progress": None}

    def clip(self, narrow: Sequence[_Group], wide: Sequence[str]) -> None:
        """Narrower ranges for the first of some sets in int8, with `wide` in int16."""
        best = self.error(wide)
        for group in [group for group in narrow if self._has_range(group)][:CLIPPED]:
            for clip in CLIPS:
                tried = {**self.clips, group.name: clip}
                error = self.error(wide, tried)
                if error > WORTH_CLIPPING * best:
                    break
                best, self.clips = error, tried

    def _has_range(self, group: _Group) -> bool:
        """Whether calibration, and no operator, decides a set's int8 format."""
        return not any(self._lowered.tensors[member].hint.fixed for member in group.members)

    def exchanged(self, taken: Sequence[_Group], priced: Sequence[_Group]) -> list[_Group]:
        """The sets with the cheapest given up for the dearest that then fit, as long as the error falls."""
        best, kept = self.error(_names(taken)), list(taken)
        for group in sorted(taken, key=lambda group: group.error)[:EXCHANGES]:
            fewer = [other for other in kept if other is not group]
            for other in _by_price(priced):
                if other not in kept and other.error > group.error and self.fits(_names([*fewer, other])):
                    fewer.append(other)
            if len(fewer) < len(kept) or (error := self.error(_names(fewer))) >= best:
                continue
            best, kept = error, fewer
        return kept

    def _through(self, wide: Sequence[str], clips: dict[str, float] | None = None) -> np.ndarray:
        output = self._listening.through(self._graph(wide, self.clips if clips is None else clips))
        self._progress(1)
        return output

    def _graph(self, wide: Sequence[str], clips: dict[str, float]) -> Graph:
        recipe = _recipe_of([Override((_literal(name),), "int16") for name in wide], clips)
        return build(self._lowered, recipe, Assigner(self._lowered, recipe, self._seen, self._known), self._errors)


def _error_without(trial: _Trial, name: str) -> float:
    """A piece of work."""
    return trial.without(name)


def share_of_int16(graph: Graph) -> float:
    """Which part of a frame's numbers, over all activation tensors of a graph, is in int16."""
    sizes = {dtype: sum(t.size for t in graph.activations if t.dtype == dtype) for dtype in ("int8", "int16")}
    return sizes["int16"] / sum(sizes.values())


def _fitting(priced: Sequence[_Group], power: float, fits: Callable[[Sequence[str]], bool]) -> list[_Group]:
    """The sets by price over size^power as far as they fit together; what does not is passed over."""
    taken: list[_Group] = []
    for group in sorted(priced, key=lambda group: -group.error / group.size**power):
        if fits(_names([*taken, group])):
            taken.append(group)
    return taken


def _by_price(groups: Iterable[_Group]) -> list[_Group]:
    return sorted(groups, key=lambda group: -group.error)


def _names(groups: Iterable[_Group]) -> list[str]:
    return [group.name for group in groups]


def _literal(name: str) -> str:
    """A pattern that matches this name alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _fewest(most: int, budget: float, drop: Callable[[int], float]) -> tuple[int, float]:
    """The smallest number of sets whose loss stays within the budget, by bisection, and that loss."""
    low, high, found = 0, most, None
    while low < high:
        middle = (low + high) // 2
        lost = drop(middle)
        if lost <= budget:
            high, found = middle, lost
        else:
            low = middle + 1
    return high, drop(high) if found is None else found


def _recipe_of(overrides: Sequence[Override], clips: dict[str, float], **choices: Any) -> Recipe:
    narrow = [
        Override((_literal(name),), clip=clip, reason="finer steps are worth more here than the largest values")
        for name, clip in clips.items()
    ]
    return Recipe(
        "auto",
        bias_correction=True,
        activations=Activations("int8", "mse"),
        overrides=(*overrides, *narrow),
        **choices,
    )


def _recipe(
    kept: Sequence[_Group], clips: dict[str, float], strength: float, budget: float, drop: float, share: float
) -> Recipe:
    overrides = [
        Override(
            (_literal(group.name),), "int16", reason=f"int8 here adds an error {group.snr_db:.1f} dB below the output"
        )
        for group in kept
    ]
    description = f"found for a loss of at most {budget:g} PESQ: {drop:.3f} lost, {100 * share:.0f} % of the numbers of a frame in int16"
    return _recipe_of(overrides, clips, description=description, equalisation=strength)


__all__ = ["Found", "search", "share_of_int16", "steps"]
