"""The decoder of the white-box mastering design: a latent vector to the parameters of a parametric equaliser.

    latent z (512) -> mlp.0 (512, 256) ReLU -> mlp.3 (256, 256) ReLU -> freq_head, gain_head, q_head (256, bands)
    adaptive: z -> band_selector.0 (512, 128) ReLU -> band_selector.2 (128, bands) -> sigmoid, a weight of each gain

fc = 20 + 19980 sigmoid(f) Hz, gain = 12 tanh(g) dB times the weight, Q = 0.5 + 4.5 sigmoid(q). The network here gives logits of
frequency, gain / 12, (Q - 0.5) / 4.5 and, where there are weights, those: what int16 holds finely enough.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from torch import Tensor

from .dense_graph import DenseGraph
from .errors import Remark, StapesError

NAME = "white-box"
LATENT = 512
BANDS = (1, 10)
PREFIXES = ("", "decoder.", "parametric_decoder.", "model.decoder.", "model.parametric_decoder.")
_TELLS = ("freq_head.weight", "gain_head.weight", "q_head.weight")
_GIVE = "give the checkpoint of its parametric decoder, whose latent comes from outside"


def prefix_of(state: Mapping[str, Tensor]) -> str | None:
    """What stands before the names of the decoder's tensors; None where there is no decoder."""
    return next((p for p in PREFIXES if all(p + name in state for name in _TELLS)), None)


def is_decoder(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict holds the decoder, whatever else it holds."""
    return prefix_of(state) is not None


def refuse_other_parts(label: str | Path, state: Mapping[str, Tensor]) -> None:
    """Raise StapesError for the two parts of the design that no device can have, alone, by their name and the reason."""
    shapes = {tuple(value.shape) for value in state.values()}
    if any(word in name.lower() for name in state for word in ("film", "unet", "residual_net")):
        raise StapesError(
            f"{label}: the Wave-U-Net residual of the white-box mastering design, which looks ahead and takes 19 billion multiply-accumulates a "
            f"second; no device can run it: {_GIVE}"
        )
    if {(64, 1, 15), (128, 64, 15)} <= shapes:
        raise StapesError(
            f"{label}: the encoder of the white-box mastering design, which averages over the whole recording and takes 6 billion "
            f"multiply-accumulates a second; no device can run it: {_GIVE}"
        )


def decoder(label: str | Path, state: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """The decoder's tensors by the names of the design, float64; raises StapesError for other widths and tensors that are missing."""
    prefix = prefix_of(state)
    if prefix is None:
        refuse_other_parts(label, state)
        raise StapesError(f"{label}: holds no parametric decoder ({', '.join(_TELLS)} are not there); {_GIVE}")
    beside = sum(not name.startswith(prefix) for name in state)
    if beside:
        warnings.warn(
            f"{label}: the parametric decoder alone is taken; {beside} tensors of the encoder and of other parts are left out, which no "
            "device can run",
            Remark,
            stacklevel=4,
        )
    found = {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
    bands = int(found["freq_head.weight"].shape[0])
    if not BANDS[0] <= bands <= BANDS[1]:
        raise StapesError(f"{label}: a parametric decoder of {bands} bands; {BANDS[0]} to {BANDS[1]} are taken")
    sizes = {"mlp.0": (256, LATENT), "mlp.3": (256, 256), **{f"{n}_head": (bands, 256) for n in ("freq", "gain", "q")}}
    if any(name.startswith("band_selector.") for name in found):
        sizes |= {"band_selector.0": (128, LATENT), "band_selector.2": (bands, 128)}
    made = {}
    for layer, shape in sizes.items():
        for name, wanted in ((f"{layer}.weight", shape), (f"{layer}.bias", shape[:1])):
            if name not in found or tuple(found[name].shape) != wanted:
                here = tuple(found[name].shape) if name in found else "missing"
                raise StapesError(f"{label}: tensor {prefix + name} of the parametric decoder is {here}, not {wanted}")
            made[name] = found[name].double().numpy()
            if not np.isfinite(made[name]).all():
                raise StapesError(f"{label}: tensor {prefix + name} holds NaN or infinity; the file is damaged")
    return made


def to_onnx(weights: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The decoder as a network of one frame: `latent` (1, 512) -> frequency, gain, quality and, where it is adaptive, weight, (1, bands).

    All layers but the first, which has most of the weights, are two products of 8 bits: one would be 0.1 dB off.
    """
    bands = len(weights["freq_head.bias"])
    graph = DenseGraph()

    def layer(given: str, name: str, made: str, after: str = "", fine: bool = True) -> str:
        return graph.layer(given, name, weights[f"{name}.weight"], weights[f"{name}.bias"], made, after, fine)

    hidden = layer(layer("latent", "mlp.0", "hidden0", "Relu", fine=False), "mlp.3", "hidden1", "Relu")
    outputs = [
        layer(hidden, "freq_head", "frequency"),
        layer(hidden, "gain_head", "gain", "Tanh"),
        layer(hidden, "q_head", "quality", "Sigmoid"),
    ]
    if "band_selector.0.weight" in weights:
        outputs.append(
            layer(
                layer("latent", "band_selector.0", "selector", "Relu", fine=False),
                "band_selector.2",
                "weight",
                "Sigmoid",
            )
        )
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, bands]) for name in outputs]
    latent = helper.make_tensor_value_info("latent", TensorProto.FLOAT, [1, LATENT])
    whole = helper.make_graph(graph.nodes, "white_box", [latent], values, graph.constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def parameters(outputs: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the network gave, (..., bands) each, real -> frequencies in Hz, gains in dB, Qs."""
    frequency = 20.0 + 19980.0 / (1.0 + np.exp(-np.asarray(outputs["frequency"], np.float64)))
    return frequency, 12.0 * outputs["gain"] * outputs.get("weight", 1.0), 0.5 + 4.5 * outputs["quality"]
