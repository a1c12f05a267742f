"""`stapes evaluate` scores what the pipelines really give, aligned, on every engine alike."""

import json
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import soxr
import typer
from stapes.firmware_sim.engines.float_engine import FloatEngine
from stapes.models import checkpoint
from stapes.models.errors import StapesError
from stapes.models.pipeline import FloatPipeline
from stapes.models.sound_files import float_to_q15, q15_to_float, read_audio, write_audio
from stapes.tools.audio import CLIPS, DEMO
from stapes.tools.cli.evaluate import evaluate
from stapes.tools.engines import make_engine
from stapes.tools.enhance import SYSTEMS, enhance, frames_to_do
from stapes.tools.evaluation import pieces, run
from stapes.tools.evaluation.contest import make_contest
from stapes.tools.evaluation.run import evaluate_pairs
from stapes.tools.library.evaluate import evaluate as library_evaluate
from stapes.tools.metrics import METRICS, measure
from stapes.tools.pairs import find_pairs, read_pair
from stapes.tools.zoo import GRU_MASK
from typer.testing import CliRunner

from tests.answers import answer

RATE = 16000


@pytest.fixture(scope="module")
def bundle(bundle_of):
    return bundle_of("zoo", "w8a16")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two pairs of different length, and one whose clean recording is silence."""
    folder = tmp_path_factory.mktemp("corpus")
    for name, length in (("machine", 28_000), ("water", 20_001)):
        for kind in ("noisy", "clean"):
            write_audio(folder / f"{name}_{kind}.wav", read_audio(DEMO / f"{name}_{kind}.flac")[8000 : 8000 + length])
    write_audio(folder / "pause_noisy.wav", read_audio(CLIPS / "noise_water.flac")[:16000])
    write_audio(folder / "pause_clean.wav", np.zeros(16000, np.float32))
    return folder


@pytest.fixture(scope="module")
def document(bundle, corpus):
    app = typer.Typer()
    app.command()(evaluate)
    options = ["--jobs", "1", "--levels", "-10,-40", "--clean-snr", "30", "--json"]
    result = CliRunner().invoke(app, [str(bundle.folder), "--corpus", str(corpus), *options])
    assert result.exit_code == 0, result.output
    return answer(result.stdout, "evaluate")


def test_json_has_the_promised_keys(document):
    assert set(document["systems"]) == set(SYSTEMS)
    for row in document["systems"].values():
        assert set(row) == set(METRICS)
    assert [file["name"] for file in document["files"]] == ["machine", "pause", "water"]
    assert document["files"][2]["seconds"] == 20_001 / RATE


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
    network, sound_path, _ = checkpoint.load(GRU_MASK)
    noisy = [float_to_q15(read_pair(pair)[0]) for pair in find_pairs(corpus)]
    done = []
    engine = make_engine("numpy", bundle)
    made = enhance(noisy, FloatEngine(bundle.float_onnx, sound_path), engine, done.append)
    assert sum(done) == frames_to_do(noisy, sound_path)
    for row, outputs in zip(noisy, made, strict=True):
        assert [len(outputs[system]) for system in SYSTEMS] == [len(row)] * 4
        longer = np.concatenate([row, np.zeros(sound_path.delay, np.int16)])
        audio = q15_to_float(longer)
        np.testing.assert_array_equal(outputs["noisy"], q15_to_float(row))
        for system, model in (("wiener", None), ("float", network)):
            expected = FloatPipeline(sound_path, model).run(audio)[sound_path.delay :]
            np.testing.assert_allclose(outputs[system], expected, atol=2e-6)
        alone = q15_to_float(engine.run(longer[None]).audio_q15[0, sound_path.delay :])
        np.testing.assert_array_equal(outputs["integer"], alone)


def test_standard_errors_and_paired_differences_follow_from_the_files(document):
    rows = [document["files"][place]["systems"] for place in (0, 2)]
    gains = [row["integer"]["pesq_wb"] - row["wiener"]["pesq_wb"] for row in rows]
    entry = next(p for p in document["paired"] if (p["system"], p["against"]) == ("integer", "wiener"))
    assert entry["metric"] == "pesq_wb"
    assert entry["mean"] == pytest.approx(np.mean(gains), abs=1e-6)
    assert entry["standard_error"] == pytest.approx(abs(gains[0] - gains[1]) / 2, abs=1e-6)
    assert entry["files"] == 2
    assert entry["worst"] == pytest.approx(min(gains), abs=1e-6)
    assert entry["worst_file"] == ("machine", "water")[int(np.argmin(gains))]
    noisy = [row["noisy"]["stoi"] for row in rows]
    assert document["standard_errors"]["noisy"]["stoi"] == pytest.approx(np.std(noisy, ddof=1) / 2**0.5, abs=1e-6)


def test_recordings_are_grouped_by_the_ratio_that_they_have(document):
    ratios = [file["snr_db"] for file in document["files"]]
    assert ratios[1] is None
    assert [group["group"] for group in document["by_snr"]] == [
        *(f"{r:g} dB" for r in sorted((ratios[0], ratios[2]))),
        "no ratio",
    ]
    assert document["by_noise"] == []


def test_the_level_check_scores_every_level_and_tells_the_change(document):
    check = document["level_check"]
    assert [row["peak_dbfs"] for row in check["levels"]] == [-10, -40]
    loud, soft = (row["systems"]["integer"]["pesq_wb"] for row in check["levels"])
    moved = check["moved"]["integer"]
    assert moved["mean"] == pytest.approx(soft - loud, abs=2e-6)
    assert (moved["against"], moved["system"]) == ("-10 dBFS", "-40 dBFS")
    assert moved["within"] is (abs(soft - loud) < 0.1)


def test_the_clean_check_leaves_out_what_has_no_speech_and_holds_against_the_wiener_filter(document):
    check = document["clean_check"]
    assert (check["files"], check["left_out"]) == (2, 1)
    assert check["systems"]["noisy"]["pesq_wb"] > document["systems"]["noisy"]["pesq_wb"] + 1.0
    assert check["systems"]["noisy"]["si_sdr"] == pytest.approx(30.0, abs=0.2)
    damage = check["systems"]["float"]["pesq_wb"] - check["systems"]["wiener"]["pesq_wb"]
    entry = check["against_wiener"]["float"]
    assert entry["mean"] == pytest.approx(damage, abs=2e-6)
    assert entry["within"] is (damage >= -0.1)
    assert set(check["against_wiener"]) == {"float", "integer"}


@pytest.mark.needs("native")
def test_the_engine_does_not_change_a_figure(bundle, corpus, document):
    pairs = [pair for pair in find_pairs(corpus) if pair.name == "machine"]
    result = evaluate_pairs(bundle, pairs, "native")
    assert result.files[0]["systems"] == document["files"][0]["systems"]


def test_people_get_a_table_with_the_cost_of_the_integers_and_a_report(bundle, corpus, tmp_path):
    app = typer.Typer()
    app.command()(evaluate)
    page = tmp_path / "new" / "report.html"
    result = CliRunner().invoke(app, [str(bundle.folder), "--corpus", str(corpus), "--html", str(page)])
    assert result.exit_code == 0
    assert "integer - float" in result.output
    assert f"report: {page}" in result.output.replace("\n", "")
    # The two recordings that have a PESQ, each clean, noisy, Wiener, float and integer.
    assert page.read_text("utf-8").count("<audio") == 10
    assert "left out of the means: pause, noisy, PESQ: the clean recording is digital silence" in result.output


def test_a_float_engine_cannot_stand_for_the_integers(bundle, corpus):
    with pytest.raises(StapesError, match="not an integer engine; choose from numpy, native, tflm"):
        evaluate_pairs(bundle, find_pairs(corpus), "float")


def test_an_unknown_peer_is_refused(bundle):
    with pytest.raises(StapesError, match="peer 'magic' is unknown; choose from rnnoise"):
        make_contest(bundle, "numpy", ["magic"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--metrics", "pesq,loudness"], "metric 'loudness' is unknown; choose from all, fast, pesq"),
        (["--levels", "-10"], "give two or more levels"),
        (["--levels", "loud,soft"], "give two or more levels"),
        (["--levels", "-10,6"], "between -80 and 0 dBFS"),
        (["--clean-snr", "nan"], "give a ratio of -20 to 60 dB"),
        (["--corpus", "nowhere"], "nowhere: no such folder"),
        (["--example", "water"], "--example: names what --html shows"),
        (["--html", "x.html", "--example", "choir"], "--example choir: no such recording; take a name such as furnace"),
        (["--against", "magic"], "peer 'magic' is unknown"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(stapes, bundle, options, words):
    assert words in stapes("evaluate", bundle.folder, *options).error


def test_a_peer_that_is_not_installed_says_how_to_get_it(stapes, bundle, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyrnnoise", None)
    assert "pip install 'stapes[peers]'" in stapes("evaluate", bundle.folder, "--against", "rnnoise").error


def test_an_empty_folder_nan_and_unequal_lengths_are_told_in_one_line(stapes, bundle, tmp_path):
    assert "no noisy and clean pairs" in stapes("evaluate", bundle.folder, "--corpus", tmp_path).error
    write_audio(tmp_path / "a_noisy.wav", np.full(16_000, 100, np.int16))
    assert "no clean partner" in stapes("evaluate", bundle.folder, "--corpus", tmp_path).error
    write_audio(tmp_path / "a_clean.wav", np.full(16_001, 100, np.int16))
    assert "16001" in stapes("evaluate", bundle.folder, "--corpus", tmp_path).error
    soundfile.write(tmp_path / "a_clean.wav", np.full(16_000, np.nan), RATE, subtype="FLOAT")
    assert "NaN" in stapes("evaluate", bundle.folder, "--corpus", tmp_path).error


def test_cd_quality_stereo_is_converted_with_a_remark(stapes, bundle, tmp_path):
    for kind in ("noisy", "clean"):
        audio = read_audio(DEMO / f"machine_{kind}.flac")[8000:24_000]
        stereo = soxr.resample(np.stack([audio, audio], axis=1), RATE, 44_100)
        soundfile.write(tmp_path / f"cd_{kind}.wav", stereo, 44_100)
    done = stapes("evaluate", bundle.folder, "--corpus", tmp_path, "--jobs", "1", "--json")
    assert done.code == 0
    assert json.loads(done.stdout)["files"][0]["seconds"] == pytest.approx(1.0, abs=1e-3)
    assert "2 channels averaged" in done.stderr
    assert "resampled from 44100" in done.stderr


# ---- many recordings, kept as rows


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Nine pairs of half a second, each another; of one the noisy recording is no sound, of one the lengths differ."""
    folder = tmp_path_factory.mktemp("many")
    for place in range(9):
        for kind in ("noisy", "clean"):
            audio = read_audio(DEMO / f"water_{kind}.flac")[8000 + 4000 * place :][:8000]
            write_audio(folder / f"w{place}_{kind}.wav", audio)
    (folder / "w3_noisy.wav").write_bytes(b"RIFF, or so it says")
    write_audio(folder / "w7_clean.wav", np.full(7000, 100, np.int16))
    return folder


def scored(bundle, folder, path, **options):
    return library_evaluate(bundle, folder, metrics="si_sdr,stoi", results=path, **options).to_json()


@pytest.fixture(scope="module")
def small_pieces():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", 2)
        yield


@pytest.fixture(scope="module")
def kept(bundle, many, small_pieces, tmp_path_factory):
    """Results as one process writes them: the file, and what it gives as JSON."""
    path = tmp_path_factory.mktemp("kept") / "results.parquet"
    return path, scored(bundle, many, path, workers=1)


def test_what_cannot_be_read_is_a_row_with_its_reason_and_the_rest_is_scored(kept, stapes, bundle, many):
    path, document = kept
    assert [failed["name"] for failed in document["failed"]] == ["w3", "w7"]
    assert "w3_noisy.wav" in document["failed"][0]["reason"]
    assert [file["name"] for file in document["files"]] == ["w0", "w1", "w2", "w4", "w5", "w6", "w8"]
    rows = pq.read_table(path).to_pylist()
    assert sorted(row["name"] for row in rows) == [f"w{place}" for place in range(9)]
    assert all((row["reason"] is None) == (row["integer.si_sdr"] is not None) for row in rows)
    options = ("--metrics", "si_sdr,stoi", "--results", path)
    assert "not scored: w7: " in stapes("evaluate", bundle.folder, "--corpus", many, *options).stdout


def test_a_stopped_run_goes_on_where_it_was(kept, bundle, many, tmp_path, monkeypatch):
    path, done = tmp_path / "resumed.parquet", []

    def until_the_third(task, entries):
        if len(done) == 2:
            raise StapesError("stopped")
        done.append(len(entries))
        return pieces.score_piece(task, entries)

    monkeypatch.setattr(run, "score_piece", until_the_third)
    with pytest.raises(StapesError, match="stopped"):
        scored(bundle, many, path, workers=1)
    assert not path.exists()
    again = []
    monkeypatch.setattr(
        run, "score_piece", lambda task, entries: again.append(len(entries)) or pieces.score_piece(task, entries)
    )
    assert scored(bundle, many, path, workers=1) == kept[1]
    assert (sum(done) + sum(again), path.read_bytes()) == (9, kept[0].read_bytes())


def test_results_of_another_corpus_or_engine_are_refused(kept, stapes, bundle, many, corpus):
    options = ("--metrics", "si_sdr,stoi", "--results", kept[0])
    told = stapes("evaluate", bundle.folder, "--corpus", corpus, *options).error
    assert "holds results of another corpus" in told
    told = stapes("evaluate", bundle.folder, "--corpus", many, "--engine", "native", *options).error
    assert "holds results of another engine (numpy, not native)" in told
