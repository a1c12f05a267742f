"""What must hold whatever the speed: equal bits, also after minutes, and closeness to float."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ...firmware_sim.compare import sha256_of, snr_db
from ...firmware_sim.engines.audio import AudioEngine
from ...firmware_sim.engines.float_engine import FloatEngine
from ...firmware_sim.engines.numpy_engine import NumpyNetwork
from ...firmware_sim.engines.pipeline import Pipeline
from ...models.audio.transform import SAMPLE_RATE
from ...models.sound_files import q15_to_float
from ..bundle import Bundle
from ..progress import progress

FLOAT_BATCH = 8


def equality(
    engines: dict[str, AudioEngine], audio_q15: np.ndarray, label: str, controls: np.ndarray | None = None
) -> dict[str, Any]:
    """All engines over one stream (S,) int16 from reset, under controls (T, W) int32 where some are given, against the first of them.

    identical; sha256 and compute_seconds (processor time) by engine; first_differing_sample of those engines that differ.
    """
    outputs, seconds = {}, {}
    for name, engine in engines.items():
        with progress(f"{label}, {name}, frames", -(-len(audio_q15) // engine.sound_path.hop)) as done:
            start = time.process_time()
            outputs[name] = engine.run(audio_q15[None], progress=done, controls=controls).audio_q15[0]
            seconds[name] = time.process_time() - start
    reference = next(iter(outputs.values()))
    differing = {name: int(np.argmax(out != reference)) for name, out in outputs.items() if (out != reference).any()}
    return {
        "seconds": len(audio_q15) / SAMPLE_RATE,
        "identical": not differing,
        "sha256": {name: sha256_of(out) for name, out in outputs.items()},
        "first_differing_sample": differing,
        "compute_seconds": seconds,
    }


def closeness(bundle: Bundle, audio_q15: np.ndarray) -> dict[str, float]:
    """SNR in dB of the integer mask and of the output against float, over utterances (B, S) int16, each from reset."""
    sound_path = bundle.require_sound_path()
    floats, integers = FloatEngine(bundle.float_onnx, sound_path), Pipeline(sound_path, NumpyNetwork(bundle.graph))
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"mask_snr_db": [], "output_snr_db": []}
    for start in range(0, len(audio_q15), FLOAT_BATCH):
        rows = audio_q15[start : start + FLOAT_BATCH]
        expected, got = floats.trace_float(q15_to_float(rows)), integers.run(rows, trace=True)
        pairs["mask_snr_db"].append((expected["mask"].ravel(), got.tensors["mask_q15"].ravel() / 32768.0))
        pairs["output_snr_db"].append((expected["output"].ravel(), q15_to_float(got.audio_q15).ravel()))
    return {name: snr_db(*(np.concatenate(side) for side in zip(*parts, strict=True))) for name, parts in pairs.items()}
