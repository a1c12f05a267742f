"""GTCRN out of a streaming ONNX file of the official layout: its weights are read off the nodes, and the result is held against the file.

What the file keeps is the order of its layers; names and BatchNorm may be gone. So the n-th convolution is the n-th convolution
of the network, and onnxruntime has the last word.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper

from ..errors import StapesError
from ..text import first_line
from .blocks import CHANNELS, WIDTH
from .erb import BINS
from .network import DILATIONS, Gtcrn, GtcrnStates

SHAPES = {
    "mix": (1, BINS, 1, 2),
    **{f"{name}_cache": tuple(state.shape) for name, state in GtcrnStates.zeros(1, torch.zeros(0))._asdict().items()},
}
REMEDY = "give the official checkpoint (.tar) itself, or the official streaming file gtcrn_simple.onnx"
TOLERANCE = 1e-3
CHECKED_FRAMES = 24
# Its successors have the same encoders and decoders, but not two dual-path networks of these names.
_TELLS = ("dpgrnn1.", "dpgrnn2.")
_EPSILON = 1e-5

Found = TypeVar("Found", onnx.NodeProto, np.ndarray)

_GT_BLOCKS = {
    half: [f"{half}.{index + first}" for index in range(len(DILATIONS))]
    for half, first in (("encoder.en_convs", 2), ("decoder.de_convs", 0))
}
_CONV_BLOCKS = [f"encoder.en_convs.{index}" for index in (0, 1)] + [f"decoder.de_convs.{index}" for index in (3, 4)]


def _around_gt_blocks(inside: tuple[str, ...], outside: str) -> list[str]:
    """A layer of the plain blocks and layers of the GT blocks, in the order in which they run."""
    encoder, decoder = ([f"{block}.{layer}" for block in blocks for layer in inside] for blocks in _GT_BLOCKS.values())
    plain = [f"{block}.{outside}" for block in _CONV_BLOCKS]
    return plain[:2] + encoder + decoder + plain[2:]


def _around_dual_paths(inside: tuple[str, ...], outside: str) -> list[str]:
    """A layer of the attentions and layers of the dual-path networks, in the order in which they run."""
    encoder, decoder = ([f"{block}.tra.{outside}" for block in blocks] for blocks in _GT_BLOCKS.values())
    return encoder + [f"{path}.{layer}" for path in ("dpgrnn1", "dpgrnn2") for layer in inside] + decoder


CONVOLUTIONS = _around_gt_blocks(("point_conv1", "depth_conv", "point_conv2"), "conv")
NORMS = _around_gt_blocks(("point_bn1", "depth_bn", "point_bn2"), "bn")
SLOPES = _around_gt_blocks(("point_act", "depth_act"), "act")[:-1]  # the last block ends in tanh
GRUS = _around_dual_paths(("intra_rnn.rnn1", "intra_rnn.rnn2", "inter_rnn.rnn1", "inter_rnn.rnn2"), "att_gru")
PRODUCTS = ["erb.erb_fc", *_around_dual_paths(("intra_fc", "inter_fc"), "att_fc"), "erb.ierb_fc"]
LAYER_NORMS = [f"{path}.{layer}" for path in ("dpgrnn1", "dpgrnn2") for layer in ("intra_ln", "inter_ln")]


def is_gtcrn(model: onnx.ModelProto) -> bool:
    """Whether an ONNX model is GTCRN in any form of the official code, sound or not: by the shapes of its states or the names of its
    weights. The names of its inputs say nothing: other networks have them too.
    """
    given = {_shape(value) for value in model.graph.input}
    states = [shape for name, shape in SHAPES.items() if name != "mix"]
    if sum(shape in given for shape in states) > 1:
        return True
    return all(any(tell in tensor.name for tensor in model.graph.initializer) for tell in _TELLS)


def _shape(value: onnx.ValueInfoProto) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)


def state_from_onnx(model: onnx.ModelProto, label: str) -> dict[str, torch.Tensor]:
    """The state dict of `Gtcrn` from a streaming ONNX model; shapes and values are as the file has them.

    Raises StapesError: no states, other widths, or layers that are not those of the network.
    """
    require_streaming(model, label)
    try:
        return _Reader(model, label).state()
    except (IndexError, ValueError) as error:
        raise StapesError(
            f"{label}: looks like GTCRN, but its layers are of another kind ({error}); {REMEDY}"
        ) from None


def require_streaming(model: onnx.ModelProto, label: str) -> dict[str, str]:
    """Name of SHAPES -> name of the model's input of that shape. Raises StapesError where one is missing."""
    known = {tensor.name for tensor in model.graph.initializer}
    given = {value.name: _shape(value) for value in model.graph.input if value.name not in known}
    found = {name: next((key for key, has in given.items() if has == shape), None) for name, shape in SHAPES.items()}
    missing = [name for name, key in found.items() if key is None]
    if len(given) < len(SHAPES):
        raise StapesError(
            f"{label}: GTCRN with {len(given)} of the {len(SHAPES)} inputs of its streaming form ({', '.join(given)}): "
            f"a device needs one frame a call, with the caches as inputs and outputs; {REMEDY}"
        )
    if missing:
        shapes = ", ".join(f"{name} {shape}" for name, shape in given.items())
        raise StapesError(
            f"{label}: GTCRN of other widths, or not one frame a call: no input is {SHAPES[missing[0]]}, "
            f"the shape of {missing[0]} (it has {shapes}); {REMEDY}"
        )
    return {name: key for name, key in found.items() if key is not None}


class _Reader:
    """The nodes that carry weights, in order."""

    def __init__(self, model: onnx.ModelProto, label: str) -> None:
        self.label = label
        self.nodes = model.graph.node
        self.constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        for node in self.nodes:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
            elif node.op_type == "Identity" and node.input[0] in self.constants:
                self.constants[node.output[0]] = self.constants[node.input[0]]
        self.users: dict[str, list[onnx.NodeProto]] = {}
        for node in self.nodes:
            for name in node.input:
                self.users.setdefault(name, []).append(node)

    def state(self) -> dict[str, torch.Tensor]:
        expected = Gtcrn().state_dict()
        arrays: dict[str, np.ndarray] = {}
        for part in (self.convolutions, self.slopes, self.grus, self.products, self.layer_norms):
            arrays |= part(expected)
        state = {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
        return {name: state.get(name, value) for name, value in expected.items()}

    def counted(self, nodes: list[Found], names: list[str], what: str) -> list[tuple[Found, str]]:
        if len(nodes) != len(names):
            raise StapesError(
                f"{self.label}: looks like GTCRN, but has {len(nodes)} {what} where the streaming network has "
                f"{len(names)}; {REMEDY}"
            )
        return list(zip(nodes, names, strict=True))

    def of_kind(self, *kinds: str) -> list[onnx.NodeProto]:
        return [node for node in self.nodes if node.op_type in kinds]

    def constant(self, name: str, layer: str) -> np.ndarray:
        if name not in self.constants:
            raise StapesError(f"{self.label}: the weights of {layer} are computed, not stored; {REMEDY}")
        return self.constants[name]

    def constant_of(self, node: onnx.NodeProto) -> np.ndarray | None:
        """The constant operand of an Add or a Mul, if there is one."""
        return next((self.constants[name] for name in node.input if name in self.constants), None)

    def convolutions(self, expected: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
        state: dict[str, np.ndarray] = {}
        nodes = self.counted(self.of_kind("Conv", "ConvTranspose"), CONVOLUTIONS, "convolutions")
        for (node, layer), norm in zip(nodes, NORMS, strict=True):
            weights = self.constant(node.input[1], layer)
            if node.op_type == "Conv" and layer.startswith("decoder"):
                # A transposed convolution of stride 1 written as a plain one.
                depthwise = weights.ndim == 4 and weights.shape[1] == 1
                weights = weights[:, :, ::-1, ::-1] if depthwise else weights.swapaxes(0, 1)
            outputs = expected[f"{layer}.bias"].shape[0]
            has_bias = len(node.input) > 2 and node.input[2]
            state[f"{layer}.weight"] = weights
            state[f"{layer}.bias"] = self.constant(node.input[2], layer) if has_bias else np.zeros(outputs, np.float32)
            state |= self.norm(node, norm, outputs)
        return state

    def norm(self, convolution: onnx.NodeProto, name: str, channels: int) -> dict[str, np.ndarray]:
        """The BatchNorm after a convolution; one that was folded into it becomes one that does nothing."""
        parts = ("weight", "bias", "running_mean", "running_var")
        users = self.users.get(convolution.output[0], [])
        if len(users) == 1 and users[0].op_type == "BatchNormalization":
            epsilon = next((a.f for a in users[0].attribute if a.name == "epsilon"), _EPSILON)
            values = [self.constant(key, name) for key in users[0].input[1:5]]
            if np.float32(epsilon) != np.float32(_EPSILON):
                values[3] = (values[3].astype(np.float64) + (epsilon - _EPSILON)).astype(np.float32)
        else:
            values = [np.full(channels, value, np.float32) for value in (1.0, 0.0, 0.0, 1.0 - _EPSILON)]
        return {f"{name}.{part}": value for part, value in zip(parts, values, strict=True)}

    def slopes(self, expected: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
        nodes = self.counted(self.of_kind("PRelu"), SLOPES, "PReLUs")
        return {f"{layer}.weight": self.constant(node.input[1], layer).reshape(-1) for node, layer in nodes}

    def grus(self, expected: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
        state: dict[str, np.ndarray] = {}
        for node, layer in self.counted(self.of_kind("GRU"), GRUS, "GRUs"):
            w, r, b = (self.constant(name, layer) for name in node.input[1:4])
            for direction in range(len(w)):
                size = r.shape[-1]
                parts = {
                    "weight_ih": w[direction],
                    "weight_hh": r[direction],
                    "bias_ih": b[direction][: 3 * size],
                    "bias_hh": b[direction][3 * size :],
                }
                suffix = "_l0_reverse" if direction else "_l0"
                state |= {f"{layer}.{part}{suffix}": _torch_gates(value, size) for part, value in parts.items()}
        return state

    def products(self, expected: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
        state: dict[str, np.ndarray] = {}
        nodes = [node for node in self.of_kind("MatMul") if node.input[1] in self.constants]
        for node, layer in self.counted(nodes, PRODUCTS, "products with a constant matrix"):
            state[f"{layer}.weight"] = self.constants[node.input[1]].T
            if f"{layer}.bias" not in expected:
                continue
            sums = [user for user in self.users.get(node.output[0], []) if user.op_type == "Add"]
            bias = self.constant_of(sums[0]) if sums else None
            if bias is None:
                raise StapesError(f"{self.label}: looks like GTCRN, but {layer} has no bias; {REMEDY}")
            state[f"{layer}.bias"] = bias.reshape(-1)
        return state

    def layer_norms(self, expected: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
        """As nodes of their own, or as a product and a sum with a constant of one frame's shape."""
        whole = self.of_kind("LayerNormalization")
        if whole:
            nodes = self.counted(whole, LAYER_NORMS, "LayerNormalizations")
            return {
                f"{layer}.{part}": self.constant(name, layer)
                for node, layer in nodes
                for part, name in zip(("weight", "bias"), node.input[1:3], strict=True)
            }
        state: dict[str, np.ndarray] = {}
        for kind, part in (("Mul", "weight"), ("Add", "bias")):
            operands = [self.constant_of(node) for node in self.of_kind(kind)]
            found = [value for value in operands if value is not None and value.shape == (WIDTH, CHANNELS)]
            for value, layer in self.counted(found, LAYER_NORMS, f"{part} arrays of a LayerNorm"):
                state[f"{layer}.{part}"] = value
        return state


def _torch_gates(rows: np.ndarray, size: int) -> np.ndarray:
    """ONNX's gates z, r, n as torch's r, z, n."""
    return np.concatenate([rows[size : 2 * size], rows[:size], rows[2 * size :]])


def largest_difference(model: onnx.ModelProto, network: Gtcrn, label: str, seed: int = 0) -> float:
    """Of the spectra that the ONNX model and the network make of the same random frames, relative to their largest.

    Raises StapesError when onnxruntime cannot run the model.
    """
    inputs = require_streaming(model, label)
    generator = torch.Generator().manual_seed(seed)
    spectra = torch.randn(CHECKED_FRAMES, *SHAPES["mix"], generator=generator)
    spectra *= torch.logspace(-1, 1, CHECKED_FRAMES).reshape(-1, 1, 1, 1, 1)
    made = _run(model, inputs, spectra.numpy(), label)
    with torch.inference_mode():
        expected, _ = network.enhance(spectra[:, 0, :, 0].transpose(0, 1)[None])
    frames = expected[0].transpose(0, 1).numpy()  # (T, 257, 2)
    return float(np.abs(made - frames).max() / max(np.abs(frames).max(), 1e-9))


def _run(model: onnx.ModelProto, inputs: dict[str, str], spectra: np.ndarray, label: str) -> np.ndarray:
    """Frames (T, 1, 257, 1, 2) one by one, the states carried along -> (T, 257, 2)."""
    try:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is told by the exception
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        outputs = {tuple(value.shape): value.name for value in session.get_outputs()}
        states = {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items() if name != "mix"}
        frames = []
        for spectrum in spectra:
            feed = {inputs["mix"]: spectrum} | {inputs[name]: value for name, value in states.items()}
            frame, *after = session.run([outputs[shape] for shape in SHAPES.values()], feed)
            states = dict(zip(states, after, strict=True))
            frames.append(frame[0, :, 0])
    except Exception as error:
        raise StapesError(
            f"{label}: onnxruntime cannot run it as streaming GTCRN ({first_line(error)}); {REMEDY}"
        ) from None
    return np.stack(frames)
