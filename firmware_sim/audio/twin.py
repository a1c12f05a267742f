"""What the integer twin of every stage is: constants in, a frame of named quantities at a time, for B utterances at once."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ...models.audio import Stage
from ...models.audio.transform import Transform
from ...quantize.audio import stage_params

Values = Mapping[str, np.ndarray]


class IntegerStage:
    """A stage of B utterances from their start on; arrays are int64 that holds the C's values, powers uint64, flags bool."""

    # Functions of the C twin by what a report of the device calls their work; others belong to their caller.
    work: ClassVar[Mapping[str, str]] = {}

    def __init__(self, params: Any, batch: int) -> None:
        self.params = params
        self.batch = batch
        # Its controls by name, each of its own shape: those of all utterances, set between two frames.
        self.controls: Mapping[str, np.ndarray] = {}
        self.reset()

    def reset(self) -> None:
        """Back to the start of a stream."""

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """One frame: what the stage makes, and its state after it, by name; `values` holds what stages before it made."""
        raise NotImplementedError


def twin_class(kind: str) -> type[IntegerStage]:
    """The class `Twin` in the file of a kind."""
    return importlib.import_module(f".{kind}", __package__).Twin


def start(stage: Stage, transform: Transform, batch: int) -> IntegerStage:
    """The twin of a stage for `batch` utterances; raises StapesError for settings that the formats cannot hold."""
    return twin_class(stage.kind)(stage_params(stage, transform), batch)
