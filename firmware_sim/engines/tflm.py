"""Engine `tflm`: the .tflite in TFLite Micro's own interpreter, what a user of it gets."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import flatbuffers
import numpy as np

from ...models.errors import StapesError
from ...models.text import first_line
from ...quantize.graph import DTYPES, Graph
from .network import NetworkEngine

# Large enough for every tensor of a frame at once, which is what a trace needs.
ARENA_BYTES = 1 << 23
# The planner that preserves all tensors knows 1024 buffers.
MAX_PRESERVED = 1000


def import_runtime() -> Any:
    """TFLite Micro's interpreter; raises StapesError where its wheel is not installed."""
    try:
        from tflite_micro import runtime
    except ImportError:
        raise StapesError(
            "engine tflm: the package tflite-micro is not installed (it exists for Linux on x86-64 only); "
            "install stapes again on such a machine, or leave this engine out"
        ) from None
    return runtime


class TflmNetwork(NetworkEngine):
    """One interpreter an utterance, so a batch costs as much as its utterances in a row."""

    name = "tflm"

    def __init__(self, tflite: bytes, graph: Graph) -> None:
        super().__init__(graph)
        self._tflite = tflite
        self._runtime = import_runtime()
        self._pool: list[TflmStream] = []

    def _start(self, batch: int, trace: bool) -> None:
        self._pool = [TflmStream(self._runtime, self._tflite, self.graph, trace) for _ in range(batch)]

    def _step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        results = [
            stream.step({name: values[row] for name, values in inputs.items()}) for row, stream in enumerate(self._pool)
        ]
        return {name: np.stack([result[name] for result in results]) for name in results[0]}


class TflmStream:
    """One stream through the interpreter: inputs and states in, outputs and states out.

    With `trace` the interpreter preserves every tensor and `step` returns all activations too.
    """

    def __init__(self, runtime: ModuleType, tflite: bytes, graph: Graph, trace: bool = False) -> None:
        self._graph, self._made = graph, [name for op in graph.operators for name in op.outputs]
        preserved = trace and len(self._made) < MAX_PRESERVED
        config = (
            runtime.InterpreterConfig.kPreserveAllTensors
            if preserved
            else runtime.InterpreterConfig.kAllocationRecording
        )
        if trace and not preserved:
            tflite = _with_outputs(tflite)
        try:
            self._interpreter = runtime.Interpreter.from_bytes(
                tflite, arena_size=ARENA_BYTES, intrepreter_config=config
            )
        except RuntimeError as error:
            raise StapesError(
                f"engine tflm: TFLite Micro refuses the model ({first_line(error)}; the lines before say more); leave this "
                "engine out, and report it where stapes chose the formats"
            ) from None
        self._trace, self._preserved = trace, preserved
        self._inputs = [*graph.inputs, *(state.input for state in graph.states)]
        self._outputs = [*graph.outputs, *(state.output for state in graph.states)]
        self._indices = {tensor.name: index for index, tensor in enumerate(graph.tensors.values())}
        self.reset()

    def reset(self) -> None:
        """States back to zero."""
        tensors = self._graph.tensors
        self._states = {
            s.input: np.full(tensors[s.input].shape, tensors[s.input].zero_point, DTYPES[tensors[s.input].dtype])
            for s in self._graph.states
        }

    def step(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """One frame: codes by input name -> codes by output name, with `trace` those of all other tensors before them."""
        for index, name in enumerate(self._inputs):
            tensor = self._graph.tensors[name]
            value = self._states[name] if name in self._states else inputs[name]
            self._interpreter.set_input(np.asarray(value).astype(DTYPES[tensor.dtype]).reshape(tensor.shape), index)
        self._interpreter.invoke()
        out = {name: self._interpreter.get_output(index) for index, name in enumerate(self._outputs)}
        self._states = {state.input: out[state.output].copy() for state in self._graph.states}
        return self._traced() | {name: out[name] for name in self._graph.outputs}

    def _traced(self) -> dict[str, np.ndarray]:
        """What the operators made, in their order; {} where nobody asked for it."""
        if not self._trace:
            return {}
        if not self._preserved:
            return {
                name: self._interpreter.get_output(index) for index, name in enumerate(self._made, len(self._outputs))
            }
        return {name: self._interpreter.GetTensor(self._indices[name], 0)["tensor_data"] for name in self._made}


def _with_outputs(tflite: bytes) -> bytes:
    """The model with every tensor that an operator makes as one more output, in the operators' order."""
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(tflite, 0)
    (subgraph,) = model.subgraphs
    made = [int(index) for op in subgraph.operators for index in op.outputs]
    subgraph.outputs = [*(int(index) for index in subgraph.outputs), *made]
    builder = flatbuffers.Builder(len(tflite))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
