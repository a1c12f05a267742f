"""Three engines, one set of bits: numpy, the exported C and TFLite Micro, tensor by tensor, on speech and at the extremes."""

from pathlib import Path

import numpy as np
import pytest
from stapes.firmware_sim.compare import first_difference
from stapes.firmware_sim.engines import native, program
from stapes.firmware_sim.engines.audio import Run, from_blocks, to_blocks
from stapes.firmware_sim.engines.compiled import CompiledPipeline
from stapes.firmware_sim.engines.native import FAST, Native
from stapes.firmware_sim.engines.program import call_compiler, shared_object
from stapes.models.errors import StapesError
from stapes.tools.bench.material import speech_in_noise
from stapes.tools.engines import make_engine
from stapes.tools.library.export import exported_c

from tests.firmware_sim.audio_signals import pipeline_extremes
from tests.machine import lacking

RATE = 16000
HOP = 64
CASES = [
    (network, recipe)
    for network in ("zoo", "published")
    for recipe in ("w8a16", "w8a8", "w8a8_features16", "w8a16_cmsis_nn")
]
# The recipes that the project answers for run longer too, compiled as users do; the others are compiled in half the time.
LONGER = [("zoo", "w8a16"), ("zoo", "w8a8")]
QUICK = ("-O1",)


@pytest.fixture(scope="module")
def engines_of(bundle_of):
    """(network, recipe) -> the exact engines that this machine has, numpy first; the C is compiled once a worker."""
    made = {}

    def get(network, recipe):
        if (network, recipe) not in made:
            bundle = bundle_of(network, recipe)
            engines = [make_engine("numpy", bundle)]
            if not lacking("native"):
                flags = FAST if (network, recipe) in LONGER else QUICK
                with exported_c(bundle) as folder:
                    engines.append(CompiledPipeline(Native(flags), folder, bundle.graph, bundle.require_sound_path()))
            if not lacking("tflm"):
                engines.append(make_engine("tflm", bundle))
            made[network, recipe] = engines
        return made[network, recipe]

    return get


def compare(engines, audio_q15) -> Run:
    """Hold every engine, traced, to the first; returns the first one's run."""
    reference = engines[0].run(audio_q15, trace=True)
    for engine in engines[1:]:
        run = engine.run(audio_q15, trace=True)
        if engine.name == "tflm":
            assert set(run.tensors) == set(reference.tensors)
        states = {state.input: state.output for state in engines[0].graph.states}
        assert set(run.tensors) - set(states) <= set(reference.tensors)
        for given in set(run.tensors) & set(states):
            # What a frame starts from is what the frame before it left.
            np.testing.assert_array_equal(run.tensors[given][:, 1:], reference.tensors[states[given]][:, :-1])
        assert {"spectrum_q31", "noise_q40", "gain_q15", "mask_q15", "features"} <= set(run.tensors)
        difference = first_difference(engine.name, reference, run, HOP)
        assert difference is None, str(difference)
    return reference


# ---- speech


@pytest.mark.parametrize(("network", "recipe"), CASES)
def test_engines_agree_in_every_tensor_over_speech_in_noise(engines_of, network, recipe):
    seconds = 16.0 if (network, recipe) in LONGER else 8.0
    # Every second of 16 pieces.
    audio = speech_in_noise(seconds, seed=11).reshape(16, -1)[::2]
    run = compare(engines_of(network, recipe), audio)
    # It was speech, and the network had something to say about it.
    assert np.ptp(run.tensors["mask_q15"]) > 1000
    assert 0.02 < run.tensors["speech"].mean() < 0.98
    assert len(np.unique(run.audio_q15)) > 3000


@pytest.mark.parametrize(("network", "recipe"), LONGER)
def test_engines_agree_in_every_sample_over_half_a_minute(engines_of, network, recipe):
    """Without a trace, which takes longer than the network: a state that parted would be heard to the end."""
    audio = speech_in_noise(32.0, seed=13).reshape(8, -1)
    first, *others = (engine.run(audio).audio_q15 for engine in engines_of(network, recipe))
    for other in others:
        np.testing.assert_array_equal(other, first)


@pytest.mark.needs("native")
def test_native_does_not_drift_from_numpy_over_two_thousand_frames(engines_of):
    numpy_engine, native = engines_of("zoo", "w8a16")[:2]
    audio = speech_in_noise(8.0, seed=3)[None]
    assert audio.shape == (1, 2000 * HOP)
    np.testing.assert_array_equal(native.run(audio).audio_q15, numpy_engine.run(audio).audio_q15)


# ---- extremes


@pytest.mark.parametrize(("network", "recipe"), CASES)
def test_engines_agree_in_every_tensor_at_the_extremes(engines_of, network, recipe):
    given = pipeline_extremes(RATE // 4)
    run = compare(engines_of(network, recipe), np.stack(list(given.values())))
    output = dict(zip(given, run.audio_q15, strict=True))
    assert not output["silence"].any()
    assert np.abs(output["DC, one step"].astype(int)).max() <= 1
    # Nothing wraps around: what comes out is never louder than what went in by more than the window's ripple.
    for name, audio in given.items():
        assert np.abs(output[name].astype(int)).max() <= 1.5 * np.abs(audio.astype(int)).max() + 1, name
    for name in ("mask_q15", "gain_q15"):
        assert run.tensors[name].min() >= 0, name


def test_every_operator_of_the_graph_is_compared(engines_of):
    engines = engines_of("published", "w8a16")
    run = engines[0].run(np.ones((1, HOP), np.int16), trace=True)
    made = {name for op in engines[0].graph.operators for name in op.outputs}
    assert made <= set(run.tensors)
    assert len(made) > 40


# ---- batches and streams


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_row_of_a_batch_is_what_it_is_alone(engines_of, index):
    engines = engines_of("published", "w8a8")
    if index >= len(engines):
        pytest.skip("this engine cannot run here")
    audio = speech_in_noise(3.0, seed=5).reshape(3, -1)
    together = engines[index].run(audio).audio_q15
    for row, alone in zip(together, audio, strict=True):
        np.testing.assert_array_equal(row, engines[index].run(alone).audio_q15[0])


@pytest.mark.parametrize("index", [0, 1, 2])
def test_output_depends_on_nothing_that_comes_later_or_came_before_the_run(engines_of, index):
    engines = engines_of("published", "w8a8")
    if index >= len(engines):
        pytest.skip("this engine cannot run here")
    audio = speech_in_noise(1.0, seed=6)[None]
    whole = engines[index].run(audio).audio_q15
    for samples in (HOP, 2 * HOP, 120 * HOP):
        np.testing.assert_array_equal(engines[index].run(audio[:, :samples]).audio_q15, whole[:, :samples])
    np.testing.assert_array_equal(engines[index].run(audio).audio_q15, whole)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_trace_does_not_change_the_audio(engines_of, index):
    engines = engines_of("published", "w8a8")
    if index >= len(engines):
        pytest.skip("this engine cannot run here")
    audio = speech_in_noise(1.0, seed=7)[None]
    np.testing.assert_array_equal(engines[index].run(audio).audio_q15, engines[index].run(audio, trace=True).audio_q15)
    assert engines[index].run(audio[:, :HOP]).tensors == {}


def test_progress_tells_every_frame(engines_of):
    for engine in engines_of("published", "w8a8"):
        done = []
        engine.run(np.zeros((1, 10 * HOP + 1), np.int16), progress=done.append)
        assert sum(done) == 11, engine.name


def test_samples_that_are_not_q15_are_refused(engines_of):
    engine = engines_of("published", "w8a8")[0]
    with pytest.raises(StapesError, match="int16"):
        engine.run(np.zeros((1, HOP), np.float32))
    with pytest.raises(StapesError, match="no samples"):
        engine.run(np.zeros((1, 0), np.int16))


def test_blocks_are_put_together_again():
    audio = np.arange(1, 131, dtype=np.int16).reshape(2, 65)
    blocks = to_blocks(audio, HOP)
    assert blocks.shape == (2, 2, HOP)
    assert blocks[1, :, 1:].max() == 0
    np.testing.assert_array_equal(from_blocks(list(blocks), 65), audio)


@pytest.mark.needs("native")
def test_programs_share_what_is_compiled_of_the_runtime(bundle_of, monkeypatch):
    compiled = []

    def counting(command):
        compiled.append([Path(word).stem for word in command if word.endswith(".c")])
        call_compiler(command)

    for module in (native, program):
        monkeypatch.setattr(module, "call_compiler", counting)
    bundle = bundle_of("published", "w8a8")
    with exported_c(bundle) as folder:
        given = folder, bundle.graph, bundle.require_sound_path()
        engine = CompiledPipeline(Native(QUICK), *given)
        compiled.clear()
        again = CompiledPipeline(Native(QUICK), *given)
    files = sorted(name for names in compiled for name in names)
    assert files
    assert not [name for name in files if name.startswith(("stapes_", "arm_"))]
    audio = speech_in_noise(0.5, seed=9)[None]
    np.testing.assert_array_equal(engine.run(audio).audio_q15, again.run(audio).audio_q15)


def test_an_object_is_shared_until_a_header_changes_that_its_file_includes(tmp_path, monkeypatch):
    runtime, compiled = tmp_path / "runtime", []
    (runtime / "layers").mkdir(parents=True)
    (tmp_path / "objects").mkdir()
    monkeypatch.setattr(program, "_object_folder", lambda: tmp_path / "objects")

    def compiler(command):
        compiled.append(command)
        Path(command[-1]).write_bytes(b"object")

    monkeypatch.setattr(program, "call_compiler", compiler)

    def compiled_anew(**changes):
        texts = {"kernel.c": '#include "kernel.h"\n', "kernel.h": '#include "../core.h"\n', "other.h": ""}
        for name, text in (texts | changes).items():
            (runtime / "layers" / name).write_text(text)
        before = len(compiled)
        shared_object(["cc"], runtime / "layers" / "kernel.c", runtime)
        return len(compiled) > before

    (runtime / "core.h").write_text("int a;\n")
    assert compiled_anew()
    assert not compiled_anew(**{"other.h": "int b;\n"})
    assert compiled_anew(**{"kernel.h": '#include "../core.h"\nint c;\n'})
    (runtime / "core.h").write_text("int b;\n")
    assert compiled_anew()
    assert not compiled_anew()
