"""A GRU layer for training at several times the speed of torch on one core: the recurrence in C, everything else in products over all frames.

T frames, B crops, F inputs, H units; float32.
"""

from __future__ import annotations

import ctypes
import functools
import tempfile
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

from ...firmware_sim.engines.native import find_compiler
from ...firmware_sim.engines.program import call_compiler
from ...models.gru_mask import GruMask

_SOURCE = Path(__file__).with_suffix(".c")
_FLAGS = ("-O3", "-march=native", "-ffast-math", "-fopenmp-simd", "-shared", "-fPIC")
_ROWS, _PANEL = 8, 32


@functools.cache
def _library() -> ctypes.CDLL:
    with tempfile.TemporaryDirectory(prefix="stapes-build-") as work:
        path = Path(work) / "recurrence.so"
        call_compiler([*find_compiler().split(), *_FLAGS, str(_SOURCE), "-o", str(path), "-lmvec", "-lm"])
        return ctypes.CDLL(str(path))


def _call(name: str, sizes: tuple[int, int, int], *arrays: Tensor) -> None:
    getattr(_library(), name)(*sizes, *(ctypes.c_void_p(array.data_ptr()) for array in arrays))


def _panels(weights: Tensor) -> Tensor:
    """(K, N) -> (N / 32, K, 32)"""
    return weights.unflatten(1, (-1, _PANEL)).transpose(0, 1).contiguous()


class Layer(torch.autograd.Function):
    """x (T, B, 3H): the terms of the input; recurrent weights (3H, H), bias (3H,) -> states (T, B, H)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
        frames, batch, rows = x.shape
        sizes = (frames, batch, rows // 3)
        states = torch.zeros(frames + 1, *sizes[1:])
        g, n, d = torch.empty(frames, batch, rows), torch.empty(sizes), torch.empty(sizes)
        _call("gru_forward", sizes, x.contiguous(), _panels(weights.t()), bias.contiguous(), states, g, n, d)
        ctx.save_for_backward(states, g, n, d, weights)
        return states[1:]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        states, g, n, d, weights = ctx.saved_tensors
        dx, dg, back = torch.empty_like(g), torch.empty_like(g), torch.empty(n.shape[1:])
        _call("gru_backward", tuple(n.shape), grad.contiguous(), _panels(weights), g, n, d, dx, dg, back)
        flat = dg.flatten(0, 1)
        return dx, flat.t() @ states[:-1].flatten(0, 1), flat.sum(0)


class QuantisedLayer(torch.autograd.Function):
    """As `Layer` with int8 activations: x quantised, formats (6, 4), bounds (2,) of the states; see recurrence.c."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weights: Tensor, bias: Tensor, formats: Tensor, bounds: Tensor) -> Tensor:
        frames, batch, rows = x.shape
        sizes = (frames, batch, rows // 3)
        states = torch.zeros(frames + 1, *sizes[1:])
        g, (total, gate) = torch.empty(frames, batch, rows), torch.empty(2, frames, batch, 2 * sizes[2])
        kept = [g, total, gate, *torch.empty(4, *sizes)]
        arrays = (formats, bounds, x.contiguous(), _panels(weights.t()), bias.contiguous(), states, *kept)
        _call("gru_forward_quantised", sizes, *arrays)
        ctx.save_for_backward(states, weights, formats, *kept)
        return states[1:]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        states, weights, formats, *kept = ctx.saved_tensors
        dx, dg, back = torch.empty_like(kept[0]), torch.empty_like(kept[0]), torch.empty(states.shape[1:])
        arrays = (formats, grad.contiguous(), _panels(weights), *kept, dx, dg, back)
        _call("gru_backward_quantised", (grad.shape[0], grad.shape[1], grad.shape[2]), *arrays)
        flat = dg.flatten(0, 1)
        return dx, flat.t() @ states[:-1].flatten(0, 1), flat.sum(0), None, None


def suits(batch: int, weights: Tensor) -> bool:
    """Whether the C can compute a layer with these recurrent weights (3H, H): it takes certain sizes, and no GPU."""
    return batch % _ROWS == 0 and weights.shape[1] % _PANEL == 0 and weights.device.type == "cpu"


def layer(x: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """x (T, B, 3H): the terms of the input; recurrent weights (3H, H), bias (3H,) -> states (T, B, H).

    In plain torch where the C does not suit.
    """
    if suits(x.shape[1], weights):
        return Layer.apply(x, weights, bias)
    h, states = x.new_zeros(x.shape[1], weights.shape[1]), []
    for terms in x:
        (xr, xz, xn), (hr, hz, hn) = terms.chunk(3, 1), functional.linear(h, weights, bias).chunk(3, 1)
        n, z = torch.tanh(xn + torch.sigmoid(xr + hr) * hn), torch.sigmoid(xz + hz)
        h = n + z * (h - n)
        states.append(h)
    return torch.stack(states)


def mask(model: GruMask, features: Tensor) -> Tensor:
    """As `model(features)[0]`: features (B, T, F) -> mask (B, T, K); torch's own GRU where the C does not suit."""
    gru = model.gru
    if not suits(len(features), cast(Tensor, gru.weight_hh_l0)) or (gru.dropout and gru.num_layers > 1):
        return model(features)[0]
    x = model.before(features).transpose(0, 1)
    for index in range(gru.num_layers):
        w, r, b, c = (getattr(gru, f"{kind}_l{index}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        x = layer(functional.linear(x, w, b), r, c)
    return model.after(x).transpose(0, 1)
