"""GTCRN once more, as sums written out in numpy float64 from a state dict; what the torch modules are compared with.

One utterance: T frames, C channels, F bins. Arrays are (C, T, F), or (T, F, C) inside the recurrent parts.
"""

from __future__ import annotations

import numpy as np


class Formulas:
    """`weights`: name -> array, as in the state dict."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self.weights = weights

    def mask(self, features: np.ndarray) -> np.ndarray:
        """(3, T, 257) -> (2, T, 257)."""
        w = self.weights
        bands = np.einsum("bk,ctk->ctb", w["erb.erb_fc.weight"], features[:, :, 65:])
        x = self.neighbours(np.concatenate([features[:, :, :65], bands], axis=2))
        skips = [self.strided("encoder.en_convs.0", x, groups=1)]
        skips.append(self.strided("encoder.en_convs.1", skips[-1], groups=2))
        for index, dilation in ((2, 1), (3, 2), (4, 5)):
            skips.append(self.gt_block(f"encoder.en_convs.{index}", skips[-1], dilation, decoder=False))
        x = self.dual_path("dpgrnn2", self.dual_path("dpgrnn1", skips[-1]))
        for index, dilation in ((0, 5), (1, 2), (2, 1)):
            x = self.gt_block(f"decoder.de_convs.{index}", x + skips[4 - index], dilation, decoder=True)
        x = self.transposed("decoder.de_convs.3", x + skips[1], groups=2)
        x = self.transposed("decoder.de_convs.4", x + skips[0], groups=1)
        bins = np.einsum("kb,ctb->ctk", w["erb.ierb_fc.weight"], x[:, :, 65:])
        return np.concatenate([x[:, :, :65], bins], axis=2)

    @staticmethod
    def neighbours(x: np.ndarray) -> np.ndarray:
        out = np.zeros((3 * len(x), *x.shape[1:]))
        bins = x.shape[2]
        for c in range(len(x)):
            for j in range(3):
                for f in range(bins):
                    if 0 <= f + j - 1 < bins:
                        out[3 * c + j, :, f] = x[c, :, f + j - 1]
        return out

    def normalise(self, name: str, x: np.ndarray) -> np.ndarray:
        scale, shift, mean, variance = (
            self.weights[f"{name}.{part}"][:, None, None] for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-5) * scale + shift

    def rectify(self, name: str, x: np.ndarray) -> np.ndarray:
        """PReLU with one slope, or tanh where the block has none."""
        slope = self.weights.get(f"{name}.weight")
        return np.tanh(x) if slope is None else np.where(x >= 0, x, slope[0] * x)

    def strided(self, name: str, x: np.ndarray, groups: int) -> np.ndarray:
        """y[o, f] = b[o] + sum over i, j of w[o, i, j] x[i, 2 f + j - 2]."""
        kernel, bias = self.weights[f"{name}.conv.weight"][:, :, 0], self.weights[f"{name}.conv.bias"]
        outputs, per_group, taps = kernel.shape
        bins = (x.shape[2] - 1) // 2 + 1
        y = np.zeros((outputs, x.shape[1], bins)) + bias[:, None, None]
        for o in range(outputs):
            first = o // (outputs // groups) * per_group
            for i in range(per_group):
                for j in range(taps):
                    for f in range(bins):
                        if 0 <= 2 * f + j - 2 < x.shape[2]:
                            y[o, :, f] += kernel[o, i, j] * x[first + i, :, 2 * f + j - 2]
        return self.rectify(f"{name}.act", self.normalise(f"{name}.bn", y))

    def transposed(self, name: str, x: np.ndarray, groups: int) -> np.ndarray:
        """y[o, g] = b[o] + sum over i, f, j with 2 f + j - 2 = g of w[i, o, j] x[i, f]."""
        kernel, bias = self.weights[f"{name}.conv.weight"][:, :, 0], self.weights[f"{name}.conv.bias"]
        inputs, per_group, taps = kernel.shape
        bins = 2 * x.shape[2] - 1
        y = np.zeros((per_group * groups, x.shape[1], bins)) + bias[:, None, None]
        for i in range(inputs):
            first = i // (inputs // groups) * per_group
            for o in range(per_group):
                for j in range(taps):
                    for f in range(x.shape[2]):
                        if 0 <= 2 * f + j - 2 < bins:
                            y[first + o, :, 2 * f + j - 2] += kernel[i, o, j] * x[i, :, f]
        return self.rectify(f"{name}.act", self.normalise(f"{name}.bn", y))

    def pointwise(self, name: str, x: np.ndarray, decoder: bool) -> np.ndarray:
        kernel = self.weights[f"{name}.weight"][:, :, 0, 0]
        kernel = kernel.T if decoder else kernel
        return np.einsum("oi,itf->otf", kernel, x) + self.weights[f"{name}.bias"][:, None, None]

    def depthwise(self, name: str, h: np.ndarray, dilation: int, decoder: bool) -> np.ndarray:
        """Encoder: sum of w[i, j] h[t - (2 - i) d, f + j - 1]; decoder: sum of w[i, j] h[t - i d, f + 1 - j]."""
        kernel = self.weights[f"{name}.weight"][:, 0]
        _, frames, bins = h.shape
        y = np.zeros(h.shape) + self.weights[f"{name}.bias"][:, None, None]
        for i in range(3):
            for j in range(3):
                back, side = (i * dilation, 1 - j) if decoder else ((2 - i) * dilation, j - 1)
                for t in range(back, frames):
                    for f in range(max(0, -side), min(bins, bins - side)):
                        y[:, t, f] += kernel[:, i, j] * h[:, t - back, f + side]
        return y

    def gt_block(self, name: str, x: np.ndarray, dilation: int, decoder: bool) -> np.ndarray:
        h = self.pointwise(f"{name}.point_conv1", self.neighbours(x[:8]), decoder)
        h = self.rectify(f"{name}.point_act", self.normalise(f"{name}.point_bn1", h))
        h = self.depthwise(f"{name}.depth_conv", h, dilation, decoder)
        h = self.rectify(f"{name}.depth_act", self.normalise(f"{name}.depth_bn", h))
        h = self.normalise(f"{name}.point_bn2", self.pointwise(f"{name}.point_conv2", h, decoder))
        energy = (h**2).mean(axis=2).T  # (T, 8)
        attended = self.gru(f"{name}.tra.att_gru", energy[None])[0]
        gate = sigmoid(attended @ self.weights[f"{name}.tra.att_fc.weight"].T + self.weights[f"{name}.tra.att_fc.bias"])
        h = h * gate.T[:, :, None]
        out = np.empty(x.shape)
        out[0::2], out[1::2] = h, x[8:]
        return out

    def gru(self, name: str, x: np.ndarray, suffix: str = "") -> np.ndarray:
        """(rows, steps, inputs) -> (rows, steps, H), from a state of zeros."""
        w_x, w_h, b_x, b_h = (
            self.weights[f"{name}.{part}_l0{suffix}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        size = w_h.shape[1]
        h = np.zeros((len(x), size))
        out = np.empty((*x.shape[:2], size))
        order = range(x.shape[1])
        for step in reversed(order) if suffix else order:
            a, b = x[:, step] @ w_x.T + b_x, h @ w_h.T + b_h
            r = sigmoid(a[:, :size] + b[:, :size])
            z = sigmoid(a[:, size : 2 * size] + b[:, size : 2 * size])
            n = np.tanh(a[:, 2 * size :] + r * b[:, 2 * size :])
            h = (1 - z) * n + z * h
            out[:, step] = h
        return out

    def layer_norm(self, name: str, x: np.ndarray) -> np.ndarray:
        """Over bins and channels of each frame of (T, 33, 16)."""
        centred = x - x.mean(axis=(1, 2), keepdims=True)
        variance = (centred**2).mean(axis=(1, 2), keepdims=True)
        return centred / np.sqrt(variance + 1e-8) * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def dense(self, name: str, x: np.ndarray) -> np.ndarray:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def dual_path(self, name: str, x: np.ndarray) -> np.ndarray:
        x = x.transpose(1, 2, 0)  # (T, 33, 16)
        parts = []
        for rnn, part in (("rnn1", x[..., :8]), ("rnn2", x[..., 8:])):
            parts += [self.gru(f"{name}.intra_rnn.{rnn}", part, suffix) for suffix in ("", "_reverse")]
        x = x + self.layer_norm(f"{name}.intra_ln", self.dense(f"{name}.intra_fc", np.concatenate(parts, axis=2)))
        by_bin = x.transpose(1, 0, 2)  # (33, T, 16)
        parts = [
            self.gru(f"{name}.inter_rnn.{rnn}", part)
            for rnn, part in (("rnn1", by_bin[..., :8]), ("rnn2", by_bin[..., 8:]))
        ]
        along_frames = self.dense(f"{name}.inter_fc", np.concatenate(parts, axis=2)).transpose(1, 0, 2)
        x = x + self.layer_norm(f"{name}.inter_ln", along_frames)
        return x.transpose(2, 0, 1)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
