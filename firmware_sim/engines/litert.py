"""Engine `litert`: the .tflite in LiteRT, a second opinion that rounds differently and is allowed to."""

from __future__ import annotations

import numpy as np

from models.errors import StapesError
from models.frontend import FrontEnd
from quantize.graph import DTYPES, Graph

from .pipeline import PipelineEngine


def make_interpreter(tflite: bytes):
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
        interpreter = Interpreter(model_content=tflite, num_threads=1)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise StapesError(f"engine litert: the interpreter refuses the model ({str(error).splitlines()[0]})") from None
    return interpreter


class LitertEngine(PipelineEngine):
    """Not exact: its kernels (XNNPACK or reference) round once where TFLite Micro rounds twice."""

    name = "litert"
    exact = False

    def __init__(self, tflite: bytes, graph: Graph, frontend: FrontEnd) -> None:
        super().__init__(graph, frontend)
        self._interpreter = make_interpreter(tflite)
        self._inputs = [detail["index"] for detail in self._interpreter.get_input_details()]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def start(self, batch: int, trace: bool) -> None:
        tensors = self.graph.tensors
        self._states = [
            {
                s.input: np.full(tensors[s.input].shape, tensors[s.input].zero_point, DTYPES[tensors[s.input].dtype])
                for s in self.graph.states
            }
            for _ in range(batch)
        ]

    def network(self, features: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        masks = []
        for state, frame in zip(self._states, features, strict=True):
            codes = frame.astype(DTYPES[self.features.dtype]).reshape(self.features.shape)
            for index, value in zip(self._inputs, [codes, *state.values()], strict=True):
                self._interpreter.set_tensor(index, value)
            self._interpreter.invoke()
            mask, *new = (self._interpreter.get_tensor(index) for index in self._outputs)
            masks.append(mask)
            state.update(zip((s.input for s in self.graph.states), new, strict=True))
        return np.stack(masks), {}
