"""The integer graph itself as the forward pass of training: its own formats, its own rounding, computed by its own kernels.

Gradients pass every rounding straight through and stop where a code is at the end of its range.
B crops, T frames, F features, K bins, H hidden units.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...firmware_sim.network import NetworkSimulator
from ...models.errors import StapesError
from ...models.gru_mask import GruMask
from ...models.onnx_export import export_onnx
from ...quantize.build import build
from ...quantize.calibrate import Observations, calibrate
from ...quantize.float_graph import FloatGraph
from ...quantize.formats import Assigner, Format
from ...quantize.graph import Graph
from ...quantize.lowering import lower
from ...quantize.onnx_reader import read_onnx
from ...quantize.recipe import load_recipe
from .fake_quant import GivenRecurrence, fake_rows

_GATES = "rzn"


class Given(NamedTuple):
    """An activation as the integer graph computed it: value (T, B, size) float32, and whether its code is inside of its range."""

    value: Tensor
    inside: Tensor


class _Straight(torch.autograd.Function):
    """The given value, with the gradient of x."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor, inside: Tensor) -> Tensor:
        ctx.save_for_backward(inside)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return grad * inside, None, None


class IntegerForward:
    """A GRU mask computed by the integer graph that `quantize` makes of it, with gradients for its float weights.

    The graph is built anew from the weights of the moment in each call; its formats are those of the last `calibrate`.
    """

    def __init__(self, model: GruMask, recipe: str) -> None:
        """Raises StapesError for a network with a LayerNorm or a hidden output layer, which are not followed here."""
        if model.narrow is None or model.fc1 is not None:
            raise StapesError(
                "only a network with narrow_dim and without fc_dim can be trained through the integer graph"
            )
        self.model, self.recipe = model, load_recipe(recipe)
        with tempfile.TemporaryDirectory(prefix="stapes-training-") as work:
            path = Path(work) / "network.onnx"
            export_onnx(model, model.config.sound_path(), path)
            self.lowered = lower(read_onnx(path)[1])
        self.known: dict[tuple[object, ...], Format] = {}

    def calibrate(self, features: Tensor) -> None:
        """Choose the formats as `quantize` would, from `features` (B, T, F) and the weights of the moment."""
        current = self._current()
        seen = calibrate(current, [{current.inputs[0]: crop} for crop in features.detach().cpu().numpy()])
        self.known = {}
        build(current, self.recipe, Assigner(current, self.recipe, seen, self.known))

    def graph(self) -> Graph:
        """The integer graph of the weights of the moment."""
        current, nothing = self._current(), Observations({}, {}, 0)
        return build(current, self.recipe, Assigner(current, self.recipe, nothing, self.known))

    def __call__(self, features: Tensor) -> Tensor:
        """`features` (B, T, F) -> mask (B, T, K), each value one of the engine's."""
        given = run_integer(self.graph(), features)
        model = self.model
        assert model.narrow is not None
        x = _Straight.apply(features.transpose(0, 1), *given["features"])
        x = _Straight.apply(_linear(x, model.narrow), *given["linear"])
        for layer in range(model.config.num_layers):
            x = self._layer(x, layer, given)
        x = _Straight.apply(_linear(x, model.fc2), *given["linear_1"])
        return _Straight.apply(torch.sigmoid(x), *given["mask"]).transpose(0, 1)

    def _layer(self, x: Tensor, layer: int, given: dict[str, Given]) -> Tensor:
        """x (T, B, inputs) -> states (T, B, H)."""
        w, r, b, c = (
            getattr(self.model.gru, f"{kind}_l{layer}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )

        def seen(*roles: str) -> Given:
            parts = [given[f"gru{layer}/{role}"] for role in roles]
            return Given(*(torch.cat(values, 2) for values in zip(*parts, strict=True)))

        terms = _Straight.apply(functional.linear(x, fake_rows(w), b), *seen("xr", "xz", "xn"))
        states = given[f"h{layer}_out"].value
        states = torch.cat([torch.zeros_like(states[:1]), states])
        recurrent = seen("hr", "hz", "hn")
        candidate_seen = seen("n").value
        kept = (states, recurrent.value, seen("r", "z").value, candidate_seen, states[:-1] - candidate_seen)
        flags = (seen("hr", "hz"), seen("hn"), seen("ar", "az"), seen("rhn"), seen("an"))
        gates, candidate = terms.split([2 * states.shape[2], states.shape[2]], 2)
        return GivenRecurrence.apply(gates, candidate, fake_rows(r), c, kept, [part.inside for part in flags])

    def _current(self) -> FloatGraph:
        """The lowered graph with the weights of the moment on the int8 grid, as they will be stored."""
        tensors = dict(self.lowered.tensors)
        for name, value in self._constants().items():
            old = tensors[name]
            assert old.data is not None
            tensors[name] = dataclasses.replace(old, data=value.reshape(old.data.shape))
        return dataclasses.replace(self.lowered, tensors=tensors)

    def _constants(self) -> dict[str, np.ndarray]:
        """Weights and biases by the names that lowering gives them, float64."""
        model, parts = self.model, {}
        assert model.narrow is not None
        for name, layer in (("linear", model.narrow), ("linear_1", model.fc2)):
            parts[name] = (fake_rows(layer.weight), layer.bias)
        for index in range(model.config.num_layers):
            for side, kind in (("x", "ih"), ("h", "hh")):
                weights = fake_rows(getattr(model.gru, f"weight_{kind}_l{index}")).chunk(3)
                biases = getattr(model.gru, f"bias_{kind}_l{index}").chunk(3)
                for gate, weight, bias in zip(_GATES, weights, biases, strict=True):
                    parts[f"gru{index}/{side}{gate}"] = (weight, bias)
        return {
            f"{name}/{role}": value.detach().cpu().double().numpy()
            for name, pair in parts.items()
            for role, value in zip(("weights", "bias"), pair, strict=True)
        }

    def formats(self) -> list[list[Any]]:
        """What a resumed training needs."""
        return [[*key, fmt.dtype, fmt.scale, fmt.zero_point] for key, fmt in self.known.items()]

    def restore(self, formats: list[list[Any]]) -> None:
        """Take back what `formats` gave."""
        self.known = {tuple(row[:-3]): Format(*row[-3:]) for row in formats}


def run_integer(graph: Graph, features: Tensor) -> dict[str, Given]:
    """`features` (B, T, F) float through the kernels of the integer graph, frame by frame -> every activation by name."""
    (entry,) = graph.inputs
    tensor = graph.tensors[entry]
    assert tensor.scale is not None
    values = features.detach().cpu().double().numpy().transpose(1, 0, 2)
    codes = np.floor(values / float(tensor.scale[0]) + 0.5).astype(np.int64) + tensor.zero_point
    codes = np.clip(codes, *tensor.limits)
    simulator = NetworkSimulator(graph, codes.shape[1])
    kept: dict[str, np.ndarray] = {entry: codes.astype(np.float32)}
    for t, frame in enumerate(codes):
        for name, made in simulator.step({entry: frame.reshape(-1, *tensor.shape)}, keep="all").items():
            if name not in kept:
                kept[name] = np.empty((*codes.shape[:2], made[0].size), np.float32)
            kept[name][t] = made.reshape(len(made), -1)
    return {name: _given(graph, name, made, features.device) for name, made in kept.items()}


def _given(graph: Graph, name: str, codes: np.ndarray, device: torch.device) -> Given:
    tensor = graph.tensors[name]
    assert tensor.scale is not None
    low, high = tensor.limits
    value = (codes - np.float32(tensor.zero_point)) * np.float32(tensor.scale[0])
    inside = (codes > low) & (codes < high)
    return Given(torch.from_numpy(value).to(device), torch.from_numpy(inside).to(device))


def _linear(x: Tensor, layer: torch.nn.Linear) -> Tensor:
    return functional.linear(x, fake_rows(layer.weight), layer.bias)
