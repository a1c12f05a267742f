"""The network alone, one frame a call from Python, states carried along, in every runtime; F values, T frames."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnxruntime

from ...export.targets import HOST
from ...firmware_sim.audio.path import AudioPath
from ...firmware_sim.audio.tensors import quantise_features
from ...firmware_sim.engines.audio import to_blocks
from ...firmware_sim.engines.litert import make_interpreter
from ...firmware_sim.engines.native import build
from ...firmware_sim.engines.tflm import TflmStream, import_runtime
from ...firmware_sim.network import NetworkSimulator
from ...quantize.audio.ends import network_ends
from ...quantize.graph import DTYPES
from ...quantize.onnx_reader import read_onnx
from ..bundle import Bundle
from ..library.export import exported_c

# One frame in, the mask out.
Step = Callable[[np.ndarray], np.ndarray]


def feature_codes(bundle: Bundle, audio_q15: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a stream (S,) int16 feeds the network: codes (T, *shape) in the input's dtype, and float32 features (T, F)."""
    sound_path = bundle.require_sound_path()
    (end,) = network_ends(bundle.graph, sound_path).inputs
    path = AudioPath(sound_path, 1)
    features = [path.analyse(block)[end.quantity.name] for block in to_blocks(audio_q15, sound_path.hop)]
    codes = [quantise_features(row, end.scaling).reshape(end.tensor.shape) for row in features]
    floats = np.concatenate(features).astype(np.float32) / np.float32(2**end.quantity.fraction_bits)
    return np.stack(codes).astype(DTYPES[end.tensor.dtype]), floats


def onnxruntime_step(bundle: Bundle) -> Step:
    """The float network in onnxruntime, of one input and one output; takes float features (F,)."""
    _, source = read_onnx(bundle.float_onnx)
    (name,), (mask,) = source.inputs, source.outputs
    run = onnxruntime_frames(bundle)
    return lambda features: run({name: features})[mask]


def onnxruntime_frames(bundle: Bundle) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """The float network in onnxruntime with all its optimisations: float inputs by name to outputs by name."""
    _, source = read_onnx(bundle.float_onnx)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(bundle.float_onnx), options, providers=["CPUExecutionProvider"])
    shapes = {value.name: value.shape for value in session.get_inputs()}
    outputs = [value.name for value in session.get_outputs()]
    state = {pair.input: np.zeros(shapes[pair.input], np.float32) for pair in source.states}

    def step(given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        shaped = {name: values.reshape(shapes[name]) for name, values in given.items()}
        made = dict(zip(outputs, session.run(outputs, {**shaped, **state}), strict=True))
        for pair in source.states:
            state[pair.input] = made[pair.output]
        return made

    return step


def tflm_step(bundle: Bundle) -> Step:
    """TFLite Micro on this host, without optimised kernels; raises StapesError where it is not installed."""
    network = TflmStream(import_runtime(), bundle.tflite, bundle.graph)
    name, mask = bundle.graph.inputs[0], bundle.graph.outputs[0]
    return lambda codes: network.step({name: codes})[mask]


def litert_step(bundle: Bundle) -> Step:
    """LiteRT with XNNPACK, one thread; raises StapesError where it is not installed or refuses the file."""
    interpreter = make_interpreter(bundle.tflite)
    inputs = [detail["index"] for detail in interpreter.get_input_details()]
    outputs = [detail["index"] for detail in interpreter.get_output_details()]
    tensors = bundle.graph.tensors
    state = [
        np.full(tensors[pair.input].shape, tensors[pair.input].zero_point, DTYPES[tensors[pair.input].dtype])
        for pair in bundle.graph.states
    ]

    def step(codes: np.ndarray) -> np.ndarray:
        for index, value in zip(inputs, [codes, *state], strict=True):
            interpreter.set_tensor(index, value)
        interpreter.invoke()
        mask, *state[:] = (interpreter.get_tensor(index) for index in outputs)
        result: np.ndarray = mask
        return result

    return step


def numpy_step(bundle: Bundle) -> Step:
    """The reference simulator, one utterance."""
    network = NetworkSimulator(bundle.graph, 1)
    name, mask = bundle.graph.inputs[0], bundle.graph.outputs[0]
    return lambda codes: network.step({name: codes[None].astype(np.int64)})[mask]


@contextmanager
def native_step(bundle: Bundle) -> Iterator[Step]:
    """The exported C of the network, its mask in one array for all frames; raises StapesError where no C compiler is."""
    (end,) = network_ends(bundle.graph, bundle.require_sound_path()).outputs
    tensor = end.tensor
    mask = np.zeros(tensor.shape, DTYPES[tensor.dtype])
    with exported_c(bundle, HOST) as folder, tempfile.TemporaryDirectory(prefix="stapes-bench-") as work:
        library_path = Path(work) / f"{bundle.name}.so"
        build(folder, bundle.name, library_path)
        library = ctypes.CDLL(str(library_path))
        library.shim_context_bytes.restype = ctypes.c_size_t
        context = ctypes.create_string_buffer(library.shim_context_bytes() + 16)
        address = ctypes.c_void_p(-(-ctypes.addressof(context) // 16) * 16)
        library.shim_init(address)
        run = getattr(library, f"{bundle.name}_network")
        run.argtypes = [ctypes.c_void_p] * 3
        mask_address = mask.ctypes.data

        def step(codes: np.ndarray) -> np.ndarray:
            run(address, codes.ctypes.data, mask_address)
            return mask

        yield step


def over_frames(step: Step, frames: np.ndarray) -> Callable[[], None]:
    """A call that runs `step` over all frames."""

    def run() -> None:
        for frame in frames:
            step(frame)

    return run
