"""ONNX LayerNormalization: a region of int16 operators that TFLite Micro has, without RSQRT and without float.

    c = x - mean(x)                      y = c / sqrt(mean(c^2) + eps) * gamma + beta

The variance of a magnitude frame spans far more than int16 holds, so the frame is first brought to about unit size by
a coarse gain g, whose error does not matter because everything after it uses the same g:

    m = mean(relu(c))                            half the mean magnitude of c
    g sqrt(N) = sum_k u_k (1 - tanh(2^k m / s))  about 1 / (2 m), at most 1 / sqrt(eps): one tanh an octave
    c1 = c g                                     mean magnitude about 1 / sqrt(N)
    v1 = sum(c1^2) + N eps g^2                   in [0.5, 32], the variance of the scaled frame

Then 1 / sqrt(v1) from a second sum of tanh, fitted by least squares to 1.5 %, and one Newton step
y <- y (1.5 - 0.5 v1 y^2). The sum of squares is one BATCH_MATMUL, rounded once; sqrt(N) returns with gamma.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import onnx

from ..float_graph import FloatGraph, Hint
from ..graph import Region
from .axes import canonical
from .context import Context, Lowering
from .elementwise import TANH

OCTAVES = 16
GAIN_MAX = 512.0
VARIANCE = (0.35, 32.0)
_GATE = Hint(fixed={"int16": (2.0**-12, 0)}, dtype="int16")


def check_layer_norm(context: Context, node: onnx.NodeProto) -> str | None:
    if any(name and context.constant(name) is None for name in node.input[1:]):
        return "scale and offset must be constants"
    if len(node.output) > 1 and any(node.output[1:]):
        return "the outputs Mean and InvStdDev are not supported"
    return None


def coarse_gain(epsilon: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Factors `(K,)` of m inside the tanh, weights `(K,)` of 1 - tanh, and the gain that is left for the loudest frames.

    The sum over all k of 2^k (1 - tanh(2^k t)) is C / t with a ripple of under 1 %; C is the integral of 1 - tanh over ln 2.
    """
    gain_max = min(1.0 / np.sqrt(epsilon), GAIN_MAX)
    weights = gain_max * 2.0 ** -np.arange(1, OCTAVES + 1)
    factors = 2.0 * weights  # 1 - tanh has the integral ln 2 over t, and an octave is ln 2 wide: C = 1
    return factors, weights, float(weights[-1])


@cache
def rsqrt_fit() -> tuple[np.ndarray, np.ndarray, float]:
    """Factors `(K,)`, weights `(K,)` and offset of 1 / sqrt(v) = offset + sum_k weight_k (1 - tanh(factor_k v)) over VARIANCE.

    The weights are rounded to 127 steps, as int8 holds them, before the offset is fitted.
    """
    factors = 2.0 ** np.arange(-5, 3)
    v = np.geomspace(*VARIANCE, 4000)
    basis = 1.0 - np.tanh(factors * v[:, None])
    relative = np.sqrt(v)[:, None]
    weights = np.linalg.lstsq(np.c_[basis, np.ones(len(v))] * relative, np.ones(len(v)), rcond=None)[0][:-1]
    step = np.abs(weights).max() / 127
    weights = np.round(weights / step) * step
    offset = float(np.linalg.lstsq(relative, 1.0 - (basis @ weights) * relative[:, 0], rcond=None)[0][0])
    return factors, weights, offset


@dataclass
class _Steps:
    """Adds the operators of a region under the names of their roles; values are (rows, width), each row normalised by itself."""

    graph: FloatGraph
    name: str
    roles: dict[str, str]
    rows: int = 1

    def add(
        self,
        kind: str,
        role: str,
        inputs: tuple[str, ...],
        width: int,
        hint: Hint | None = None,
        **options: object,
    ) -> None:
        """An operator; its inputs are roles, or constants."""
        plain = {} if kind in ("TANH", "RELU") else {"fused_activation_function": "NONE"}
        self.roles[role] = self.graph.add(
            kind,
            tuple(self.roles.get(value, value) for value in inputs),
            f"{self.name}/{role}",
            (self.rows, width),
            options=options or plain,
            region=self.name,
            hint=hint or Hint(dtype="int16"),
        )

    def reshaped(self, role: str, source: str, shape: tuple[int, ...], hint: Hint) -> None:
        target = self.graph.add_constant(f"{self.name}/{role}/shape", np.asarray(shape, np.int32))
        self.roles[role] = self.graph.add(
            "RESHAPE",
            (self.roles[source], target),
            f"{self.name}/{role}",
            shape,
            options={"new_shape": list(shape)},
            region=self.name,
            hint=hint,
        )

    def squares(self, role: str, source: str, hint: Hint) -> None:
        """The sum of the squares of each row."""
        options = {"adj_x": False, "adj_y": True}
        if self.rows == 1:
            self.add("BATCH_MATMUL", role, (source, source), 1, hint, **options)
            return
        wide, width = Hint(dtype="int16"), self.graph.tensors[self.roles[source]].shape[-1]
        self.reshaped(f"{source}_vectors", source, (self.rows, 1, width), wide)
        vectors = self.roles[f"{source}_vectors"]
        self.roles[f"{role}_sums"] = self.graph.add(
            "BATCH_MATMUL",
            (vectors, vectors),
            f"{self.name}/{role}_sums",
            (self.rows, 1, 1),
            options=options,
            region=self.name,
            hint=hint,
        )
        self.reshaped(role, f"{role}_sums", (self.rows, 1), hint)

    def constant(self, role: str, data: np.ndarray | float) -> str:
        return self.graph.add_constant(f"{self.name}/{role}", np.atleast_2d(np.asarray(data, np.float64)))

    def weighted_sum(self, role: str, source: str, weights: np.ndarray, bias: float, hint: Hint) -> None:
        """The sum of a role's values times weights (K,), or (1,) for all, and a bias."""
        width = self.graph.tensors[self.roles[source]].shape[-1]
        matrix = self.constant(f"{role}/weights", np.broadcast_to(weights, (1, width)))
        added = self.graph.add_constant(f"{self.name}/{role}/bias", np.array([bias]))
        self.add("FULLY_CONNECTED", role, (source, matrix, added), 1, hint)


def _span(low: float, high: float) -> Hint:
    return Hint(span=(low, high), power_of_two=True, dtype="int16")


def _scale_to_unit(steps: _Steps, size: int, epsilon: float) -> None:
    """x -> c1, the centred frame at about unit size, and v1, its variance: the first half of the module's formulas."""
    steps.weighted_sum("minus_mean", "x", np.array(-1.0 / size), 0.0, Hint(dtype="int16"))
    steps.add("ADD", "c", ("x", "minus_mean"), size)
    steps.add("RELU", "positive", ("c",), size, Hint(dtype="int16", like=steps.roles["c"]))
    steps.weighted_sum("m", "positive", np.array(1.0 / size), 0.0, Hint(power_of_two=True, dtype="int16"))

    root = float(np.sqrt(size))
    factors, weights, rest = coarse_gain(epsilon)
    weights = weights / root
    total = float(weights.sum()) + rest / root
    steps.add("MUL", "octaves", ("m", steps.constant("octaves/factors", factors)), OCTAVES, _GATE)
    steps.add("TANH", "steps", ("octaves",), OCTAVES, Hint(fixed=TANH.fixed, dtype="int16"))
    by = steps.constant("steps/weights", weights)
    steps.add("MUL", "weighted", ("steps", by), OCTAVES, _span(0.0, float(weights[0])))
    steps.weighted_sum("g", "weighted", np.array(-1.0), total, _span(0.0, total))

    steps.add("MUL", "c1", ("c", "g"), size, _span(-0.63 * root, 0.63 * root))
    steps.squares("v", "c1", _span(0.0, VARIANCE[1]))
    least = root * np.sqrt(epsilon)
    steps.weighted_sum("g_eps", "g", np.array(least), 0.0, _span(0.0, total * root * np.sqrt(epsilon)))
    steps.add("MUL", "eps", ("g_eps", "g_eps"), 1, _span(0.0, (total * root) ** 2 * epsilon))
    steps.add("ADD", "v1", ("v", "eps"), 1, _span(0.0, VARIANCE[1]))


def _inverse_root(steps: _Steps) -> None:
    """v1 -> y, one over its square root."""
    factors, weights, offset = rsqrt_fit()
    by = steps.constant("v_octaves/factors", factors)
    steps.add("MUL", "v_octaves", ("v1", by), len(factors), _GATE)
    steps.add("TANH", "v_steps", ("v_octaves",), len(factors), Hint(fixed=TANH.fixed, dtype="int16"))
    steps.weighted_sum("y0", "v_steps", -weights, offset + float(weights.sum()), _span(0.0, 1.99))
    steps.add("MUL", "deviation", ("v1", "y0"), 1, _span(0.0, 7.99))
    steps.add("MUL", "one", ("deviation", "y0"), 1, _span(0.0, 1.99))
    steps.weighted_sum("correction", "one", np.array(-0.5), 1.5, _span(0.0, 1.99))
    steps.add("MUL", "y", ("y0", "correction"), 1, _span(0.0, 1.99))


def lower_layer_norm(context: Context, node: onnx.NodeProto) -> None:
    graph, name, shape = context.graph, context.numbered("layer_norm"), context.shape(node.input[0])
    axis = context.attribute(node, "axis", -1) % len(shape)
    rows, size = math.prod(shape[:axis]), math.prod(shape[axis:])
    x = context.reshaped(context.tensor(node.input[0]), (rows, size), f"{name}/x")
    given = [context.array(name) for name in node.input[1:] if name]
    gamma, *shift = (np.broadcast_to(data, shape[axis:]).ravel() for data in given)
    beta = shift[0] if shift else np.zeros(size)

    steps = _Steps(graph, name, {"x": x}, rows)
    _scale_to_unit(steps, size, float(context.attribute(node, "epsilon", 1e-5)))
    _inverse_root(steps)
    steps.add("MUL", "normalised", ("c1", "y"), size, Hint(fixed={"int16": (2.0**-15, 0)}, dtype="int16"))
    steps.add("MUL", "scaled", ("normalised", steps.constant("gamma", gamma * float(np.sqrt(size)))), size)
    steps.add("ADD", "out", ("scaled", steps.constant("beta", beta)), size)
    graph.regions.append(Region(name, "layer_norm", steps.roles))
    out = context.reshaped(steps.roles["out"], canonical(context.shape(node.output[0])), f"{name}/{node.output[0]}")
    context.bind(node.output[0], out)


LOWERINGS = {"LayerNormalization": Lowering(lower_layer_norm, check_layer_norm)}
