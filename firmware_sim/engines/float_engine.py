"""Engine `float`: the float front end of `models` around the float ONNX network; the only one that may differ."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...models.audio import SoundPath
from ...models.audio.wiring import wire
from ...models.errors import StapesError
from ...models.pipeline import FloatPipeline, synthesise
from ...models.sound_files import float_to_q15, q15_to_float
from ...quantize.audio.controls import reals, require_track
from ...quantize.calibrate import run_float, stream
from ...quantize.graph import Graph, to_codes, to_real
from ...quantize.onnx_reader import read_onnx
from .audio import AudioEngine, Run
from .network import NetworkEngine, Progress, no_progress


class FloatEngine(AudioEngine):
    """Float reference; `run` rounds its output to q15, `trace_float` gives everything unrounded."""

    name = "float"
    exact = False

    def __init__(self, onnx_path: Path, sound_path: SoundPath) -> None:
        super().__init__(sound_path)
        self._model, self._source = read_onnx(onnx_path)
        try:
            self._wiring = wire(sound_path, *self._source.sizes)
        except StapesError as error:
            raise StapesError(f"{onnx_path}: {error}; make the bundle again with: stapes quantize") from None

    def trace_float(
        self, audio: np.ndarray, progress: Progress = no_progress, controls: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Float audio (B, S) in [-1, 1) -> what stages and network make by plain name, (B, T, ...), and output (B, S) float64."""
        audio = np.atleast_2d(audio)
        settings = None
        if controls is not None:
            blocks = -(-audio.shape[1] // self.sound_path.hop)
            settings = reals(self.sound_path, require_track(self.sound_path, controls, blocks))
        out = FloatPipeline(self.sound_path).analyse(audio, settings)
        given = {name: out[q.plain].astype(np.float32) for name, q in self._wiring.inputs.items()}
        sequences = [{name: values[row] for name, values in given.items()} for row in range(len(audio))]
        made = run_float(self._model, self._source.states, sequences, list(self._wiring.outputs), progress)
        for name, quantity in self._wiring.outputs.items():
            out[quantity.plain] = np.stack([result[name] for result in made]).astype(np.float64)
        out["output"] = synthesise(self.sound_path, out, settings)[:, : audio.shape[1]]
        return out

    def run(
        self,
        audio_q15: np.ndarray,
        trace: bool = False,
        progress: Progress = no_progress,
        controls: np.ndarray | None = None,
    ) -> Run:
        out = self.trace_float(q15_to_float(np.atleast_2d(audio_q15)), progress, controls)
        return Run(float_to_q15(out["output"]), {})


class FloatNetwork(NetworkEngine):
    """The float network between the codes of the integer one: what comes in is dequantised, what goes out is rounded."""

    name = "float"
    exact = False

    def __init__(self, onnx_path: Path, graph: Graph) -> None:
        super().__init__(graph)
        self._model, self._source = read_onnx(onnx_path)

    def _start(self, batch: int, trace: bool) -> None:
        outputs = list(self.graph.outputs)
        # Each stream takes its next frame from its queue when its next values are asked for.
        self._queues: list[deque[Mapping[str, np.ndarray]]] = [deque() for _ in range(batch)]
        self._streams = [
            stream(self._model, self._source.states, iter(queue.popleft, None), outputs) for queue in self._queues
        ]

    def _step(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        real = {name: to_real(self.graph.tensors[name], codes) for name, codes in inputs.items()}
        rows = []
        for row, queue in enumerate(self._queues):
            queue.append({name: values[row] for name, values in real.items()})
            _, made = next(self._streams[row])
            rows.append(made)
        return {
            name: to_codes(self.graph.tensors[name], np.stack([made[name] for made in rows]))
            for name in self.graph.outputs
        }
