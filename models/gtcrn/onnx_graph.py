"""One frame of GTCRN as an ONNX graph whose nodes are what integers compute best: F bins by C channels, channels contiguous.

Blocks are E0 to E4, P1 and P2 (dual path), D0 to D4. The states are the frames before each dilated convolution (`history_E2`, ...,
oldest first), the attentions' hidden units (`tra_E2`, ...) and those along time (`inter_1`, `inter_2`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from . import folded
from .blocks import (
    ATTENTION_HIDDEN,
    CHANNELS,
    HALF,
    LAYER_NORM_EPSILON,
    WIDTH,
    ConvBlock,
    DualPathGru,
    GTConvBlock,
)
from .erb import BINS, ERB_BINS, LINEAR_BINS
from .folded import Affine, GruWeights
from .network import DILATIONS, Gtcrn

ENCODER_BLOCKS = {f"E{index + 2}": dilation for index, dilation in enumerate(DILATIONS)}
DECODER_BLOCKS = {f"D{index}": dilation for index, dilation in enumerate(DILATIONS[::-1])}


def state_shapes() -> dict[str, tuple[int, ...]]:
    """Name -> shape of every state, in the order of the graph's inputs; the output is called `NAME_out`."""
    blocks = ENCODER_BLOCKS | DECODER_BLOCKS
    histories: dict[str, tuple[int, ...]] = {
        f"history_{name}": (2 * dilation, WIDTH, CHANNELS) for name, dilation in blocks.items()
    }
    attentions: dict[str, tuple[int, ...]] = {f"tra_{name}": (1, ATTENTION_HIDDEN) for name in blocks}
    return histories | attentions | {f"inter_{index}": (WIDTH, CHANNELS) for index in (1, 2)}


def frame_graph(network: Gtcrn) -> onnx.GraphProto:
    """Inputs `features` (3, 257) and the states, outputs `mask` (2, 257) and the states' `NAME_out`; float32."""
    return _Frame(network).graph()


class _Frame:
    """Collects nodes and constants; every method appends its part and returns the name of its output."""

    def __init__(self, network: Gtcrn) -> None:
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def graph(self) -> onnx.GraphProto:
        self._mask(self._decoder(*self._encoder(self._bank("features"))))
        states = state_shapes()
        given = {"features": (3, BINS)} | states
        made = {"mask": (2, BINS)} | {f"{name}_out": shape for name, shape in states.items()}
        inputs, outputs = (
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in values.items()]
            for values in (given, made)
        )
        return helper.make_graph(self.nodes, "gtcrn", inputs, outputs, list(self.constants.values()))

    # ---- single nodes

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def weights(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name)
        return name

    def integers(self, *values: int) -> str:
        name = "integers_" + "_".join(str(value) for value in values)
        self.constants[name] = numpy_helper.from_array(np.array(values, np.int64), name)
        return name

    def slice(self, x: str, axis: int, first: int, last: int, output: str, step: int = 1) -> str:
        bounds = [self.integers(value) for value in (first, last, axis, step)]
        return self.node("Slice", [x, *bounds], output)

    def reshape(self, x: str, shape: tuple[int, ...], output: str) -> str:
        return self.node("Reshape", [x, self.integers(*shape)], output)

    def unsqueeze(self, x: str, axis: int, output: str) -> str:
        return self.node("Unsqueeze", [x, self.integers(axis)], output)

    def squeeze(self, x: str, axis: int, output: str) -> str:
        return self.node("Squeeze", [x, self.integers(axis)], output)

    # ---- layers

    def product(self, x: str, layer: Affine, output: str) -> str:
        """Rows of inputs times weights, plus bias."""
        product = self.node("MatMul", [x, self.weights(f"{output}.weights", layer.weights)], f"{output}/product")
        return self.node("Add", [product, self.weights(f"{output}.bias", layer.bias)], output)

    def along_bins(self, x: str, layer: Affine, output: str, stride: int = 1, groups: int = 1) -> str:
        """(F, C) -> (F', O): an odd number of taps along the bins, zeros beyond the ends."""
        taps = layer.weights.shape[-1]
        turned = self.node("Transpose", [x], f"{output}/turned", perm=[1, 0])
        image = self.node("Unsqueeze", [turned, self.integers(0, 2)], f"{output}/image")
        return self._convolution(
            image, layer, output, kernel_shape=[1, taps], strides=[1, stride], pads=[0, taps // 2] * 2, group=groups
        )

    def along_frames(self, frames: str, layer: Affine, output: str) -> str:
        """Three frames (3, F, C) -> (F, C): each channel by itself."""
        turned = self.node("Transpose", [frames], f"{output}/turned", perm=[2, 0, 1])
        image = self.unsqueeze(turned, 0, f"{output}/image")
        return self._convolution(
            image, layer, output, kernel_shape=[3, 3], strides=[1, 1], pads=[0, 1] * 2, group=CHANNELS
        )

    def _convolution(self, image: str, layer: Affine, output: str, **attributes: Any) -> str:
        constants = [self.weights(f"{output}.{kind}", value) for kind, value in layer._asdict().items()]
        made = self.node("Conv", [image, *constants], f"{output}/conv", **attributes)
        squeezed = self.node("Squeeze", [made, self.integers(0, 2)], f"{output}/squeezed")
        return self.node("Transpose", [squeezed], output, perm=[1, 0])

    def rectified(self, x: str, layer: nn.PReLU, output: str) -> str:
        return self.node("LeakyRelu", [x], output, alpha=float(layer.weight.detach()[0]))

    def gru(self, x: str, start: str, layer: GruWeights, name: str, sequence: bool) -> str:
        """A node with the outputs of all steps, or with the last one alone; `x` (steps, rows, inputs)."""
        constants = [self.weights(f"{name}.{letter}", v) for letter, v in zip("WRB", layer, strict=True)]
        node = helper.make_node(
            "GRU",
            [x, *constants, "", start],
            [f"{name}/all"] if sequence else ["", f"{name}/last"],
            name=name,
            hidden_size=layer.r.shape[-1],
            direction="bidirectional" if len(layer.w) == 2 else "forward",
            linear_before_reset=1,
        )
        self.nodes.append(node)
        result: str = node.output[-1]
        return result

    def recurrent(self, x: str, state: str, layer: GruWeights, name: str) -> str:
        """One step in time of (rows, inputs): writes the state's output and returns it."""
        steps, start = self.unsqueeze(x, 0, f"{name}/x"), self.unsqueeze(state, 0, f"{name}/h")
        return self.squeeze(self.gru(steps, start, layer, name, sequence=False), 0, f"{state}_out")

    # ---- parts of the network

    def _bank(self, features: str) -> str:
        """(3, 257) -> (129, 9): linear bins and bands, each beside its neighbours."""
        low = self.slice(features, 1, 0, LINEAR_BINS, "bank/low")
        high = self.slice(features, 1, LINEAR_BINS, BINS, "bank/high")
        matrix = self.weights("bank.weights", folded.array(self.network.erb.erb_fc.weight).T)
        bands = self.node("MatMul", [high, matrix], "bank/bands")
        joined = self.node("Concat", [low, bands], "bank/joined", axis=1)
        turned = self.node("Transpose", [joined], "bank", perm=[1, 0])
        padded = self.node("Pad", [turned, self.integers(1, 0, 1, 0)], "neighbours/padded", mode="constant")
        rows = [self.slice(padded, 0, j, j + ERB_BINS, f"neighbours/{j}") for j in range(3)]
        return self.node("Concat", rows, "neighbours", axis=1)

    def _encoder(self, x: str) -> tuple[str, list[str]]:
        blocks: Any = self.network.encoder.en_convs
        x = self.along_bins(x, folded.neighbours_last(blocks[0]), "E0/linear", stride=2)
        skips = [self.rectified(x, blocks[0].act, "E0")]
        x = self.along_bins(skips[0], folded.strided(blocks[1]), "E1/linear", stride=2, groups=blocks[1].conv.groups)
        skips.append(self.rectified(x, blocks[1].act, "E1"))
        for block, (name, dilation) in zip(blocks[2:], ENCODER_BLOCKS.items(), strict=True):
            skips.append(self._gt_block(skips[-1], block, name, dilation))
        x = skips[-1]
        for index, block in enumerate((self.network.dpgrnn1, self.network.dpgrnn2), 1):
            x = self._dual_path(x, block, index)
        return x, skips

    def _decoder(self, x: str, skips: list[str]) -> str:
        """-> (129, 2) in [-1, 1]."""
        blocks: Any = self.network.decoder.de_convs
        for block, skip, (name, dilation) in zip(blocks[:3], skips[:1:-1], DECODER_BLOCKS.items(), strict=True):
            x = self._gt_block(self.node("Add", [x, skip], f"{name}/x"), block, name, dilation)
        x = self._upwards(self.node("Add", [x, skips[1]], "D3/x"), blocks[3], "D3", WIDTH)
        x = self.rectified(x, blocks[3].act, "D3")
        x = self._upwards(self.node("Add", [x, skips[0]], "D4/x"), blocks[4], "D4", 2 * WIDTH - 1)
        return self.node("Tanh", [x], "D4")

    def _mask(self, x: str) -> None:
        turned = self.node("Transpose", [x], "expand/turned", perm=[1, 0])
        low = self.slice(turned, 1, 0, LINEAR_BINS, "expand/low")
        bands = self.slice(turned, 1, LINEAR_BINS, ERB_BINS, "expand/bands")
        matrix = self.weights("expand.weights", folded.array(self.network.erb.ierb_fc.weight).T)
        high = self.node("MatMul", [bands, matrix], "expand/high")
        self.node("Concat", [low, high], "mask", axis=1)

    def _upwards(self, x: str, block: ConvBlock, name: str, bins: int) -> str:
        """(F, C) -> (2 F - 1, O): even and odd bins side by side, then one below the other; the last odd one is beyond the end."""
        layer = folded.even_and_odd(block)
        both = self.along_bins(x, layer, f"{name}/both")
        rows = self.reshape(both, (2 * bins, len(layer.bias) // 2), f"{name}/rows")
        return self.slice(rows, 0, 0, 2 * bins - 1, f"{name}/linear")

    def _gt_block(self, x: str, block: GTConvBlock, name: str, dilation: int) -> str:
        processed = self.slice(x, 1, 0, HALF, f"{name}/processed")
        bypass = self.slice(x, 1, HALF, CHANNELS, f"{name}/bypass")
        h = self.along_bins(processed, folded.first_point(block), f"{name}/pc1/linear")
        h = self.rectified(h, block.point_act, f"{name}/pc1")
        h = self.along_frames(self._frames(h, name, dilation), folded.depthwise(block), f"{name}/dc/linear")
        h = self.rectified(h, block.depth_act, f"{name}/dc")
        h = self._attended(self.product(h, folded.second_point(block), f"{name}/pc2"), block, name)
        halves = self.node("Concat", [h, bypass], f"{name}/halves", axis=1)
        pairs = self.reshape(halves, (WIDTH, 2, HALF), f"{name}/pairs")
        shuffled = self.node("Transpose", [pairs], f"{name}/shuffled", perm=[0, 2, 1])
        return self.reshape(shuffled, (WIDTH, CHANNELS), name)

    def _frames(self, h: str, name: str, dilation: int) -> str:
        """The present frame behind the history -> the three frames that the kernel sees; moves the history on."""
        last = self.unsqueeze(h, 0, f"{name}/frame")
        frames = self.node("Concat", [f"history_{name}", last], f"{name}/frames", axis=0)
        self.slice(frames, 0, 1, 2 * dilation + 1, f"history_{name}_out")
        return frames if dilation == 1 else self.slice(frames, 0, 0, 2 * dilation + 1, f"{name}/taps", step=dilation)

    def _attended(self, h: str, block: GTConvBlock, name: str) -> str:
        squared = self.node("Mul", [h, h], f"{name}/squared")
        energy = self.node("ReduceMean", [squared, self.integers(0)], f"{name}/energy", keepdims=1)
        hidden = self.recurrent(energy, f"tra_{name}", folded.attention_gru(block), f"{name}/gru")
        logits = self.product(hidden, folded.dense(block.tra.att_fc), f"{name}/gate/linear")
        gate = self.node("Sigmoid", [logits], f"{name}/gate")
        return self.node("Mul", [h, gate], f"{name}/attended")

    def _dual_path(self, x: str, block: DualPathGru, index: int) -> str:
        name = f"P{index}"
        hidden = 2 * block.intra_rnn.hidden
        rows = self.unsqueeze(x, 1, f"{name}/intra/x")
        start = self.weights(f"{name}/intra/gru.start", np.zeros((2, 1, hidden)))
        both = self.gru(rows, start, folded.intra_gru(block), f"{name}/intra/gru", sequence=True)
        both = self.reshape(both, (WIDTH, 2 * hidden), f"{name}/intra/both")
        made = self.product(both, folded.intra_fc(block), f"{name}/intra/fc")
        x = self.node("Add", [x, self._normalised(made, block.intra_ln, f"{name}/intra/ln")], f"{name}/intra")
        hidden_out = self.recurrent(x, f"inter_{index}", folded.inter_gru(block), f"{name}/inter/gru")
        made = self.product(hidden_out, folded.dense(block.inter_fc), f"{name}/inter/fc")
        return self.node("Add", [x, self._normalised(made, block.inter_ln, f"{name}/inter/ln")], name)

    def _normalised(self, x: str, layer: nn.LayerNorm, output: str) -> str:
        constants = [
            self.weights(f"{output}.{kind}", folded.array(getattr(layer, kind))) for kind in ("weight", "bias")
        ]
        return self.node("LayerNormalization", [x, *constants], output, axis=0, epsilon=LAYER_NORM_EPSILON)
