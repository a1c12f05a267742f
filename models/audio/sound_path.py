"""A path of the sound: an ordered tuple of stages around the place of the network, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import StapesError
from .stage import AGAIN, MOST_STAGES, Filter, Programmed, Quantity, Stage, from_table, kinds
from .transform import Transform


@dataclass(frozen=True)
class SoundPath:
    """Stages in the order in which a sample meets them: the transform first, what makes output_q15 last.

    The network stands in front of the first stage that reads something of it, or takes the place of what was there before; by then
    all that it is given is made. Raises StapesError in one line for a stage that reads what nobody made before it.
    """

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not self.stages or len(self.stages) > MOST_STAGES:
            raise StapesError(f"path: {len(self.stages)} stages; give 1 to {MOST_STAGES}")
        if not isinstance(self.stages[0], Transform):
            raise StapesError(f"path: stage {self.stages[0].kind!r} stands first; begin with 'transform'")
        made: dict[str, tuple[int | str, ...]] = {"block_q15": ("H",), **{q.name: q.shape for q in self.asked}}
        late: set[str] = set()
        for stage in self.stages:
            missing = [name for name in stage.reads if name not in made]
            if missing:
                raise StapesError(f"path: stage {stage.kind!r} reads {missing[0]}, which {self._remedy(missing[0])}")
            self._check_frame(stage, late)
            self._check_shapes(stage, made)
            if stage.delay_frames:
                timeless = {name for other in self.stages for name in other.of_no_frame}
                late = made.keys() - {q.name for q in (*self.asked, *stage.makes)} - timeless
            for quantity in stage.makes:
                if quantity.name in made and quantity.name not in stage.replaces:
                    raise StapesError(
                        f"path: stage {stage.kind!r} makes {quantity.name} again; leave one of the two out"
                    )
                made[quantity.name] = quantity.shape
            stage.check(self.stages[0])
        if self.stages[-1].makes[-1].name != "output_q15":
            raise StapesError(f"path: stage {self.stages[-1].kind!r} stands last; end with 'inverse', or with 'output'")
        for stage in self.stages:
            stage.check_path(self.stages)
        self._check_programs()
        self._check_network()

    @staticmethod
    def _check_frame(stage: Stage, late: Set[str]) -> None:
        """What was made in front of a look-ahead, and not by it anew, is of another frame than what stages behind it work on."""
        for name in stage.reads:
            if name in late:
                raise StapesError(
                    f"path: stage {stage.kind!r} reads {name}, which is of the present frame; behind a look-ahead leave the stage out"
                )

    @staticmethod
    def _check_shapes(stage: Stage, made: Mapping[str, tuple[int | str, ...]]) -> None:
        for name, shape in stage.expects.items():
            if made[name] != shape:
                told = [" x ".join(map(str, each)) for each in (shape, made[name])]
                raise StapesError(
                    f"path: stage {stage.kind!r} reads {name} of {told[0]} and is given {told[1]}; let the settings of both agree"
                )

    def _check_programs(self) -> None:
        """Every stage whose controls a program sets tells them in as many programs as the others."""
        for stage in self.programmed:
            stage.check_programs()
            if len(stage.programs) != len(self.programmed[0].programs):
                told = [f"stage {s.kind!r} has {len(s.programs)}" for s in (self.programmed[0], stage)]
                raise StapesError(f"path: programs: {' and '.join(told)}; let both have as many")

    def _check_network(self) -> None:
        """The network is given something, and asked for something behind it; each of its tensors is one quantity."""
        given, asked = self.given, self.asked
        if not given or not asked:
            raise StapesError(
                f"path: {len(given)} stages make features and {len(asked)} take a mask; the network needs one of each at least"
            )
        if self._place(given, makes=True)[-1] > self._place(asked, makes=False)[0]:
            raise StapesError("path: a mask is read before the features of its network are made; change the order")
        if self._place(given, makes=True)[-1] >= len(self.before):
            raise StapesError(
                f"path: stage {self.after[0].kind!r} stands before the features of the network are made; put it behind them"
            )
        for what, ends in (("input", given), ("output", asked)):
            names = [quantity.tensor for quantity in ends]
            for name in names:
                if names.count(name) > 1 or (not name and len(names) > 1):
                    twice = ", ".join(quantity.name for quantity in ends if quantity.tensor == name)
                    raise StapesError(
                        f"path: {twice}: one {what} of the network cannot be {len(names)} quantities; name an {what} for each in "
                        "its stage"
                    )

    def _remedy(self, name: str) -> str:
        makers = [stage.kind for stage in self.stages if stage.begins(name)]
        if makers:
            return f"is made behind it; put {makers[0]!r} before it"
        known = [kind for kind, stage in kinds().items() if stage().begins(name)]
        # What makes it of the network's output is missed more often than what does without.
        known.sort(key=lambda kind: all(quantity.role != "asked" for quantity in kinds()[kind]().quantities))
        return f"no stage makes; put {known[0]!r} before it" if known else "nothing makes"

    def _place(self, ends: tuple[Quantity, ...], makes: bool) -> list[int]:
        """Places of the stages that make, or read, any of these."""
        names = {quantity.name for quantity in ends}
        return [
            i
            for i, stage in enumerate(self.stages)
            if names.intersection([q.name for q in stage.makes] if makes else stage.reads)
        ]

    # ---- what everybody may ask of a path ----

    @cached_property
    def given(self) -> tuple[Quantity, ...]:
        """What the network is given, one an input, in the order of the stages that make it."""
        return tuple(q for stage in self.stages for q in stage.quantities if q.role == "features")

    @cached_property
    def asked(self) -> tuple[Quantity, ...]:
        """What stages behind the network ask of it, one an output; several stages may read one."""
        found = [q for stage in self.stages for q in stage.quantities if q.role == "asked"]
        return tuple(dict.fromkeys(found))

    @property
    def transform(self) -> Transform:
        """The first stage: rate, frame, windows."""
        assert isinstance(self.stages[0], Transform)
        return self.stages[0]

    @cached_property
    def programmed(self) -> tuple[Programmed, ...]:
        """The stages whose controls a program sets."""
        return tuple(stage for stage in self.stages if isinstance(stage, Programmed))

    @property
    def program_count(self) -> int:
        """Programs with the one at rest, which is number 0; 0 of a path without any."""
        told = self.programmed[0].programs if self.programmed else ()
        return len(told) + 1 if told else 0

    def narrowed(self) -> SoundPath:
        """The same sound from less of the network: what stages behind take the place of is not asked for."""
        stages = [stage.narrowed(self.stages[i + 1 :], self.transform) for i, stage in enumerate(self.stages)]
        return SoundPath(tuple(stages))

    @property
    def sample_rate(self) -> int:
        return self.transform.sample_rate

    @property
    def hop(self) -> int:
        return self.transform.hop

    @property
    def latency(self) -> int:
        """Algorithmic latency in samples: the synthesis window, of which one hop is buffering, and the look-ahead."""
        return self.delay + self.hop

    @property
    def delay(self) -> int:
        """Samples by which the output stream lags the input stream."""
        return self.transform.delay + self.hop * sum(stage.delay_frames for stage in self.stages)

    @cached_property
    def before(self) -> tuple[Stage, ...]:
        """The stages in front of the network."""
        replacing = [i for i, stage in enumerate(self.stages) if stage.replaces]
        return self.stages[: min(self._place(self.asked, makes=False)[0], *replacing[:1], len(self.stages))]

    @cached_property
    def after(self) -> tuple[Stage, ...]:
        """The stages behind the network; the first of them reads something of it."""
        return self.stages[len(self.before) :]

    @property
    def filter(self) -> Filter:
        """The stage that takes the mask of a network of one output; raises StapesError where no stage does."""
        found = next((stage for stage in self.after if not stage.controls), self.after[0])
        if not isinstance(found, Filter):
            raise StapesError(f"path: stage {found.kind!r} takes no mask; only a path around a mask can be trained")
        return found

    @property
    def judged_by_sound(self) -> bool:
        """Whether the sound says how good a network is; else its output does."""
        return any(stage.judged_by_sound for stage in self.after)

    @cached_property
    def features(self) -> Quantity:
        """What a network of one input is given; raises StapesError for a path that feeds several."""
        return _only(self.given, "feeds", "inputs")

    @cached_property
    def mask(self) -> Quantity:
        """What a network of one output gives; raises StapesError for a path that reads several."""
        return _only(self.asked, "reads", "outputs")

    @property
    def feature_size(self) -> int:
        """Values that a network of one input takes a frame."""
        return self.features.size(self.transform)

    @property
    def mask_size(self) -> int:
        """Values that a network of one output gives a frame."""
        return self.mask.size(self.transform)

    @property
    def startup_frames(self) -> int:
        """Frames with sound until every stage does its work; 0 where none needs any."""
        return max(stage.startup_frames for stage in self.stages)

    @cached_property
    def quantities(self) -> dict[str, Quantity]:
        """Every quantity of every stage by its name."""
        return {quantity.name: quantity for stage in self.stages for quantity in stage.quantities}

    @property
    def traced(self) -> tuple[str, ...]:
        """Names of what is traced in front of the network, then behind it."""
        return tuple(name for stage in self.stages for name in stage.traced)

    def makes(self, name: str) -> bool:
        """Whether a stage makes a quantity of this name."""
        return any(quantity.name == name for stage in self.stages for quantity in stage.makes)

    # ---- tables ----

    def to_tables(self) -> list[dict[str, Any]]:
        """One table a stage, ready for JSON; what equals its default is left out."""
        return [stage.to_table() for stage in self.stages]

    @classmethod
    def from_tables(cls, tables: object) -> SoundPath:
        """Inverse of `to_tables`; raises StapesError for what is no list of sound stages."""
        if isinstance(tables, Mapping):
            raise StapesError("stages is one table where a list of them is wanted; in TOML write [[stages]] above each")
        if not isinstance(tables, Sequence) or isinstance(tables, str | bytes) or len(tables) > MOST_STAGES:
            raise StapesError(f"stages: a path is a list of at most {MOST_STAGES} tables; {AGAIN}")
        return cls(tuple(from_table(table, f"stages[{i}]") for i, table in enumerate(tables)))


def _only(ends: tuple[Quantity, ...], verb: str, what: str) -> Quantity:
    if len(ends) != 1:
        names = ", ".join(quantity.tensor for quantity in ends)
        raise StapesError(
            f"path: it {verb} {len(ends)} {what} of a network: {names}; this is made for a network of one"
        )
    return ends[0]
