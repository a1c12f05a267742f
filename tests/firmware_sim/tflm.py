"""The oracle: graphs of one operator on the stock TFLite Micro interpreter, with seeded random tensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from stapes.export.tflite import to_bytes
from stapes.quantize.graph import DTYPES, Graph, Operator, Tensor


def oracle():
    """The interpreter's module; the test is skipped where its wheel does not exist."""
    return pytest.importorskip(
        "tflite_micro", reason="tflite_micro is not installed: no oracle on this machine"
    ).runtime


def run_tflm(graph: Graph, inputs: Mapping[str, np.ndarray], arena: int = 1 << 20) -> dict[str, np.ndarray]:
    """One frame on the interpreter: name -> array, as the graph names inputs and outputs."""
    batched = {name: value[np.newaxis] for name, value in inputs.items()}
    return {name: value[0] for name, value in run_tflm_batch(graph, batched, arena).items()}


def run_tflm_batch(graph: Graph, inputs: Mapping[str, np.ndarray], arena: int = 1 << 20) -> dict[str, np.ndarray]:
    """Utterances (B, *shape) one after the other through one interpreter: name -> (B, *shape)."""
    interpreter = oracle().Interpreter.from_bytes(to_bytes(graph), arena_size=arena)
    made: dict[str, list[np.ndarray]] = {name: [] for name in graph.outputs}
    for frame in zip(*(inputs[name] for name in graph.inputs), strict=True):
        for index, (name, value) in enumerate(zip(graph.inputs, frame, strict=True)):
            tensor = graph.tensors[name]
            interpreter.set_input(np.ascontiguousarray(value.reshape(tensor.shape), DTYPES[tensor.dtype]), index)
        interpreter.invoke()
        for index, name in enumerate(graph.outputs):
            made[name].append(np.array(interpreter.get_output(index)))
    return {name: np.stack(values) for name, values in made.items()}


def one_operator(
    kind: str,
    inputs: list[Tensor | None],
    outputs: list[Tensor],
    options: Mapping[str, object] | None = None,
) -> Graph:
    """A graph of a single operator; its activations are the graph's inputs."""
    named = {tensor.name: tensor for tensor in (*inputs, *outputs) if tensor is not None}
    return Graph(
        name=kind,
        tensors=named,
        operators=(
            Operator(
                kind,
                kind.lower(),
                tuple("" if tensor is None else tensor.name for tensor in inputs),
                tuple(tensor.name for tensor in outputs),
                dict(options or {}),
            ),
        ),
        inputs=tuple(dict.fromkeys(t.name for t in inputs if t is not None and t.data is None)),
        outputs=tuple(tensor.name for tensor in outputs),
    )


def constant(
    name: str, data: object, dtype: str = "int32", scale: object = None, zero_point: int = 0, axis: int = 0
) -> Tensor:
    """A constant; a scale of several values is per channel along `axis`."""
    array = np.array(data, dtype)
    scales = None if scale is None else np.atleast_1d(np.asarray(scale, np.float32))
    channels = axis if scales is not None and scales.size > 1 else None
    return Tensor(name, array.shape, dtype, scales, zero_point, channels, array)


SIGMOID_OUTPUTS = {
    ("LOGISTIC", "int8"): (2.0**-8, -128),
    ("TANH", "int8"): (2.0**-7, 0),
    ("LOGISTIC", "int16"): (2.0**-15, 0),
    ("TANH", "int16"): (2.0**-15, 0),
}


def sigmoid_graph(kind: str, dtype: str, scale: float, zero_point: int, count: int) -> Graph:
    """LOGISTIC or TANH of `count` values, with the output format that the oracle prescribes."""
    x = Tensor("x", (1, count), dtype, np.array([scale], np.float32), zero_point)
    y_scale, y_zero_point = SIGMOID_OUTPUTS[kind, dtype]
    return one_operator(kind, [x], [Tensor("y", (1, count), dtype, np.array([y_scale], np.float32), y_zero_point)])


class Random:
    """Seeded tensors whose scales, zero points and values visit the edges of their ranges more often than chance."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def scale(self, low: float = -12.0, high: float = 0.0) -> np.float32:
        """2**low ... 2**high: anything, a power of two, or the next float32 beside one."""
        if self.rng.random() < 0.5:
            return np.float32(2.0 ** self.rng.uniform(low, high))
        power = np.float32(2.0 ** np.round(self.rng.uniform(low, high)))
        towards = np.float32(self.rng.choice([0.0, power, np.inf]))
        return np.float32(np.nextafter(power, towards))

    def zero_point(self, dtype: str) -> int:
        if dtype != "int8":
            return 0
        return int(self.rng.choice([-128, 127, 0, int(self.rng.integers(-128, 128))]))

    def tensor(self, name: str, shape: tuple[int, ...], dtype: str, scale: float | None = None) -> Tensor:
        chosen = self.scale() if scale is None else np.float32(scale)
        return Tensor(name, shape, dtype, np.array([chosen], np.float32), self.zero_point(dtype))

    def values(self, tensor: Tensor) -> np.ndarray:
        """int64, the tensor's shape: half uniform, half around zero, and the edges."""
        low, high = tensor.limits
        reach = 2.0 ** self.rng.uniform(0, np.log2(high), tensor.shape)
        values = np.where(
            self.rng.random(tensor.shape) < 0.5,
            self.rng.integers(low, high + 1, tensor.shape),
            np.round(self.rng.normal(tensor.zero_point, reach)),
        )
        edges = self.rng.choice([low, low + 1, high, high - 1, tensor.zero_point], tensor.shape)
        values = np.where(self.rng.random(tensor.shape) < 0.05, edges, values)
        return np.clip(values, low, high).astype(np.int64)

    def integer(self, low: int, high: int) -> int:
        """low ... high, both included."""
        return int(self.rng.integers(low, high + 1))

    def coin(self) -> bool:
        return bool(self.rng.random() < 0.5)
