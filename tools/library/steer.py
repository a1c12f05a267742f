"""Latents become changes of the controls of a steered equaliser: the decoder's bundle runs, and its parameters become words."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...firmware_sim.audio.white_box import controls_of
from ...firmware_sim.engines.network import run_network
from ...models.audio import SoundPath
from ...models.audio.controls import MOST_CHANGES
from ...models.audio.steered_equaliser import SteeredEqualiser, steered_bands
from ...models.errors import StapesError
from ...models.files import check_file, write_whole
from ...quantize.audio.controls import integers, rest_words
from ...quantize.audio.white_box import LATENT, frequency_scale_q31
from ..bundle import Bundle, opened, refuse_inside
from ..engines import make_network_engine
from ..frames import as_frames, read_frames
from ..given import given, given_path

MARK = "# Changes of controls, made by stapes steer.\n"
KIND = SteeredEqualiser.kind


@dataclass(frozen=True, eq=False)
class Steering:
    """Controls of a steered equaliser by their name in C, int32 (T, 10) each, in force from `seconds` (T,) on."""

    seconds: np.ndarray
    words: dict[str, np.ndarray]

    def to_table(self) -> dict[str, Any]:
        """As `simulate(..., controls=...)` takes it; the device takes the same integers from it."""
        changes = []
        for index, seconds in enumerate(self.seconds.tolist()):
            told = {}
            for name, rows in self.words.items():
                plain, _, bits = name.rpartition("_q")
                told[plain] = (rows[index] / 2.0 ** int(bits)).tolist()
            changes.append({"seconds": seconds, KIND: told})
        return {"change": changes}

    def to_toml(self) -> str:
        """The text of the file."""
        import tomli_w

        return MARK + tomli_w.dumps(self.to_table())


def steer(
    decoder: Bundle | str | os.PathLike[str],
    latents: str | os.PathLike[str] | Mapping[str, np.ndarray],
    bundle: Bundle | str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    every: float = 0.5,
    engine: str = "native",
) -> Steering:
    """Turn latents into changes of the controls of a bundle's steered equaliser, in the integers of the device.

    decoder  the bundle of a white-box network's decoder, or its folder
    latents  an .npz file, or a mapping, with `latent` (T, 512): floats, or codes of int16
    bundle   whose path has the stage `steered_equaliser`, with as many bands as the decoder or more
    output   the file of controls to write, TOML; None writes none
    every    seconds from one latent to the next; the first is in force from the start
    engine   `numpy`, `native`, `tflm`, `cortex-m7` or `cortex-m7-qemu`: all give the same

    Raises StapesError: no decoder, no such stage or one of fewer bands, latents that do not fit, times that are none.

    Play it with `simulate(bundle, audio, controls=steer(...).to_table())`.
    """
    network, of = opened(decoder), opened(bundle)
    label = str(network.folder)
    place = None if output is None else given_path(output, "a file of controls")
    inputs = [Path(latents)] if isinstance(latents, str | os.PathLike) else []
    if place is not None:
        refuse_inside(network, place)
        refuse_inside(of, place)
        check_file(place, inputs, MARK.encode())
    scale_q31 = frequency_scale_q31(network.graph, label)
    bands = network.graph.tensors["frequency"].size
    path = of.require_sound_path()
    _require_bands(path, bands, str(of.folder))
    if not (isinstance(every, int | float) and math.isfinite(every) and every > 0):
        raise StapesError(f"--every {every!r}: give seconds above 0")
    frames = read_frames(inputs[0], network.graph) if inputs else as_frames("latents", _arrays(latents), network.graph)
    if frames.count > MOST_CHANGES:
        raise StapesError(f"{frames.label}: {frames.count} latents; give {MOST_CHANGES} at most")
    runner = make_network_engine(given(engine, str, "the name of an engine"), network)
    made = run_network(runner, {LATENT: frames.codes[LATENT][None]})
    found = controls_of({name: made[name][0] for name in network.graph.outputs}, scale_q31)
    steering = Steering(np.arange(frames.count) * float(every), _all_bands(path, found))
    if place is not None:
        write_whole(place, steering.to_toml().encode())
    return steering


def _arrays(latents: object) -> Mapping[str, np.ndarray]:
    if not isinstance(latents, Mapping) or not isinstance(latents.get(LATENT), np.ndarray):
        raise StapesError(f"latents: give an .npz file, or a table with the array {LATENT!r}")
    return latents


def _require_bands(path: SoundPath, bands: int, label: str) -> None:
    there = steered_bands(path)
    if not there:
        raise StapesError(
            f"{label}: the path has no stage {KIND!r}; make the bundle with stapes quantize --controls {KIND}:{bands}"
        )
    if there < bands:
        raise StapesError(
            f"{label}: the stage {KIND!r} has {there} bands, the decoder {bands}; make the bundle with stapes quantize --controls {KIND}:{bands}"
        )


def _all_bands(path: SoundPath, found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """(T, bands) -> int32 (T, 10): bands that the decoder does not have stay at rest."""
    made = {}
    for name, rest in integers(path, rest_words(path))[KIND].items():
        rows = np.tile(rest.astype(np.int32), (len(found[name]), 1))
        rows[:, : found[name].shape[1]] = found[name]
        made[name] = rows
    return made
