"""A wrong bit is found where it is: the engine, the tensor, the frame and the index, and nothing else is blamed."""

from dataclasses import replace

import numpy as np
import pytest
from stapes.firmware_sim.compare import Difference, first_difference, sha256_of, snr_db
from stapes.firmware_sim.engines.audio import Run
from stapes.firmware_sim.engines.compiled import CompiledPipeline
from stapes.firmware_sim.engines.native import Native
from stapes.firmware_sim.engines.numpy_engine import NumpyNetwork
from stapes.firmware_sim.engines.pipeline import Pipeline
from stapes.quantize.graph import Graph
from stapes.tools.bench.material import speech_in_noise
from stapes.tools.engines import make_engine
from stapes.tools.library.export import exported_c

HOP = 64
FRAMES = 60


@pytest.fixture(scope="module")
def bundle(bundle_of):
    return bundle_of("published", "w8a8")


@pytest.fixture(scope="module")
def audio():
    """Two utterances of 60 frames, not quite whole, (2, S) int16."""
    return speech_in_noise(3.0, seed=2)[16_000:].reshape(2, -1)[:, : FRAMES * HOP - 9].copy()


@pytest.fixture(scope="module")
def run(bundle, audio):
    return make_engine("numpy", bundle).run(audio, trace=True)


def changed(run: Run, name: str, utterance: int, frame: int, index: int, bit: int = 0) -> Run:
    """A copy of a run with one bit of one tensor, or of the audio, flipped."""
    if name == "audio_q15":
        audio = run.audio_q15.copy()
        audio[utterance, frame * HOP + index] ^= 1 << bit
        return Run(audio, run.tensors)
    array = run.tensors[name].copy()
    if array.dtype == bool:
        array[utterance, frame, index] ^= True
    else:
        array[utterance, frame, index] ^= array.dtype.type(1 << bit)
    return Run(run.audio_q15, {**run.tensors, name: array})


def test_equal_runs_have_no_difference(run):
    same = Run(run.audio_q15.copy(), {name: array.copy() for name, array in run.tensors.items()})
    assert first_difference("other", run, same, HOP) is None
    assert first_difference("other", run, Run(run.audio_q15), HOP) is None


def test_one_flipped_bit_is_found_in_every_tensor(run):
    rng = np.random.default_rng(0)
    for name in (*run.tensors, "audio_q15"):
        size = HOP if name == "audio_q15" else run.tensors[name].shape[2]
        for utterance, frame, index in (
            (0, 0, 0),
            (1, 58, size - 1),
            (rng.integers(2), rng.integers(59), rng.integers(size)),
        ):
            other = changed(run, name, utterance, frame, index)
            found = first_difference("native", run, other, HOP)
            place = ("native", name, utterance, frame, index)
            assert found is not None, place
            assert (found.engine, found.tensor, found.utterance, found.frame, found.index) == place
            if name != "audio_q15":
                assert found.expected == int(run.tensors[name][utterance, frame, index])
                assert found.got == int(other.tensors[name][utterance, frame, index])


def test_the_highest_bit_of_a_wide_tensor_is_told_exactly(run):
    found = first_difference("native", run, changed(run, "noise_q40", 0, 3, 7, 63), HOP)
    assert found.got == found.expected + 2**63


def test_of_several_differences_the_first_in_time_then_in_the_order_of_computation_counts(run):
    names = list(run.tensors)
    early, late = names[2], names[-1]
    both = changed(changed(run, early, 0, 30, 1), late, 0, 20, 2)
    assert first_difference("e", run, both, HOP).tensor == late
    both = changed(changed(run, late, 0, 20, 2), early, 1, 20, 3)
    found = first_difference("e", run, both, HOP)
    assert (found.tensor, found.utterance, found.index) == (early, 1, 3)
    with_audio = changed(changed(run, "audio_q15", 0, 20, 0), late, 1, 20, 5)
    assert first_difference("e", run, with_audio, HOP).tensor == late
    assert first_difference("e", run, changed(with_audio, "audio_q15", 1, 19, 63), HOP).tensor == "audio_q15"


def test_runs_of_different_length_are_no_pair(run):
    with pytest.raises(ValueError, match="different shape"):
        first_difference("e", run, Run(run.audio_q15[:, :-HOP]), HOP)


def test_a_difference_reads_as_a_sentence_and_as_json():
    difference = Difference("native", "h0_out", 1, 20, 3, -7, 9)
    assert str(difference) == "native: tensor 'h0_out', utterance 1, frame 20, index 3: 9 instead of -7"
    assert difference.to_json() == {
        "engine": "native", "tensor": "h0_out", "utterance": 1, "frame": 20, "index": 3, "expected": -7, "got": 9,
    }  # fmt: skip


# ---- a wrong weight


def weights_changed(graph: Graph, name: str, row: int, column: int, value: int) -> Graph:
    """The graph with one weight replaced."""
    data = graph.tensors[name].data.copy()
    data[row, column] = value
    return replace(graph, tensors={**graph.tensors, name: replace(graph.tensors[name], data=data)})


@pytest.mark.needs("native")
@pytest.mark.parametrize("operator", ["gru0/hn", None])
def test_one_wrong_weight_in_the_c_is_found_at_its_row(bundle, audio, run, operator):
    """The place is worked out beforehand by the numpy engine, whose graph has the same wrong weight."""
    graph, row, column = bundle.graph, 5, 17
    op = next(
        o
        for o in graph.operators
        if o.kind == "FULLY_CONNECTED" and (o.name == operator or (operator is None and not o.region))
    )
    old = int(graph.tensors[op.inputs[1]].data[row, column])
    new = old - 90 if old > 0 else old + 90
    wrong = replace(bundle, graph=weights_changed(graph, op.inputs[1], row, column, new))
    predicted = Pipeline(bundle.require_sound_path(), NumpyNetwork(wrong.graph)).run(audio, trace=True)

    with exported_c(wrong) as folder:
        native = CompiledPipeline(Native(("-O1",)), folder, graph, bundle.require_sound_path())
        made = native.run(audio, trace=True)

    assert first_difference("native", predicted, made, HOP) is None
    shared = {name: array for name, array in predicted.tensors.items() if name in made.tensors}
    expected = first_difference("native", run, Run(predicted.audio_q15, shared), HOP)
    found = first_difference("native", run, made, HOP)
    assert found == expected
    assert found.index == row
    assert found.tensor in (*op.outputs, "h0_out", "h1_out")


# ---- figures


def test_a_hash_is_of_little_endian_samples_row_by_row():
    assert sha256_of(np.array([[1, -2]], np.int16)) == sha256_of(np.array([1, -2], ">i2"))
    assert sha256_of(np.array([[1, 2], [3, 4]], np.int16)) == sha256_of(np.array([1, 2, 3, 4], np.int16))
    assert sha256_of(np.array([1, 2], np.int16)) != sha256_of(np.array([2, 1], np.int16))


def test_snr_is_energy_over_energy_of_the_difference():
    reference = np.array([3.0, 4.0])
    assert snr_db(reference, reference) == np.inf
    assert snr_db(reference, np.array([3.0, 3.5])) == pytest.approx(20.0)
    assert snr_db(np.zeros(3), np.ones(3)) < -1000
    assert snr_db(np.zeros(3), np.zeros(3)) == np.inf
