"""Every engine of a network keeps one protocol: codes by name in, codes by name out, a batch at once, with or without an audio path."""

import os

import numpy as np
import pytest
from stapes.firmware_sim.compare import first_difference, first_tensor_difference
from stapes.firmware_sim.engines import litert
from stapes.firmware_sim.engines.native import Native
from stapes.firmware_sim.engines.network import run_network
from stapes.firmware_sim.engines.pipeline import Pipeline
from stapes.models.errors import StapesError
from stapes.quantize.graph import DTYPES
from stapes.tools import engines
from stapes.tools.bench.material import speech_in_noise
from stapes.tools.engines import NAMES, make_engine, make_network_engine

from tests.machine import lacking

EXACT = [name for name in NAMES if name not in ("litert", "float")]
BATCH, FRAMES, HOP = 2, 7, 64


@pytest.fixture(scope="module")
def bundle(bundle_of):
    return bundle_of("published", "w8a8")


@pytest.fixture(scope="module", autouse=True)
def compiled_quickly():
    """The host's compiler takes a fifth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(engines.MACHINES, "native", lambda: Native(("-O1",)))
        yield


@pytest.fixture(scope="module")
def engine_of(bundle):
    """Engine by name, made once."""
    made = {}

    def get(name):
        if name not in made:
            if name not in ("numpy", "float") and (reason := _lacking(name)):
                pytest.skip(reason)
            made[name] = make_network_engine(name, bundle)
        return made[name]

    return get


def _lacking(name):
    return "" if name == "litert" else lacking(name)


def codes(graph, seed=0):
    """Input name -> codes (B, T, *shape) over all of their range."""
    rng, made = np.random.default_rng(seed), {}
    for name in graph.inputs:
        tensor = graph.tensors[name]
        low, high = tensor.limits
        made[name] = rng.integers(low, high + 1, (BATCH, FRAMES, *tensor.shape)).astype(DTYPES[tensor.dtype])
    return made


@pytest.mark.parametrize("name", EXACT)
def test_a_batch_gives_the_bits_of_numpy_in_every_tensor_also_after_another_start(name, bundle, engine_of):
    engine, given = engine_of(name), codes(bundle.graph)
    expected = run_network(engine_of("numpy"), given, trace=True)
    before = {*bundle.graph.inputs, *(state.input for state in bundle.graph.states)}
    for _ in range(2):
        made = run_network(engine, given, trace=True)
        assert first_tensor_difference(name, expected, made) is None
        assert set(bundle.graph.outputs) <= set(made) <= {*expected, *before}
    assert len(made) > 3


@pytest.mark.parametrize("name", NAMES)
def test_a_step_gives_the_outputs_alone_in_their_shape(name, bundle, engine_of):
    engine, given = engine_of(name), codes(bundle.graph)
    engine.start(BATCH)
    made = engine.step({name: values[:, 0] for name, values in given.items()})
    assert {name: np.shape(values) for name, values in made.items()} == {
        name: (BATCH, *bundle.graph.tensors[name].shape) for name in bundle.graph.outputs
    }


@pytest.mark.parametrize("name", NAMES)
def test_inputs_that_do_not_fit_are_refused_alike_by_every_engine(name, bundle, engine_of):
    engine = engine_of(name)
    ((given, values),) = codes(bundle.graph).items()
    frame = values[:, 0].astype(np.int64)
    with pytest.raises(StapesError, match="a batch of 0 utterances"):
        engine.start(0)
    engine.start(BATCH)
    for inputs, words in (
        ({}, f"input '{given}' is missing"),
        ({given: frame, "other": frame}, "'other' is no input of the graph"),
        ({given: frame[:1]}, "has shape"),
        ({given: frame.astype(np.float64)}, "quantise it"),
        ({given: frame + 70_000}, "saturate it"),
    ):
        with pytest.raises(StapesError, match=words):
            engine.step(inputs)
    engine.step({given: frame})


@pytest.mark.needs("native")
def test_a_pipeline_in_numpy_around_the_compiled_network_is_the_compiled_pipeline(bundle, engine_of):
    audio = speech_in_noise(1.0, seed=4).reshape(2, -1)
    around = Pipeline(bundle.sound_path, engine_of("native")).run(audio, trace=True)
    inside = make_engine("native", bundle).run(audio, trace=True)
    reference = make_engine("numpy", bundle).run(audio, trace=True)
    assert first_difference("around", reference, around, HOP) is None
    assert first_difference("inside", reference, inside, HOP) is None
    # What the path makes comes from the path, though the program's tables name it too.
    assert np.ptp(around.tensors["spectrum_q31"]) > 1000


@pytest.mark.needs("cortex-m7-qemu")
def test_a_board_that_ends_is_told_with_its_reason(bundle, engine_of, monkeypatch):
    engine = engine_of("cortex-m7-qemu")
    engine.start(1)
    board = engine._streams[0]._board
    board._child.kill()
    with pytest.raises(StapesError, match="cortex-m7-qemu: the program ends"):
        engine.step({name: values[:1, 0] for name, values in codes(bundle.graph).items()})


def test_the_compiled_part_of_litert_says_nothing_of_its_own_and_its_complaints_are_kept(bundle, capfd):
    pytest.importorskip("ai_edge_litert.interpreter", reason="ai_edge_litert is not installed")
    make_network_engine("litert", bundle)
    assert capfd.readouterr() == ("", "")
    with litert.without_information():
        os.write(2, b"INFO: made\nERROR: broken\n")
    assert capfd.readouterr().err == "ERROR: broken\n"
