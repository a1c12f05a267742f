"""Noisy recordings through every system that is compared: nothing, the Wiener filter, the float and the integer pipeline, peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..firmware_sim.engines.audio import AudioEngine
from ..firmware_sim.engines.float_engine import FloatEngine
from ..models.audio import SoundPath, from_front_end
from ..models.audio.inverse import istft
from ..models.audio.lengths import next_mixed_length
from ..models.audio.transform import SAMPLE_RATE
from ..models.pipeline import FloatPipeline
from ..models.sound_files import q15_to_float
from . import rnnoise
from .metrics import aligned, with_tail

SYSTEMS = ("noisy", "wiener", "float", "integer")
# Each module has `require`, and a function of its own name: (S,) float32 and its rate -> (S,) float32 in time with it.
PEERS = {"rnnoise": rnnoise}

# The float trace keeps about 5 KB a frame, the integer engines next to nothing.
FLOAT_BATCH = 8
INTEGER_BATCH = 64

Progress = Callable[[int], None]


def enhance(
    noisy_q15: Sequence[np.ndarray],
    float_engine: FloatEngine,
    integer_engine: AudioEngine,
    progress: Progress = lambda n: None,
) -> list[dict[str, np.ndarray]]:
    """For each recording (S,) int16: system -> its output (S,) float32 in [-1, 1), in time with the input.

    `progress` is called with the frames done, `frames_to_do` in all.
    """
    sound_path = float_engine.sound_path
    delay = sound_path.delay
    made: list[dict[str, np.ndarray]] = [{"noisy": q15_to_float(row)} for row in noisy_q15]
    for rows, batch in _batches(noisy_q15, FLOAT_BATCH, delay):
        trace = float_engine.trace_float(q15_to_float(batch), progress)
        _hand_out(made, rows, "wiener", _wiener(trace, batch, sound_path))
        _hand_out(made, rows, "float", aligned(trace["output"], delay))
    for rows, batch in _batches(noisy_q15, INTEGER_BATCH, delay):
        output = integer_engine.run(batch, progress=progress)
        _hand_out(made, rows, "integer", aligned(q15_to_float(output.audio_q15), delay))
    return made


def _wiener(trace: dict[str, np.ndarray], batch_q15: np.ndarray, sound_path: SoundPath) -> np.ndarray:
    """The Wiener filter alone, in time with the input: the one before the network, or the device's own where there is none."""
    if "gain" not in trace:
        usual = usual_path(sound_path.sample_rate)
        return aligned(FloatPipeline(usual).run(q15_to_float(batch_q15)), usual.delay)
    return aligned(istft(trace["spectrum"] * trace["gain"], sound_path.transform), sound_path.transform.delay)


def usual_path(rate: int) -> SoundPath:
    """The path with the Wiener filter at a rate in Hz: a hop of 4 ms and a frame of twice that, or a little more.

    >>> [usual_path(rate).hop for rate in (16000, 44100, 48000)]
    [64, 180, 192]
    """
    frame = rate * 8 // 1000
    length = frame if frame & (frame - 1) == 0 else next_mixed_length(frame)
    return from_front_end({"sample_rate": rate, "analysis": length, "synthesis": length, "hop": length // 2})


def enhance_by_peer(
    made: list[dict[str, np.ndarray]], peer: str, progress: Progress = lambda n: None, rate: int = SAMPLE_RATE
) -> None:
    """Add a peer's output for the noisy recordings of `enhance`'s result, at `rate` Hz; raises StapesError when the peer is not installed."""
    function = getattr(PEERS[peer], peer)
    for outputs in made:
        outputs[peer] = function(outputs["noisy"], rate)
        progress(1)


def frames_to_do(noisy_q15: Sequence[np.ndarray], sound_path: SoundPath) -> int:
    """What `enhance` will have told its progress in the end."""
    return sum(
        len(rows) * -(-batch.shape[1] // sound_path.hop)
        for size in (FLOAT_BATCH, INTEGER_BATCH)
        for rows, batch in _batches(noisy_q15, size, sound_path.delay)
    )


def _batches(recordings: Sequence[np.ndarray], size: int, delay: int) -> Iterator[tuple[list[int], np.ndarray]]:
    """Recordings of similar length together: their numbers, and (B, S) int16 with zeros at the ends, at least `delay`."""
    order = sorted(range(len(recordings)), key=lambda index: len(recordings[index]))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        batch = np.zeros((len(rows), len(recordings[rows[-1]])), np.int16)
        for place, index in enumerate(rows):
            batch[place, : len(recordings[index])] = recordings[index]
        yield rows, with_tail(batch, delay)


def _hand_out(made: list[dict[str, np.ndarray]], rows: list[int], system: str, outputs: np.ndarray) -> None:
    for index, output in zip(rows, outputs, strict=True):
        made[index][system] = output[: len(made[index]["noisy"])].astype(np.float32)
