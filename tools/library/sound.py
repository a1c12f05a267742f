"""The sound path that a bundle gets: the front end of its network or one that was given, and a fitting, a steered equaliser, controls and programs in it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...models.audio import SoundPath
from ...models.audio.controls import PROGRAMS_AGAIN, read_programs, with_controls
from ...models.audio.front_end import read_sound_path
from ...models.audio.neural_equaliser import with_neural_equaliser
from ...models.errors import StapesError
from ...models.fitting import Fitting, read_fitting
from ...models.schema import read_toml
from ...quantize.audio import path_params
from ...quantize.audio.controls import with_programs
from ...quantize.audio.steering import steering_network
from ...quantize.onnx_reader import StreamingOnnx
from ..bundle import Bundle, opened
from ..given import given, given_path, several
from .networks import front_end_of


@dataclass(frozen=True)
class GivenSound:
    """What a user gave of the sound path; None, or no words, leaves it to the network. `front_end`: a path, or the file of one."""

    front_end: SoundPath | Path | None
    fitting: Fitting | None
    controls: Sequence[str]
    programs: Mapping[str, Any] | str | os.PathLike[str] | None
    decoder: Bundle | None

    def path(self, source: StreamingOnnx, label: str) -> SoundPath | None:
        """The path of a network, which `label` names; None for a network alone. Raises StapesError for what does not fit."""
        fitted = self._fitted(front_end_of(source, self.front_end, label), label)
        return self._with_programs(self._with_controls(self._steered(fitted, label), label), label)

    def _fitted(self, sound_path: SoundPath | None, label: str) -> SoundPath | None:
        """The path with the equaliser of the fitting; raises StapesError for a network alone, and for another rate."""
        if self.fitting is None:
            return sound_path
        if sound_path is None:
            raise StapesError(f"{label}: has no audio path that a fitting could stand in; leave --fitting out")
        fitted = self.fitting.into(sound_path)
        path_params(fitted)
        return fitted

    def _steered(self, sound_path: SoundPath | None, label: str) -> SoundPath | None:
        """The path with an equaliser that a decoder steers; raises StapesError for a network alone, and for a bundle that is no decoder."""
        if self.decoder is None:
            return sound_path
        if sound_path is None:
            raise StapesError(f"{label}: has no audio path that an equaliser could stand in; leave --steering out")
        steered = with_neural_equaliser(sound_path, steering_network(self.decoder.graph, str(self.decoder.folder)))
        path_params(steered)
        return steered

    def _with_controls(self, sound_path: SoundPath | None, label: str) -> SoundPath | None:
        """The path with the stages that the words bring; raises StapesError where there is no path, or they do not fit."""
        if not self.controls or sound_path is None:
            if self.controls:
                raise StapesError(f"{label}: --controls are of a sound path, and this network has none; leave them out")
            return sound_path
        return with_controls(sound_path, self.controls)

    def _with_programs(self, sound_path: SoundPath | None, label: str) -> SoundPath | None:
        """The path with programs; raises StapesError where there is no path, or the file cannot be of it."""
        if self.programs is None:
            return sound_path
        if sound_path is None:
            raise StapesError(f"{label}: --programs are of a sound path, and this network has none; leave them out")
        if isinstance(self.programs, Mapping):
            return with_programs(sound_path, read_programs(self.programs, sound_path, "programs"))
        path = given_path(self.programs, "a file of programs")
        return with_programs(sound_path, read_programs(read_toml(path, PROGRAMS_AGAIN), sound_path, str(path)))


def given_sound(
    front_end: SoundPath | Mapping[str, Any] | str | os.PathLike[str] | None,
    fitting: Fitting | str | os.PathLike[str] | None,
    controls: Sequence[str],
    programs: Mapping[str, Any] | str | os.PathLike[str] | None,
    steering: Bundle | str | os.PathLike[str] | None,
) -> GivenSound:
    """Values of the user, files among them; raises StapesError for those of other types, and for a fitting or a bundle that cannot be read."""
    words = [given(word, str, "the name of a control") for word in several(controls)]
    end: SoundPath | Path | None
    if isinstance(front_end, Mapping):
        end = read_sound_path(front_end)
    elif front_end is None or isinstance(front_end, SoundPath):
        end = front_end
    else:
        end = given_path(front_end, "a front end")
    if fitting is not None and not isinstance(fitting, Fitting):
        fitting = read_fitting(given_path(fitting, "a fitting"))
    return GivenSound(end, fitting, words, programs, None if steering is None else opened(steering))
