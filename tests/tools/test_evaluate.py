"""`stapes evaluate` scores what the pipelines really give, aligned, on every engine alike."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from firmware_sim.engines.float_engine import FloatEngine
from models import checkpoint
from models.audio import float_to_q15, q15_to_float, read_audio, write_audio
from models.errors import StapesError
from models.pipeline import FloatPipeline
from tools.audio import CLIPS, DEMO
from tools.commands.demo import CHECKPOINT
from tools.commands.evaluate import SYSTEMS, evaluate, evaluate_pairs
from tools.engines import make_engine, unavailable
from tools.enhance import enhance, frames_to_do
from tools.metrics import METRICS, measure
from tools.pairs import find_pairs, read_pair
from tools.scoring import TASKS_A_PROCESS, score_all

RATE = 16000


@pytest.fixture(scope="module")
def bundle(bundle_of):
    return bundle_of("zoo", "w8a16")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two pairs of different length, and one whose clean recording is silence."""
    folder = tmp_path_factory.mktemp("corpus")
    for name, length in (("machine", 40_000), ("water", 30_001)):
        for kind in ("noisy", "clean"):
            write_audio(folder / f"{name}_{kind}.wav", read_audio(DEMO / f"{name}_{kind}.flac")[8000 : 8000 + length])
    write_audio(folder / "pause_noisy.wav", read_audio(CLIPS / "noise_water.flac")[:16000])
    write_audio(folder / "pause_clean.wav", np.zeros(16000, np.float32))
    return folder


@pytest.fixture(scope="module")
def document(bundle, corpus):
    app = typer.Typer()
    app.command()(evaluate)
    result = CliRunner().invoke(app, [str(bundle.folder), "--corpus", str(corpus), "--jobs", "1", "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_json_has_the_promised_keys(document):
    assert set(document["systems"]) == set(SYSTEMS)
    for row in document["systems"].values():
        assert set(row) == set(METRICS)
    assert [file["name"] for file in document["files"]] == ["machine", "pause", "water"]
    assert document["files"][2]["seconds"] == 30_001 / RATE


def test_noisy_scores_are_those_of_the_files(document, corpus):
    noisy, clean = read_pair(find_pairs(corpus)[0])
    assert document["files"][0]["systems"]["noisy"] == pytest.approx(
        measure(clean, q15_to_float(float_to_q15(noisy))), abs=1e-5
    )


def test_a_silent_clean_recording_is_left_out_of_the_means_with_its_reason(document):
    pause = document["files"][1]
    assert set(pause["systems"]["float"].values()) == {None}
    assert "digital silence" in pause["unmeasured"]["float"]["stoi"]
    for system in SYSTEMS:
        scored = [document["files"][i]["systems"][system]["si_sdr"] for i in (0, 2)]
        assert document["systems"][system]["si_sdr"] == pytest.approx(np.mean(scored), abs=1e-5)


def test_int16_activations_cost_next_to_nothing(document):
    assert document["output_snr_db"] > 35.0
    assert abs(document["integer_minus_float"]["pesq_wb"]) < 0.05
    assert abs(document["integer_minus_float"]["si_sdr"]) < 0.1


def test_every_system_is_in_time_with_its_input(bundle, corpus):
    network, frontend, _ = checkpoint.load(CHECKPOINT)
    noisy = [float_to_q15(read_pair(pair)[0]) for pair in find_pairs(corpus)]
    done = []
    engine = make_engine("numpy", bundle)
    made = enhance(noisy, FloatEngine(bundle.float_onnx, frontend), engine, done.append)
    assert sum(done) == frames_to_do(noisy, frontend)
    for row, outputs in zip(noisy, made, strict=True):
        assert [len(outputs[system]) for system in SYSTEMS] == [len(row)] * 4
        longer = np.concatenate([row, np.zeros(frontend.delay, np.int16)])
        audio = q15_to_float(longer)
        np.testing.assert_array_equal(outputs["noisy"], q15_to_float(row))
        for system, model in (("wiener", None), ("float", network)):
            expected = FloatPipeline(frontend, model).run(audio)[frontend.delay :]
            np.testing.assert_allclose(outputs[system], expected, atol=2e-6)
        alone = q15_to_float(engine.run(longer[None]).audio_q15[0, frontend.delay :])
        np.testing.assert_array_equal(outputs["integer"], alone)


@pytest.mark.skipif("native" in unavailable(), reason="no C compiler")
def test_the_engine_does_not_change_a_figure(bundle, corpus, document):
    pairs = [pair for pair in find_pairs(corpus) if pair.name == "machine"]
    result = evaluate_pairs(bundle, pairs, "native", jobs=1)
    assert result.files[0]["systems"] == document["files"][0]["systems"]


def test_people_get_a_table_with_the_cost_of_the_integers(bundle, corpus):
    app = typer.Typer()
    app.command()(evaluate)
    result = CliRunner().invoke(app, [str(bundle.folder), "--corpus", str(corpus)])
    assert result.exit_code == 0
    assert "integer - float" in result.output
    assert "left out of the means: pause, noisy, PESQ: the clean recording is digital silence" in result.output


def test_a_float_engine_cannot_stand_for_the_integers(bundle, corpus):
    with pytest.raises(StapesError, match="not an integer engine; choose from numpy, native, tflm"):
        evaluate_pairs(bundle, find_pairs(corpus), "float", jobs=1)


def test_processes_give_the_scores_of_one_process():
    clean = read_audio(DEMO / "machine_clean.flac")[RATE : 2 * RATE + RATE // 2]
    noisy = read_audio(DEMO / "machine_noisy.flac")[RATE : 2 * RATE + RATE // 2]
    tasks = [(clean, noisy * (1 - 0.01 * n) + 0.001 * n) for n in range(2 * TASKS_A_PROCESS)]
    counted = []
    several = score_all(tasks, 2, counted.append)
    assert several == score_all(tasks, 1)
    assert sum(counted) == len(tasks)
    assert several[0] != several[-1]
