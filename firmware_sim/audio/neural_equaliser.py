"""A steered equaliser with its network inside; twin of `stapes_neural_equaliser.c`.

B utterances, K bands, L values of a latent.
"""

from __future__ import annotations

from dataclasses import fields
from typing import ClassVar, TypeVar

import numpy as np

from ...models.audio.steering import PRODUCT
from ...quantize.arithmetic import clamp, requantise_64
from ...quantize.audio.neural_equaliser import KINDS, Params
from ...quantize.prepare import AddParams, ReluParams, SigmoidParams
from ..kernels.add import add
from ..kernels.relu import relu
from ..kernels.sigmoid import sigmoid
from .steered_equaliser import Twin as Glider
from .tensors import quantise_features
from .twin import IntegerStage, Values
from .white_box import controls_of

T = TypeVar("T", AddParams, ReluParams, SigmoidParams)


class Twin(IntegerStage):
    """State: the codes of the latent that is in use, memory of the network, the slice that comes next (-1: none), what was told."""

    work: ClassVar = {"stapes_neural_equaliser": "network of the equaliser"} | dict(Glider.work)
    params: Params

    def reset(self) -> None:
        """The latent stays: it is computed anew."""
        p = self.params
        self.glider = Glider(p.glider, self.batch)
        self.used = np.zeros(p.latents, np.int64)
        self.memory: dict[int, np.ndarray] = {}
        self.slice = -1
        self.told = p.rest.astype(np.int64)

    def step(self, values: Values) -> dict[str, np.ndarray]:
        """sound_q25 (B, H) -> sound_q25 (B, H)."""
        self._steer()
        names = ("frequency_q8", "gain_db_q16", "quality_q16")
        self.glider.controls = dict(zip(names, self.told, strict=True))
        return self.glider.step(values)

    def _steer(self) -> None:
        """One slice of the network, or behind the last one what it gave."""
        p = self.params
        if self.slice < 0:
            codes = quantise_features(self.controls["latent_q20"][None], p.tensor)[0]
            if (codes == self.used).all() or p.slices == 0:
                return
            self.used = codes
            if not codes.any():
                self.told = self.params.rest.astype(np.int64)
                return
            self.slice = 0
        if self.slice < p.slices:
            for part in p.parts[p.ends[self.slice - 1] if self.slice else 0 : p.ends[self.slice]]:
                self._part(*part.tolist())
            self.slice += 1
        else:
            self._tell()
            self.slice = -1

    def _part(self, index: int, first: int, count: int) -> None:
        kind, x_1, x_2, y, size, *numbers = self.params.operators[index].tolist()
        rows = slice(first, first + count)
        made = (
            self._product(x_1, numbers, rows)
            if KINDS[kind] == PRODUCT
            else _value(kind, self._of(x_1, size)[rows], self._of(x_2, size)[rows], numbers)
        )
        # What stands in the place of what it reads has the same size.
        self._of(y, size)[rows] = made

    def _of(self, place: int, size: int) -> np.ndarray:
        if place < 0:
            return self.used
        return self.memory.setdefault(place, np.zeros(size, np.int64))

    def _product(self, place: int, numbers: list[int], rows: slice) -> np.ndarray:
        columns, weights, first, low, high = numbers[:5]
        p = self.params
        inside = slice(weights + rows.start * columns, weights + rows.stop * columns)
        matrix = p.weights[inside].astype(np.int64).reshape(-1, columns)
        bias, multiplier_q31, shift = p.rows[first + rows.start : first + rows.stop].astype(np.int64).T
        sums = matrix @ self._of(place, columns) + bias
        return clamp(requantise_64(sums, multiplier_q31, shift), low, high)

    def _tell(self) -> None:
        p = self.params
        places = {"frequency": p.frequency, "gain": p.gain, "quality": p.quality, "weight": p.weight}
        codes = {name: self._of(place, p.bands) for name, place in places.items() if place >= 0}
        found = controls_of(codes, p.frequency_scale_q31)
        self.told = self.params.rest.astype(np.int64)
        for row, name in enumerate(("frequency_q8", "gain_db_q16", "quality_q16")):
            self.told[row, : p.bands] = found[name]


def _value(kind: int, x_1: np.ndarray, x_2: np.ndarray, numbers: list[int]) -> np.ndarray:
    """Values (n,) of an operator that makes each of one, or of two."""
    if KINDS[kind] == "ADD":
        return add(_as(AddParams, numbers), x_1[None], x_2[None])[0]
    if KINDS[kind] == "RELU":
        return relu(_as(ReluParams, numbers), x_1[None])[0]
    return sigmoid(_as(SigmoidParams, numbers), x_1[None])[0]


def _as(params: type[T], numbers: list[int]) -> T:
    """The numbers of an operator as its parameters, field by field."""
    return params(**dict(zip((field.name for field in fields(params)), numbers, strict=False)))  # type: ignore[arg-type]
