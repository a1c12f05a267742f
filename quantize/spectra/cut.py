"""The network of a file that takes a spectrum and gives one: what stands between the features and the mask.

A file may have an input `mix` (1, 257, 1, 2), the real and imaginary parts of one frame, and an output `enh` of that shape. It makes log
magnitudes of the one and multiplies the spectrum by a mask for the other. Integers of 16 bits hold neither the spectrum nor the
powers, so both are left to stages of the path, and the network is what takes features and gives a mask.

Which value is the features and which the mask is found by running the file on random spectra: the features depend on the spectrum
alone and are what a stage makes of it; the mask times the spectrum is the output. F bins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from ...models.audio import SoundPath
from ...models.audio.complex_mask import ComplexMask
from ...models.audio.inverse import Inverse
from ...models.audio.mask import ALONE, Mask
from ...models.audio.stage import Stage
from ...models.audio.transform import Transform
from ...models.errors import StapesError
from ..onnx_reader.shapes import known_shapes, quiet_session
from ..onnx_reader.wiring import reached_from
from .features import NEAR, stage_of
from .nodes import remove_unread

# Spectra of fewer bins are no sound.
FEWEST_BINS = 17
FRAMES = 3
_FEATURES, _MASK = "features", "mask"
# By the lengths of its caches: UL-UNAS, as its authors publish it (arXiv 2503.00340).
_UL_UNAS = {"mix": (1, 257, 1, 2), "conv_cache": (1, 5358), "tfa_cache": (1, 402), "inter_cache": (1, 1056)}


@dataclass(frozen=True, eq=False)
class Cut:
    """The network alone, and the path that its file held; `assumed`: whether rate, hop and window are a guess, as no file says them.

    `given` and `made` are the spectra that went in and came out.
    """

    given: str
    made: str
    model: onnx.ModelProto
    sound_path: SoundPath
    assumed: bool


@dataclass(frozen=True)
class Ends:
    """The spectrum that goes in and the one that comes out, and their bins."""

    given: str
    made: str
    bins: int


def cut(model: onnx.ModelProto, seed: int = 0) -> Cut | None:
    """The network of a folded model, which is left as it is, and its path; None for a model that takes no spectrum, or gives none."""
    shapes = known_shapes(model.graph)
    for ends in spectra(model.graph):
        found = _Runs(model, shapes, ends, seed).cut()
        if found is not None:
            return found
    return None


def spectra(graph: onnx.GraphProto) -> list[Ends]:
    """Inputs and outputs of one shape that may be spectra: of two axes of more than one value, one holds two, the other one the bins."""
    shapes = known_shapes(graph)
    found = []
    for given in graph.input:
        shape = shapes.get(given.name, ())
        bins = math.prod(shape) // 2
        wide = [n for n in shape if n != 1]
        if bins < FEWEST_BINS or sorted(wide) != [2, bins]:
            continue
        found += [Ends(given.name, made.name, bins) for made in graph.output if shapes.get(made.name) == shape]
    return found


class _Runs:
    """A model with all its inner values, run on random spectra."""

    def __init__(self, model: onnx.ModelProto, shapes: Mapping[str, tuple[int, ...]], ends: Ends, seed: int) -> None:
        self.model, self.shapes, self.ends = model, shapes, ends
        self.bins_last = [n for n in shapes[ends.given] if n != 1][-1] == ends.bins
        graph = model.graph
        others = [value.name for value in graph.input if value.name != ends.given]
        of_spectrum, of_others = reached_from(graph.node, [ends.given]), reached_from(graph.node, others)
        self.order = [name for node in graph.node for name in node.output if name in of_spectrum]
        sizes = {name: math.prod(shapes[name]) for name in self.order if name in shapes}
        bins = ends.bins
        self.features = [n for n in self.order if n not in of_others and sizes.get(n) in (bins, 3 * bins)]
        self.masks = [n for n in self.order if n in of_others and n != ends.made and sizes.get(n) in (bins, 2 * bins)]
        wanted = onnx.ModelProto()
        wanted.CopyFrom(model)
        known = {value.name for value in graph.output}
        wanted.graph.output.extend(onnx.ValueInfoProto(name=name) for name in {*self.features, *self.masks} - known)
        self.session = quiet_session(wanted) if self.features and self.masks else None
        rng = np.random.default_rng(seed)
        self.rest = {name: rng.standard_normal(shapes[name]).astype(np.float32) * 0.1 for name in others}
        loudness = np.logspace(-2, 1, FRAMES)
        self.frames = [rng.standard_normal((bins, 2)) * gain for gain in loudness]

    def run(self, frame: np.ndarray, names: Sequence[str]) -> list[np.ndarray]:
        """Values of the graph for a spectrum (F, 2)."""
        assert self.session is not None
        shape = self.shapes[self.ends.given]
        spectrum = (frame.T if self.bins_last else frame).reshape(shape).astype(np.float32)
        result: list[np.ndarray] = self.session.run(list(names), {self.ends.given: spectrum, **self.rest})
        return result

    def cut(self) -> Cut | None:
        if self.session is None:
            return None
        mask = self._mask()
        if mask is None:
            return None
        for features in reversed(self.features):
            made = _between(self.model, self.ends, features, mask[0], self.shapes)
            if made is None:
                continue
            stage = stage_of(lambda frame, name=features: self.run(frame, [name])[0], self.frames)  # type: ignore[misc]
            if stage is not None:
                return self._with_path(made, stage, mask[1])
        return None

    def _mask(self) -> tuple[str, Stage] | None:
        """The last value that times the spectrum is the output, and the stage that multiplies by it."""
        seen = [self.run(frame, [self.ends.made, *self.masks]) for frame in self.frames]
        for index in range(len(self.masks), 0, -1):
            name = self.masks[index - 1]
            stages = [
                self._stage(frame, values[0], values[index]) for frame, values in zip(self.frames, seen, strict=True)
            ]
            if stages[0] is not None and all(stage == stages[0] for stage in stages):
                return name, stages[0]
        return None

    def _stage(self, frame: np.ndarray, made: np.ndarray, mask: np.ndarray) -> Stage | None:
        """Which stage makes a spectrum of a frame (F, 2) and a mask, or None."""
        bins = self.ends.bins
        flat = np.ravel(made).astype(np.float64)
        enhanced = flat.reshape(2, bins).T if self.bins_last else flat.reshape(bins, 2)
        spectrum, wanted = (values[:, 0] + 1j * values[:, 1] for values in (frame, enhanced))
        factors = np.ravel(mask).astype(np.float64)
        if factors.size == bins:
            # A real mask of the path lies between 0 and 1.
            fits = factors.min() >= 0 and factors.max() <= 1 + NEAR
            return Mask(on=ALONE) if fits and _near(spectrum * factors, wanted) else None
        real, imaginary = factors.reshape(2, bins)
        return ComplexMask() if _near(spectrum * (real + 1j * imaginary), wanted) else None

    def _with_path(self, made: onnx.ModelProto, features: Stage, mask: Stage) -> Cut | None:
        size = 2 * (self.ends.bins - 1)
        official = all(self.shapes.get(name) == shape for name, shape in _UL_UNAS.items())
        try:
            transform = Transform(16000, size, size, size // 2, "hann" if official else "sqrt_hann")
            sound_path = SoundPath((transform, features, mask, Inverse()))
            return Cut(self.ends.given, self.ends.made, made, sound_path, not official)
        except StapesError:
            return None


def _near(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.abs(a - b).max() <= NEAR * max(float(np.abs(b).max()), 1e-9))


def _between(
    model: onnx.ModelProto, ends: Ends, features: str, mask: str, shapes: Mapping[str, tuple[int, ...]]
) -> onnx.ModelProto | None:
    """The model from features to mask, or None where more of the spectrum is read in between."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    taken = {name for node in graph.node for name in node.output} | {value.name for value in graph.input}
    first, last = (_free(name, taken) for name in (_FEATURES, _MASK))
    kept = [node for node in graph.node if features not in node.output]
    for node in kept:
        node.input[:] = [first if name == features else name for name in node.input]
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(copies)
    graph.node.append(helper.make_node("Identity", [mask], [last], name=last))
    _put(graph.input, ends.given, first, shapes[features])
    _put(graph.output, ends.made, last, shapes[mask])
    del graph.value_info[:]
    remove_unread(graph)
    read = {name for node in graph.node for name in node.input}
    return None if ends.given in read or first not in read else made


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _put(values: Sequence[onnx.ValueInfoProto], old: str, new: str, shape: tuple[int, ...]) -> None:
    """Another value in the place of an input or output of a graph."""
    for value in values:
        if value.name == old:
            value.CopyFrom(helper.make_tensor_value_info(new, TensorProto.FLOAT, shape))
