"""Engine `litert`: the .tflite in LiteRT, a second opinion that rounds differently and is allowed to."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...models.errors import StapesError
from ...quantize.graph import DTYPES, Graph
from .network import NetworkEngine

_STDERR = 2


def make_interpreter(tflite: bytes) -> Any:
    """LiteRT's interpreter, or TensorFlow's; raises StapesError where neither is installed or the file is refused."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        try:
            from tensorflow.lite.python.interpreter import Interpreter
        except ImportError:
            raise StapesError(
                "engine litert: neither ai-edge-litert nor tensorflow is installed; install stapes[tensorflow]"
            ) from None
    try:
        with without_information():
            interpreter = Interpreter(model_content=tflite, num_threads=1)
            interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise StapesError(f"engine litert: the interpreter refuses the model ({str(error).splitlines()[0]})") from None
    return interpreter


@contextlib.contextmanager
def without_information() -> Iterator[None]:
    """Leave out the lines "INFO: ..." that LiteRT's compiled part writes to standard error; no setting of it turns them off."""
    sys.stderr.flush()
    try:
        kept = os.dup(_STDERR)
    except OSError:  # closed: nothing is written
        yield
        return
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            said.seek(0)
            for line in said:
                if not line.startswith(b"INFO: "):
                    os.write(_STDERR, line)


class LitertNetwork(NetworkEngine):
    """Not exact: its kernels (XNNPACK or reference) round once where TFLite Micro rounds twice."""

    name = "litert"
    exact = False

    def __init__(self, tflite: bytes, graph: Graph) -> None:
        super().__init__(graph)
        self._interpreter = make_interpreter(tflite)
        self._inputs = [detail["index"] for detail in self._interpreter.get_input_details()]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def _start(self, batch: int, trace: bool) -> None:
        tensors = self.graph.tensors
        self._states = [
            {
                s.input: np.full(tensors[s.input].shape, tensors[s.input].zero_point, DTYPES[tensors[s.input].dtype])
                for s in self.graph.states
            }
            for _ in range(batch)
        ]

    def _step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        made: dict[str, list[np.ndarray]] = {name: [] for name in self.graph.outputs}
        for row, state in enumerate(self._states):
            given = [values[row] for values in inputs.values()]
            for index, value in zip(self._inputs, [*given, *state.values()], strict=True):
                self._interpreter.set_tensor(index, value)
            self._interpreter.invoke()
            out = [self._interpreter.get_tensor(index) for index in self._outputs]
            for name, value in zip(self.graph.outputs, out, strict=False):
                made[name].append(value)
            new = out[len(self.graph.outputs) :]
            state.update(zip((s.input for s in self.graph.states), new, strict=True))
        return {name: np.stack(values) for name, values in made.items()}
