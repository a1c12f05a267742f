"""The integer graph of a GRU mask imitated in float, for training: the network learns to live with its int8 formats.

Formats as `quantize` chooses them for the recipes w8a8 and w8a8_features16: weights int8 per row; activations int8 with
measured ranges outside of the activation functions and fixed powers of two behind them. Rounding passes gradients
straight through; clipping stops them (Jacob et al., Quantization and training of neural networks, 2018).

B crops, T frames, F features, K bins, H hidden units, I inputs of a layer; float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ...models.errors import StapesError
from ...models.gru_mask import GruMask
from . import recurrence

# Limits of the ranges: the sums as in the lowering of the GRU, its terms as far as training is to let them.
_TERM_LIMIT, _GATE_LIMIT, _CANDIDATE_LIMIT = 16.0, 8.0, 4.0
# The engine rounds ties away from zero, torch to even, and a gate of one half makes a tie of every other state. Values held
# a trifle beyond their grid break the tie; the difference of 1e-4 is far below every step.
_BEYOND = 1.0 + 2.0**-13
_fake = torch.fake_quantize_per_tensor_affine
# Scale and zero point of gate and candidate, which are those of their products too; limits of the state.
_INNER = ((2.0**-8 * (3.0 * _BEYOND - 2.0), -128), (2.0**-7 * _BEYOND, 0))
_STATE_BOUNDS = (-_BEYOND, _BEYOND * 127 / 128)


class Ranges:
    """Running minimum and maximum of each named activation, and the int8 format that covers them."""

    def __init__(self, momentum: float = 0.98) -> None:
        self.momentum = momentum
        self.values: dict[str, list[float]] = {}

    def see(self, name: str, x: Tensor, limit: float = float("inf")) -> None:
        """Move the range towards that of `x`, within +-`limit`."""
        low, high = (float(v) for v in torch.aminmax(x.detach()))
        seen = [max(min(low, 0.0), -limit), min(max(high, 0.0), limit)]
        before = self.values.get(name, seen)
        self.values[name] = [self.momentum * b + (1.0 - self.momentum) * s for b, s in zip(before, seen, strict=True)]

    def format(self, name: str) -> tuple[float, int]:
        """Scale and zero point, as `quantize.formats` derives them from a range."""
        low, high = self.values[name]
        scale = (high - low) / 255.0 or 1.0
        return scale, min(max(round(-128.0 - low / scale), -128), 127)


def row_scales(weights: Tensor) -> Tensor:
    """One scale a row (O,) for int8 codes; scale times code is exact in float32, so that codes survive being stored."""
    peaks = weights.detach().abs().amax(1).clamp(min=1e-12)
    mantissa, exponent = torch.frexp(peaks / 127.0)
    # 127 is 7 bits wide: a scale of 17 bits leaves the product within 24.
    return torch.ldexp(torch.ceil(mantissa * 2**17) / 2**17, exponent)


def fake_rows(weights: Tensor) -> Tensor:
    """Weights (O, I) on the int8 grid of their rows; gradients pass straight through."""
    scales = row_scales(weights)
    return torch.fake_quantize_per_channel_affine(
        weights, scales, torch.zeros_like(scales, dtype=torch.int32), 0, -127, 127
    )


@torch.no_grad()
def snap(model: GruMask) -> None:
    """Replace every weight matrix by its int8 codes times scales; `quantize` finds exactly those, and nothing is lost."""
    for parameter in model.parameters():
        if parameter.ndim == 2:
            parameter.copy_(fake_rows(parameter))


@torch.jit.script
def _forward_quantised(
    x_gates: Tensor,
    x_candidate: Tensor,
    weights: Tensor,
    bias: Tensor,
    terms: tuple[float, int],
    candidate_term: tuple[float, int],
    gate_sum: tuple[float, int],
    candidate_sum: tuple[float, int],
    beyond: float,
) -> list[Tensor]:
    """One GRU layer over T frames; returns what `Recurrence` keeps, each (T, B, ...)."""
    frames, batch, size = x_candidate.shape
    h = x_candidate.new_zeros(batch, size)
    hs, gs, sums, gates, rhns, ans, ns, ds = [h], [h], [h], [h], [h], [h], [h], [h]
    for t in range(frames):
        g = torch.addmm(bias, h, weights)
        a = torch.fake_quantize_per_tensor_affine(g[:, : 2 * size], terms[0], terms[1], -128, 127) + x_gates[t]
        hn = torch.fake_quantize_per_tensor_affine(g[:, 2 * size :], candidate_term[0], candidate_term[1], -128, 127)
        gate = torch.sigmoid(torch.fake_quantize_per_tensor_affine(a, gate_sum[0], gate_sum[1], -128, 127))
        gate = torch.fake_quantize_per_tensor_affine(gate, 2.0**-8 * (3.0 * beyond - 2.0), -128, -128, 127)
        rhn = gate[:, :size] * hn
        an = torch.fake_quantize_per_tensor_affine(rhn, candidate_term[0], candidate_term[1], -128, 127)
        an = an + x_candidate[t]
        n = torch.tanh(torch.fake_quantize_per_tensor_affine(an, candidate_sum[0], candidate_sum[1], -128, 127))
        n = torch.fake_quantize_per_tensor_affine(n, 2.0**-7 * beyond, 0, -128, 127)
        d = h - n
        zn = torch.fake_quantize_per_tensor_affine(gate[:, size:] * n, 2.0**-7 * beyond, 0, -128, 127)
        zh = torch.fake_quantize_per_tensor_affine(gate[:, size:] * h, 2.0**-7 * beyond, 0, -128, 127)
        h = (n - zn + zh).clamp(-beyond, beyond * 127 / 128)
        hs.append(h)
        gs.append(g)
        sums.append(a)
        gates.append(gate)
        rhns.append(rhn)
        ans.append(an)
        ns.append(n)
        ds.append(d)
    kept = [torch.stack(hs)]
    for values in [gs, sums, gates, rhns, ans, ns, ds]:
        kept.append(torch.stack(values[1:]))
    return kept


@torch.jit.script
def _forward_float(x_gates: Tensor, x_candidate: Tensor, weights: Tensor, bias: Tensor) -> list[Tensor]:
    """As `_forward_quantised`, in float."""
    frames, batch, size = x_candidate.shape
    h = x_candidate.new_zeros(batch, size)
    hs, gs, gates, ns, ds = [h], [h], [h], [h], [h]
    for t in range(frames):
        g = torch.addmm(bias, h, weights)
        gate = torch.sigmoid(g[:, : 2 * size] + x_gates[t])
        n = torch.tanh(torch.addcmul(x_candidate[t], gate[:, :size], g[:, 2 * size :]))
        d = h - n
        h = torch.addcmul(n, gate[:, size:], d)
        hs.append(h)
        gs.append(g)
        gates.append(gate)
        ns.append(n)
        ds.append(d)
    kept = [torch.stack(hs)]
    for values in [gs, gates, ns, ds]:
        kept.append(torch.stack(values[1:]))
    return kept


@torch.jit.script
def _backward_states(grad: Tensor, factors: Tensor, z: Tensor, weights: Tensor) -> Tensor:
    """Gradient of every state (T, B, H): what it is given in `grad`, and what comes back from the next frame.

    `factors` (T, B, 3, H): derivative of the three sums of a frame by its state, gate by gate; `weights` (3H, H).
    """
    frames, batch, size = grad.shape
    back = grad.new_zeros(batch, size)
    whole: list[Tensor] = []
    for i in range(frames):
        t = frames - 1 - i
        dh = grad[t] + back
        whole.append(dh)
        back = torch.addmm(dh * z[t], (dh.unsqueeze(1) * factors[t]).flatten(1), weights)
    whole.reverse()
    return torch.stack(whole)


def _within(x: Tensor, fmt: tuple[float, int]) -> Tensor:
    scale, zero_point = fmt
    return ((x >= (-128.5 - zero_point) * scale) & (x <= (127.5 - zero_point) * scale)).to(x.dtype)


class Recurrence(torch.autograd.Function):
    """One GRU layer: x_gates (T, B, 2H), x_candidate (T, B, H), weights (3H, H), bias (3H,) -> states (T, B, H).

    The derivative of every sum by its state is known once all states are, so that the way back is one product a frame.
    """

    @staticmethod
    def forward(
        ctx: Any, x_gates: Tensor, x_candidate: Tensor, weights: Tensor, bias: Tensor, ranges: Ranges | None, name: str
    ) -> Tensor:
        size = x_candidate.shape[2]
        if ranges is None:
            hs, gs, gates, ns, ds = _forward_float(x_gates, x_candidate, weights.t(), bias)
            inside = None
        else:
            f = [ranges.format(f"{name}/{role}") for role in ("h_gates", "hn", "a_gates", "an")]
            kept = _forward_quantised(x_gates, x_candidate, weights.t(), bias, *f, _BEYOND)
            hs, gs, sums, gates, rhns, ans, ns, ds = kept
            inside = (
                _within(gs[..., : 2 * size], f[0]),
                _within(gs[..., 2 * size :], f[1]),
                _within(sums, f[2]),
                _within(rhns, f[1]),
                _within(ans, f[3]),
            )
        ctx.save_for_backward(hs, gs, gates, ns, ds, weights, *(inside or ()))
        return hs[1:]

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None, None]:
        hs, gs, gates, ns, ds, weights, *inside = ctx.saved_tensors
        size = ds.shape[2]
        r, z, hn = gates[..., :size], gates[..., size:], gs[..., 2 * size :]
        to_candidate = (1 - z) * (1 - ns * ns)
        slope = gates * (1 - gates)
        if inside:
            in_terms, in_hn, in_sums, in_rhn, in_an = inside
            to_candidate = to_candidate * in_an
            slope = slope * in_sums
            to_rhn = to_candidate * in_rhn
        else:
            to_rhn = to_candidate
        to_gates = torch.cat((to_rhn * hn, ds), 2) * slope
        to_hn = to_rhn * r
        through = torch.cat((to_gates * in_terms, to_hn * in_hn) if inside else (to_gates, to_hn), 2)
        through = through.unflatten(2, (3, size))
        dh = _backward_states(grad, through, z, weights)
        dg = (dh.unsqueeze(2) * through).flatten(2)
        flat = dg.flatten(0, 1)
        return (
            dh.repeat(1, 1, 2) * to_gates,
            dh * to_candidate,
            flat.t() @ hs[:-1].flatten(0, 1),
            flat.sum(0),
            None,
            None,
        )


class GivenRecurrence(Recurrence):
    """As `Recurrence`, over a layer whose values are known: `kept` and `inside` as it would have saved them."""

    @staticmethod
    def forward(
        ctx: Any,
        x_gates: Tensor,
        x_candidate: Tensor,
        weights: Tensor,
        bias: Tensor,
        kept: Sequence[Tensor],  # type: ignore[override]
        inside: Sequence[Tensor],  # type: ignore[override]
    ) -> Tensor:
        ctx.save_for_backward(*kept, weights, *inside)
        return kept[0][1:]


class FakeQuantisedMask:
    """The forward pass of a `GruMask` with int8 weights, and on demand with int8 activations.

    `watched`: excess and ranges of the recurrence come from every so manieth crop. `excess` after a call in float: mean square by which what stands in front of the gates exceeds its reach, summed over
    the terms (within `term_reach`), the sums in front of the sigmoids (`gate_reach`) and of the tanh (`candidate_reach`).
    """

    def __init__(
        self,
        model: GruMask,
        ranges: Ranges,
        term_reach: float = 5.0,
        gate_reach: float = 5.0,
        candidate_reach: float = 2.5,
        watched: int = 1,
    ) -> None:
        """Raises StapesError for a network with a LayerNorm."""
        if model.narrow is None:
            raise StapesError(
                "only a network with narrow_dim can be imitated in int8; a LayerNorm always runs in int16"
            )
        self.model, self.ranges, self.narrow = model, ranges, model.narrow
        self.term_reach, self.gate_reach, self.candidate_reach = term_reach, gate_reach, candidate_reach
        self.watched = watched
        self.excess = torch.zeros(())

    def __call__(self, features: Tensor, int8: bool, features_int8: Tensor | None = None) -> Tensor:
        """`features` (B, T, F) -> mask (B, T, K).

        `int8`: activations too, not only weights, in the ranges that calls without it have seen; `features_int8` (B,)
        bool: for which crops the features as well.
        """
        ranges = self.ranges if int8 else None
        if not int8:
            self.ranges.see("features", features)
        elif features_int8 is not None:
            features = torch.where(features_int8[:, None, None], self._fake("features", features), features)
        model, self.excess = self.model, torch.zeros(())
        x = features.transpose(0, 1)
        x = functional.linear(x, fake_rows(self.narrow.weight), self.narrow.bias)
        x = self._activation("narrow", x, ranges)
        for layer in range(model.config.num_layers):
            x = self._layer(x, layer, ranges)
        if model.fc1 is not None:
            x = torch.relu(functional.linear(x, fake_rows(model.fc1.weight), model.fc1.bias))
            x = self._activation("fc1", x, ranges)
        x = functional.linear(x, fake_rows(model.fc2.weight), model.fc2.bias)
        x = torch.sigmoid(self._activation("fc2", x, ranges)).transpose(0, 1)
        return _fake(x, 2.0**-8, -128, -128, 127) if int8 else x

    def _layer(self, x: Tensor, layer: int, ranges: Ranges | None) -> Tensor:
        gru, name = self.model.gru, f"gru{layer}"
        w, r, b, c = (getattr(gru, f"{kind}_l{layer}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        w, r = fake_rows(w), fake_rows(r)
        terms = functional.linear(x, w, b)
        xr, xz, xn = (
            self._activation(f"{name}/{role}", value, ranges, _TERM_LIMIT)
            for role, value in zip(("xr", "xz", "xn"), terms.chunk(3, -1), strict=True)
        )
        x_gates = torch.cat((xr, xz), 2)
        if ranges is not None:
            return self._quantised_layer(name, x_gates, xn, r, c, ranges)
        states = recurrence.layer(terms, r, c)
        seen = slice(None, None, self.watched)
        before = torch.cat((torch.zeros_like(states[:1, seen]), states[:-1, seen]))
        self._note_excess(terms[:, seen], self.term_reach)
        self._look_inside(name, x_gates[:, seen], xn[:, seen], functional.linear(before, r, c))
        return states

    @staticmethod
    def _quantised_layer(
        name: str, x_gates: Tensor, xn: Tensor, weights: Tensor, bias: Tensor, ranges: Ranges
    ) -> Tensor:
        if not recurrence.suits(xn.shape[1], weights):
            return Recurrence.apply(x_gates, xn, weights, bias, ranges, name)
        outer = [ranges.format(f"{name}/{role}") for role in ("h_gates", "hn", "a_gates", "an")]
        rows = [(s, float(z), (-128.5 - z) * s, (127.5 - z) * s) for s, z in [*outer, *_INNER]]
        return recurrence.QuantisedLayer.apply(
            torch.cat((x_gates, xn), 2), weights, bias, torch.tensor(rows), torch.tensor(_STATE_BOUNDS)
        )

    def _look_inside(self, name: str, x_gates: Tensor, xn: Tensor, terms: Tensor) -> None:
        """Excess and ranges of what the recurrence does not show, from its recurrent terms (T, B, 3H) computed anew."""
        size = xn.shape[2]
        h_gates, hn = terms[..., : 2 * size], terms[..., 2 * size :]
        gates = x_gates + h_gates
        candidate = xn + torch.sigmoid(gates[..., :size]) * hn
        self._note_excess(terms, self.term_reach)
        self._note_excess(gates, self.gate_reach)
        self._note_excess(candidate, self.candidate_reach)
        for role, value, limit in (
            ("h_gates", h_gates, _TERM_LIMIT),
            ("hn", hn, _TERM_LIMIT),
            ("a_gates", gates, _GATE_LIMIT),
            ("an", candidate, _CANDIDATE_LIMIT),
        ):
            self.ranges.see(f"{name}/{role}", value, limit)

    def _activation(self, name: str, x: Tensor, ranges: Ranges | None, limit: float = float("inf")) -> Tensor:
        if ranges is not None:
            return self._fake(name, x)
        self.ranges.see(name, x, limit)
        return x

    def _note_excess(self, x: Tensor, reach: float) -> None:
        self.excess = self.excess + functional.relu(x.abs() - reach).square().mean()

    def _fake(self, name: str, x: Tensor) -> Tensor:
        scale, zero_point = self.ranges.format(name)
        return _fake(x, scale, zero_point, -128, 127)
