"""Paths with the two inputs of DeepFilterNet, erb_level and unit_spectrum, in front of a complex mask."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from stapes.models.audio import SoundPath, kinds
from stapes.models.audio.transform import Transform

GOLDEN = Path(__file__).parents[2] / "shared" / "data" / "dfn3" / "golden_dfn3.npz"
FULL_BAND = Transform(sample_rate=48000, analysis=960, synthesis=960, hop=480, window="vorbis")
# Small: 16 bands and 40 bins of 161.
WIDE_BAND = Transform(sample_rate=16000, analysis=320, synthesis=320, hop=160, window="vorbis")


def features_path(transform: Transform = FULL_BAND, bands: int = 32, bins: int = 96, **settings) -> SoundPath:
    """`settings` are those of unit_spectrum; the form "level" is that of erb_level too. The mask is the network's output `mask`."""
    known = kinds()
    level = settings.get("form") == "level"
    return SoundPath(
        (
            transform,
            known["power"](),
            *([known["sound_level"](bins=bins)] if level else []),
            known["erb_level"](bands=bands, level=level),
            known["unit_spectrum"](bins=bins, **settings),
            known["complex_mask"](output="mask"),
            known["inverse"](),
        )
    )


def small_path(**settings) -> SoundPath:
    """16 bands and 40 bins at 16 kHz."""
    return features_path(WIDE_BAND, 16, 40, **settings)


def streamed(sound_path: SoundPath, audio: np.ndarray) -> dict[str, np.ndarray]:
    """The float features of audio (B, S), one frame a call."""
    stages = [stage.start(sound_path.transform, len(audio)) for stage in sound_path.before]
    frames = []
    for block in np.split(audio, audio.shape[1] // sound_path.hop, axis=1):
        values = {"block": block}
        for stage in stages:
            values |= stage.step(values)
        frames.append({name: values[name] for name in ("feat_erb", "feat_spec")})
    return {name: np.stack([frame[name] for frame in frames], axis=1) for name in frames[0]}


def with_setting(sound_path: SoundPath, kind: str, **settings) -> SoundPath:
    """The path with other settings of one stage."""
    stages = [dataclasses.replace(s, **settings) if s.kind == kind else s for s in sound_path.stages]
    return SoundPath(tuple(stages))
