"""A path of the sound: an ordered tuple of stages around the place of the network, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import StapesError
from .stage import AGAIN, MOST_STAGES, Filter, Quantity, Stage, from_table, kinds
from .transform import Transform


@dataclass(frozen=True)
class SoundPath:
    """Stages in the order in which a sample meets them: the transform first, what makes output_q15 last.

    The network stands in front of the first stage that reads its mask. Raises StapesError in one line for a stage that reads
    what nobody made before it.
    """

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not self.stages or len(self.stages) > MOST_STAGES:
            raise StapesError(f"path: {len(self.stages)} stages; give 1 to {MOST_STAGES}")
        if not isinstance(self.stages[0], Transform):
            raise StapesError(f"path: stage {self.stages[0].kind!r} stands first; begin with 'transform'")
        made = {"block_q15", *(q.name for q in self._asked)}
        for stage in self.stages:
            missing = [name for name in stage.reads if name not in made]
            if missing:
                raise StapesError(f"path: stage {stage.kind!r} reads {missing[0]}, which {self._remedy(missing[0])}")
            for quantity in stage.makes:
                if quantity.name in made:
                    raise StapesError(
                        f"path: stage {stage.kind!r} makes {quantity.name} again; leave one of the two out"
                    )
                made.add(quantity.name)
            stage.check(self.stages[0])
        if self.stages[-1].makes[-1].name != "output_q15":
            raise StapesError(f"path: stage {self.stages[-1].kind!r} stands last; end with 'inverse'")
        if len(self._given) != 1 or len(self._asked) != 1:
            raise StapesError(
                f"path: {len(self._given)} stages make features and {len(self._asked)} take a mask; the network has one of each"
            )
        if self._place(self._given[0].name, makes=True) > self._place(self._asked[0].name, makes=False):
            raise StapesError("path: a mask is read before the features of its network are made; change the order")

    def _remedy(self, name: str) -> str:
        makers = [stage.kind for stage in self.stages if name in [q.name for q in stage.makes]]
        if makers:
            return f"is made behind it; put {makers[0]!r} before it"
        known = [kind for kind, stage in kinds().items() if name in [q.name for q in stage().makes]]
        return f"no stage makes; put {known[0]!r} before it" if known else "nothing makes"

    def _place(self, name: str, makes: bool) -> int:
        return next(
            i
            for i, stage in enumerate(self.stages)
            if name in ([q.name for q in stage.makes] if makes else stage.reads)
        )

    @property
    def _given(self) -> tuple[Quantity, ...]:
        return tuple(q for stage in self.stages for q in stage.quantities if q.role == "features")

    @property
    def _asked(self) -> tuple[Quantity, ...]:
        return tuple(q for stage in self.stages for q in stage.quantities if q.role == "mask")

    # ---- what everybody may ask of a path ----

    @property
    def transform(self) -> Transform:
        """The first stage: rate, frame, windows."""
        assert isinstance(self.stages[0], Transform)
        return self.stages[0]

    @property
    def sample_rate(self) -> int:
        return self.transform.sample_rate

    @property
    def hop(self) -> int:
        return self.transform.hop

    @property
    def latency(self) -> int:
        """Algorithmic latency in samples: the synthesis window, of which one hop is buffering."""
        return self.transform.synthesis

    @property
    def delay(self) -> int:
        """Samples by which the output stream lags the input stream."""
        return self.transform.synthesis - self.transform.hop

    @cached_property
    def before(self) -> tuple[Stage, ...]:
        """The stages in front of the network."""
        return self.stages[: self._place(self.mask.name, makes=False)]

    @cached_property
    def after(self) -> tuple[Stage, ...]:
        """The stages behind the network; the first of them is the filter, which takes its mask."""
        return self.stages[len(self.before) :]

    @property
    def filter(self) -> Filter:
        """The stage that takes the network's mask."""
        found = self.after[0]
        assert isinstance(found, Filter)
        return found

    @cached_property
    def features(self) -> Quantity:
        """What the network is given."""
        return self._given[0]

    @cached_property
    def mask(self) -> Quantity:
        """What the network gives."""
        return self._asked[0]

    @property
    def feature_size(self) -> int:
        """Values that the network takes a frame."""
        return self.features.size(self.transform)

    @property
    def mask_size(self) -> int:
        """Values that the network gives a frame."""
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
        if not isinstance(tables, Sequence) or isinstance(tables, str | bytes) or len(tables) > MOST_STAGES:
            raise StapesError(f"stages: a path is a list of at most {MOST_STAGES} tables; {AGAIN}")
        return cls(tuple(from_table(table, f"stages[{i}]") for i, table in enumerate(tables)))
