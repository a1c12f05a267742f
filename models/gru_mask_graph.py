"""One frame of the GRU mask as an ONNX graph: each GRU layer one node, its state an input and an output."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from .gru_mask import GruMask

# Constants of more numbers stand behind the others: so they always have, and a checkpoint's bundle keeps its bytes.
_LARGE = 8192


def frame_graph(network: GruMask) -> onnx.GraphProto:
    """Inputs `features` (1, F), `h0`, `h1`, ... (1, H), outputs `mask` (1, K), `h0_out`, `h1_out`, ... (1, H); float32.

    Layer n is `gru_n`, its constants `gru_n.W`, `.R` and `.B` by the letters of the ONNX operator; the other constants are
    named as in the state dict.
    """
    return _Frame(network).graph()


class _Frame:
    """Collects nodes and constants; every method appends its part and returns the name of its output."""

    def __init__(self, network: GruMask) -> None:
        self.network = network
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.recurrent: dict[str, np.ndarray] = {}
        # The axis that a sequence of one frame has and a frame has not.
        self.axis = "val_0" if network.narrow is not None else "val_2"

    def graph(self) -> onnx.GraphProto:
        network, layers = self.network, range(self.network.config.num_layers)
        x = self._before("features")
        x = self._add("Unsqueeze", [x, self.axis], "unsqueeze")
        for index in layers:
            x = self._gru(x, index)
        self._after(f"h{layers[-1]}_out")
        small = {name: array for name, array in self.recurrent.items() if array.size <= _LARGE}
        axis = {self.axis: np.zeros(1, np.int64)}
        constants = self.constants | small | axis | self.recurrent
        state = (1, network.config.hidden_dim)
        inputs = {"features": (1, network.feature_size), **{f"h{i}": state for i in layers}}
        outputs = {"mask": (1, network.bins), **{f"h{i}_out": state for i in layers}}
        return helper.make_graph(
            self.nodes,
            "main_graph",
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
            [numpy_helper.from_array(array, name) for name, array in constants.items()],
        )

    def _before(self, features: str) -> str:
        if self.network.narrow is not None:
            return self._linear("narrow", self.network.narrow, features)
        norm = self.network.input_norm
        assert norm is not None
        names = self._named("input_norm", norm)
        return self._add(
            "LayerNormalization", [features, *names], "layer_norm", stash_type=1, epsilon=norm.eps, axis=-1
        )

    def _gru(self, x: str, index: int) -> str:
        """A layer over a sequence of one frame (1, 1, F), whose only output is the new state (1, 1, H)."""
        state = self._add("Unsqueeze", [f"h{index}", self.axis], "unsqueeze")
        constants = gru_constants(self.network.gru, index)
        self.recurrent |= {f"gru_{index}.{letter}": array for letter, array in constants.items()}
        inputs = [x, *(f"gru_{index}.{letter}" for letter in "WRB"), "", state]
        new, hidden = f"getitem_{2 * index + 1}", self.network.config.hidden_dim
        options: dict[str, int | str] = {"hidden_size": hidden, "layout": 0, "direction": "forward"}
        self._node("GRU", inputs, ["", new], f"gru_{index}", **options, linear_before_reset=1)
        self._node("Squeeze", [new, self.axis], [f"h{index}_out"], self._numbered("node_squeeze"))
        return new

    def _after(self, hidden: str) -> str:
        if self.network.fc1 is not None:
            hidden = self._add("Relu", [self._linear("fc1", self.network.fc1, hidden)], "relu")
        logits = self._linear("fc2", self.network.fc2, hidden)
        self._node("Sigmoid", [logits], ["mask"], "node_sigmoid")
        return "mask"

    def _linear(self, label: str, layer: nn.Linear, x: str) -> str:
        names = self._named(label, layer)
        return self._add("Gemm", [x, *names], "linear", beta=1.0, transB=1, alpha=1.0, transA=0)

    def _named(self, label: str, layer: nn.Module) -> list[str]:
        """The constants of a layer, by the names of its parameters."""
        added = {f"{label}.{name}": _array(value) for name, value in layer.named_parameters()}
        self.constants |= added
        return list(added)

    def _add(self, kind: str, inputs: list[str], output: str, **options: float | int | str) -> str:
        """A node called after its output, which gets a number where there are several."""
        name = self._numbered(f"node_{output}")
        output = name.removeprefix("node_")
        self._node(kind, inputs, [output], name, **options)
        return output

    def _numbered(self, name: str) -> str:
        taken = sum(1 for node in self.nodes if node.name.rstrip("0123456789").rstrip("_") == name)
        return f"{name}_{taken}" if taken else name

    def _node(self, kind: str, inputs: list[str], outputs: list[str], name: str, **options: float | int | str) -> None:
        node = helper.make_node(kind, inputs, outputs, name)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in options.items())
        self.nodes.append(node)


def gru_constants(gru: nn.GRU, layer: int) -> dict[str, np.ndarray]:
    """A layer's constants by ONNX's letters: W (1, 3H, F), R (1, 3H, H), B (1, 6H); gates z, r, n, where torch has r, z, n."""
    w, r, input_bias, hidden_bias = (
        _in_onnx_order(_array(getattr(gru, f"{kind}_l{layer}")))
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    return {"W": w[None], "R": r[None], "B": np.concatenate([input_bias, hidden_bias])[None]}


def _in_onnx_order(gates: np.ndarray) -> np.ndarray:
    reset, update, new = np.split(gates, 3)
    return np.concatenate([update, reset, new])


def _array(value: Tensor) -> np.ndarray:
    return value.detach().cpu().numpy()
